"""Pages about what was, or was not, written back."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from captions.models import Image, Publication
from platforms import switching
from platforms.models import PlatformConnection
from processing.publishing import explaining, requests
from vedfolnir.lib.numbers import row_number

PAGE = 50
PANEL = 5  # publications on a connection's page


@login_required
@require_safe
def publication_list(request: HttpRequest) -> HttpResponse:
    """The latest publications that one may see, newest first; `?status=` shows one kind."""
    publications = Publication.objects.visible_to(cast(User, request.user)).order_by("-pk")
    only = switching.chosen(request)
    if only is not None:
        publications = publications.filter(platform_connection=only)
    chosen = request.GET.get("status", "")
    if chosen in Publication.Status.values:
        publications = publications.filter(status=chosen)
    before = row_number(request.GET.get("before", ""))
    if before is not None:
        publications = publications.filter(pk__lt=before)
    page = list(publications.select_related("post", "platform_connection")[: PAGE + 1])
    context = {
        "publications": page[:PAGE],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "statuses": Publication.Status.choices,
        "chosen": chosen,
        "only": only,
    }
    return render(request, "processing/publications.html", context)


@login_required
@require_safe
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One publication: what was written, what the server had before, why not, and the text to copy."""
    user = cast(User, request.user)
    publication = get_object_or_404(
        Publication.objects.visible_to(user).select_related("post", "platform_connection"), pk=pk
    )
    may_decide = PlatformConnection.objects.decidable_by(user).filter(pk=publication.platform_connection_id).exists()
    context = {
        "publication": publication,
        "images": publication.post.images.filter(status__in=(Image.Status.APPROVED, Image.Status.POSTED)).order_by(
            "attachment_index"
        ),
        "may_retry": may_decide and requests.can_be_retried(publication),
        "may_undo": may_decide and requests.can_be_undone(publication),
        "put_back": explaining.put_back(publication),
        "lost": explaining.lost(publication),
        "lost_pictures": explaining.lost_pictures(publication),
    }
    return render(request, "processing/publication.html", context)


def undoable_panel(request: HttpRequest, connection: PlatformConnection) -> SafeString | None:
    """On a connection's page: what went wrong there and can be taken back, for those who may."""
    user = cast(User, request.user)
    if not PlatformConnection.objects.decidable_by(user).filter(pk=connection.pk).exists():
        return None
    refused, posted = Q(status=Publication.Status.REFUSED), Q(status=Publication.Status.POSTED)
    gone_wrong = Publication.objects.filter(
        refused | posted & Q(alarm__isnull=False), platform_connection=connection, before__isnull=False
    )
    latest = list(gone_wrong.select_related("post").order_by("-pk")[:PANEL])
    if not latest:
        return None
    return render_to_string("processing/undoable_panel.html", {"publications": latest}, request)


def stopped_panel(request: HttpRequest, connection: PlatformConnection) -> SafeString | None:
    """On a connection's page: that nothing is written because of what happened by another one to the same account.

    It says no more than that: posts, words and people of the other connection are not for everybody who sees this one.
    """
    if not connection.is_stopped_elsewhere():
        return None
    return render_to_string("processing/stopped_panel.html", {}, request)


@require_POST
@login_required
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    return _ask(request, pk, requests.retry, _("It will be tried again in a moment."))


@require_POST
@login_required
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    return _ask(request, pk, requests.request_undo, _("It will be undone in a moment."))


def _ask(request: HttpRequest, pk: int, action: Callable[..., Any], done: str) -> HttpResponse:
    user = cast(User, request.user)
    publication = get_object_or_404(Publication.objects.visible_to(user).select_related("post"), pk=pk)
    try:
        action(publication, user=user)
    except requests.RequestRefused as error:
        messages.error(request, error.reason)
    else:
        messages.success(request, done)
    return redirect("publications:detail", pk=pk)
