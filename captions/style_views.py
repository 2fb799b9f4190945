"""The page of how a connection writes: it translates HTTP; `captions.house_style` decides."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import SignedInRequest, ability_required
from accounts.models import User
from accounts.roles import Ability
from captions import house_style, language_codes
from captions.house_style import StyleRefused
from captions.models import GlossaryEntry
from captions.style_forms import GlossaryForm, StyleGuideForm
from platforms.models import PlatformConnection
from platforms.switching import SECRETS


@ability_required(Ability.DECIDE)
@require_http_methods(["GET", "HEAD", "POST"])
def guide(request: SignedInRequest, pk: int) -> HttpResponse:
    """Show how alt texts of this connection are written, and change it."""
    connection = _connection(request, pk)
    form = StyleGuideForm(request.POST if request.method == "POST" else None, instance=house_style.guide_of(connection))
    if not form.is_bound:
        return _page(request, connection, form, GlossaryForm())
    if not form.is_valid():
        return _page(request, connection, form, GlossaryForm(), status=422)

    house_style.save_guide(connection, request.user, **form.cleaned_data)
    messages.success(request, _("Saved. Drafts from now on are written like that."))
    return redirect("style:guide", pk=pk)


@require_POST
@ability_required(Ability.DECIDE)
def add_term(request: SignedInRequest, pk: int) -> HttpResponse:
    connection = _connection(request, pk)
    form = GlossaryForm(request.POST)
    if form.is_valid():
        try:
            entry = house_style.save_term(connection, request.user, **form.cleaned_data)
        except StyleRefused as refused:
            form.add_error(refused.field or None, refused.reason)
        else:
            messages.success(request, _("“%(term)s” is in the glossary.") % {"term": entry.term})
            return redirect("style:guide", pk=pk)
    stored = StyleGuideForm(instance=house_style.guide_of(connection))
    return _page(request, connection, stored, form, status=422)


@ability_required(Ability.DECIDE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit_term(request: SignedInRequest, pk: int, entry: int) -> HttpResponse:
    connection = _connection(request, pk)
    term = get_object_or_404(GlossaryEntry, platform_connection=connection, pk=entry)
    name = term.term  # the form writes into `term` what was typed
    form = GlossaryForm(request.POST if request.method == "POST" else None, instance=term)
    if form.is_bound and form.is_valid():
        try:
            house_style.save_term(connection, request.user, term, **form.cleaned_data)
        except StyleRefused as refused:
            form.add_error(refused.field or None, refused.reason)
        else:
            messages.success(request, _("Saved."))
            return redirect("style:guide", pk=pk)
    context = {"connection": connection, "form": form, "name": name}
    return render(request, "captions/glossary_entry.html", context, status=422 if form.is_bound else 200)


@require_POST
@ability_required(Ability.DECIDE)
def remove_term(request: SignedInRequest, pk: int, entry: int) -> HttpResponseRedirect:
    connection = _connection(request, pk)
    term = get_object_or_404(GlossaryEntry, platform_connection=connection, pk=entry)
    house_style.remove_term(term, request.user)
    messages.success(request, _("“%(term)s” is not in the glossary any more.") % {"term": term.term})
    return redirect("style:guide", pk=pk)


def style_panel(request: HttpRequest, connection: PlatformConnection) -> SafeString | None:
    """On a connection's page: how it writes, for those who decide on its alt texts."""
    if not house_style.may_style(connection, cast(User, request.user)):
        return None
    context = {
        "connection": connection,
        "guide": house_style.guide_of(connection),
        "terms": GlossaryEntry.objects.filter(platform_connection=connection).count(),
    }
    return render_to_string("captions/style_panel.html", context, request)


def _connection(request: SignedInRequest, pk: int) -> PlatformConnection:
    """A connection on whose alt texts this person decides; for everybody else the address does not exist."""
    return get_object_or_404(PlatformConnection.objects.decidable_by(request.user).defer(*SECRETS), pk=pk)


def _page(
    request: SignedInRequest,
    connection: PlatformConnection,
    form: StyleGuideForm,
    term_form: GlossaryForm,
    status: int = 200,
) -> HttpResponse:
    context = {
        "connection": connection,
        "form": form,
        "term_form": term_form,
        "terms": GlossaryEntry.objects.filter(platform_connection=connection).order_by("term", "pk"),
        "languages": language_codes.named(),
    }
    return render(request, "captions/style.html", context, status=status)
