"""The review queue and the review page: they translate HTTP; `captions.actions` decides."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.models import User
from accounts.roles import Ability
from captions import actions, queue, review_texts, unsaved
from captions.forms import ApprovalForm, NewDraftForm, RejectionForm
from captions.models import CaptionVersion, Image, Publication
from captions.queue import Cursor, Scope, State
from captions.review_page import ReviewPage, Typed, why_by_hand
from platforms import switching
from vedfolnir.lib.numbers import row_number
from vedfolnir.lib.text import clean_alt_text


@login_required
@require_safe
def review_queue(request: SignedInRequest) -> HttpResponse:
    """The pictures in one state, of one connection or all, a page at a time."""
    visible = queue.light_connections().visible_to(request.user)
    chosen = switching.chosen(request)
    state = State(value) if (value := request.GET.get("state")) in State.values else State.AWAITING
    page = queue.page(Scope.of(request.user, visible, chosen), state, Cursor.parse(request.GET.get("after", "")))
    context = {
        "page": page,
        "state": state,
        "states": State,
        "is_first_page": "after" not in request.GET,
        "has_connections": bool(switching.switcher(request).offered),
        "only": chosen,
        "query": _query(request),
        "now": timezone.now(),
        "sees_all": request.user.can(Ability.SEE_ALL),
    }
    return render(request, "captions/queue.html", context)


@login_required
@require_safe
def review(request: SignedInRequest, pk: int) -> HttpResponse:
    """One picture with its post and its text. Opening it holds it for this reviewer for a few minutes.

    `?text=` is the number of a caption version that goes into the box instead of the latest text.
    """
    image = _visible_image(request, pk)
    number = row_number(request.GET.get("text", ""))
    chosen = review_texts.usable(image, number) if number is not None else None
    kept = unsaved.words(request.session, image.pk) if chosen is None else None
    if kept is None:
        return _page(request, image, chosen=chosen)
    text, language, seen = kept
    return _page(request, image, Typed(text, language=language, kept_since=seen))


def _for_the_page(
    view: Callable[[SignedInRequest, int], HttpResponse],
) -> Callable[[SignedInRequest, int], HttpResponse]:
    """Let a form's address lead to the picture when it is only looked at: after signing in again, or by "reload"."""

    @wraps(view)
    def answer(request: SignedInRequest, pk: int) -> HttpResponse:
        if request.method in ("GET", "HEAD") and request.user.is_authenticated:
            if Image.objects.visible_to(request.user).filter(pk=pk).exists():
                return redirect(_address("captions:review", request, pk))
            return HttpResponseNotAllowed(["POST"])  # as where nobody is signed in: it says nothing of the row
        return view(request, pk)

    return answer


@login_required
@require_safe
def next_image(request: SignedInRequest) -> HttpResponseRedirect:
    """Go to the next picture that nobody else holds; `?after=` is the one just left.

    `?state=error` goes through the pictures in error, else it is those that await review. 404, as in the queue,
    where the address names a connection that this person may not see.
    """
    switching.chosen(request)
    state = State.ERROR if request.GET.get("state") == State.ERROR else State.AWAITING
    after = row_number(request.GET.get("after", ""))
    left = Image.objects.visible_to(request.user).filter(pk=after).first() if after is not None else None
    image = queue.next_to_decide(_decidable_scope(request), request.user, state, left)
    if image is not None:
        return redirect(_address("captions:review", request, image.pk))
    if not messages.get_messages(request):
        messages.info(request, _("There is no other picture to review."))
    return redirect(_address("captions:queue", request, **_named(state)))


@login_required
@_for_the_page
@require_POST
def approve(request: SignedInRequest, pk: int) -> HttpResponse:
    image = _visible_image(request, pk)
    form = ApprovalForm(request.POST)
    if not form.is_valid():
        return _page(request, image, Typed(text=request.POST.get("text", ""), refusal=_form_errors(form)), status=422)

    values = form.cleaned_data
    text, language = values["text"], values["language"]
    try:
        decision = actions.approve(
            image,
            text=text,
            reviewer=request.user,
            seen=values["seen"],
            seen_edit=values["seen_edit"],
            language=language,
        )
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.TextRefused as refused:
        return _page(request, image, Typed(text, str(refused), refused.findings, language=language), status=422)
    except actions.PostChanged as refused:
        return _page(request, image, Typed(text, str(refused), language=language), status=409)
    except actions.TextChanged as refused:
        latest = refused.latest.text if refused.latest else ""
        return _page(request, image, Typed(text, str(refused), other_text=latest, language=language), status=409)
    except actions.AlreadyDecided as refused:
        image.refresh_from_db()
        return _page(request, image, Typed(text, str(refused), other_text=image.text), status=409)
    unsaved.forget(request.session, image.pk)
    messages.success(request, f"{_after_approval(image, decision)} {_left(request, image)}")
    if why_by_hand(image):
        return redirect(_address("captions:review", request, image.pk))  # where the text is to be copied
    return redirect(_next(request, image))


@login_required
@_for_the_page
@require_POST
def reject(request: SignedInRequest, pk: int) -> HttpResponse:
    image = _visible_image(request, pk)
    form = RejectionForm(request.POST)
    if not form.is_valid():
        return _page(request, image, Typed(rejection=form), status=422)

    try:
        actions.reject(image, reason=form.cleaned_data["reason"], reviewer=request.user)
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.AlreadyDecided as refused:
        image.refresh_from_db()
        return _page(request, image, Typed(refusal=str(refused), rejection=form), status=409)
    unsaved.forget(request.session, image.pk)
    done = _("Rejected: the picture stays without an alt text of ours.")
    messages.success(request, f"{done} {_left(request, image)}")
    return redirect(_next(request, image))


@login_required
@_for_the_page
@require_POST
def skip(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    """Leave the picture to somebody else, and go on."""
    image = _visible_image(request, pk)
    actions.release_claim(image, request.user)
    return redirect(_next(request, image))


@require_POST
@login_required
def hold(request: SignedInRequest, pk: int) -> HttpResponse:
    """Renew the hold while the reviewer types: 204, or 409 when it is not theirs any more."""
    image = _visible_image(request, pk)
    held = Image.objects.decidable_by(request.user).claim_for_review(image.pk, request.user)
    return HttpResponse(status=204 if held else 409)


@require_POST
@login_required
def publish_now(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    """Publish what is approved of the image's post without waiting for the rest."""
    image = _visible_image(request, pk)
    try:
        actions.publish_now(image.post, user=request.user)
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.DecisionRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("It will be published in a moment."))
    return redirect("captions:review", pk=image.pk)


@require_POST
@login_required
def reopen(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    """Have an approved picture reviewed again, by this person or by whoever opens it next."""
    image = _visible_image(request, pk)
    try:
        actions.reopen(image, user=request.user)
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.DecisionRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("The picture awaits review again, with the text that was approved."))
    return redirect(_address("captions:review", request, image.pk))


@require_POST
@login_required
def requeue(request: SignedInRequest, pk: int) -> HttpResponseRedirect:
    """Have a picture in error drafted once more."""
    image = _visible_image(request, pk)
    try:
        actions.requeue(image, user=request.user)
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.DecisionRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("A draft will be tried once more."))
    return redirect("captions:review", pk=image.pk)


@login_required
@_for_the_page
@require_POST
def redraft(request: SignedInRequest, pk: int) -> HttpResponse:
    """Ask for a new draft, or for more of them beside it. What was typed meanwhile stays in the box."""
    image = _visible_image(request, pk)
    form, typed = NewDraftForm(request.POST), request.POST.get("text")
    kept = None if typed is None or clean_alt_text(typed) == image.text else typed
    words = request.POST.get("instruction", "")
    refusal = "" if form.is_valid() else _form_errors(form)
    try:
        if not refusal:
            _ask_for_draft(image, request.user, form.cleaned_data["wish"], form.cleaned_data["instruction"])
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.DecisionRefused as refused:
        refusal = str(refused)
    image = _visible_image(request, pk)
    if refusal:
        return _page(request, image, Typed(kept, refusal, instruction=words), status=422)
    language = request.POST.get("language", "")[:20]
    if kept is None:
        unsaved.forget(request.session, image.pk)
    elif not unsaved.keep(request.session, image.pk, kept, language, _seen(request)):
        return _page(request, image, Typed(kept, language=language))
    return redirect(_address("captions:review", request, image.pk))


@login_required
@_for_the_page
@require_POST
def put_away(request: SignedInRequest, pk: int) -> HttpResponse:
    """Take the unsaved words out of the box: the text that is stored comes back."""
    image = _visible_image(request, pk)
    unsaved.forget(request.session, image.pk)
    return redirect(_address("captions:review", request, image.pk))


def _seen(request: SignedInRequest) -> int:
    """The latest version that was on the page from which the form came."""
    return row_number(request.POST.get("seen", "")) or actions.NO_VERSION


def _ask_for_draft(image: Image, user: User, wish: str, words: str) -> None:
    instruction = review_texts.instruction_for(wish, words)
    candidates = review_texts.CANDIDATES if wish == review_texts.MORE else 0
    actions.ask_again_for_draft(image, user=user, instruction=instruction, candidates=candidates)


@login_required
@require_safe
def drafting(request: SignedInRequest, pk: int) -> HttpResponse:
    """What became of the new draft, asked for every few seconds; 204 while it is being made.

    `?had=` is the number of the latest text that the page has: a draft that came after it is shown.
    """
    image = _visible_image(request, pk)
    if image.is_redrafting and request.GET.get("waits") == ("1" if image.processing_error else ""):
        return HttpResponse(status=204)
    Image.objects.note_opening(image.pk, request.user)
    page = ReviewPage(image, request.user, may_decide=True, is_held=True)
    had = row_number(request.GET.get("had", "")) or actions.NO_VERSION
    context = page.context() | {"query": _query(request), "had": had}
    if image.is_redrafting:
        context["seen"] = had  # what is shown now is no news of the text
    return render(request, "captions/review_drafted.html", context)


@login_required
@_for_the_page
@require_POST
def decorative(request: SignedInRequest, pk: int) -> HttpResponse:
    """Close the picture as decoration, which needs no alt text."""
    image = _visible_image(request, pk)
    try:
        actions.mark_decorative(image, reviewer=request.user)
    except actions.NotAllowed as refused:
        raise PermissionDenied from refused
    except actions.AlreadyDecided as refused:
        image.refresh_from_db()
        return _page(request, image, Typed(refusal=str(refused)), status=409)
    unsaved.forget(request.session, image.pk)
    done = _("Decorative: the picture needs no alt text, and none is written.")
    messages.success(request, f"{done} {_left(request, image)}")
    return redirect(_next(request, image))


@login_required
@require_safe
def picture(request: SignedInRequest, pk: int) -> HttpResponseBase:
    """Our prepared copy of the picture: always a JPEG that we wrote, never what the server sent."""
    image = get_object_or_404(Image.objects.visible_to(request.user), pk=pk)
    root = Path(settings.MEDIA_ROOT).resolve()
    path = (root / image.local_path).resolve()
    if not image.local_path or not path.is_relative_to(root) or not path.is_file():
        return HttpResponse(_("There is no copy of this picture here."), content_type="text/plain", status=404)
    response = FileResponse(path.open("rb"), content_type="image/jpeg")
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _visible_image(request: SignedInRequest, pk: int) -> Image:
    images = Image.objects.visible_to(request.user).select_related("post", "platform_connection", "claimed_by")
    return get_object_or_404(images.defer(*(f"platform_connection__{name}" for name in queue.CREDENTIALS)), pk=pk)


def _page(
    request: SignedInRequest,
    image: Image,
    typed: Typed | None = None,
    status: int = 200,
    chosen: CaptionVersion | None = None,
) -> HttpResponse:
    decidable = Image.objects.decidable_by(request.user)
    is_held = decidable.claim_for_review(image.pk, request.user)
    may_decide = is_held or decidable.filter(pk=image.pk).exists()
    if is_held:
        image.claimed_by = request.user
    page = ReviewPage(image, request.user, may_decide, is_held, typed or Typed(), chosen)
    context = page.context() | {
        "query": _query(request),
        "next_url": _next(request, image),
        "count_left": queue.count(_decidable_scope(request), _state(image)),
    }
    return render(request, "captions/review.html", context, status=status)


def _decidable_scope(request: SignedInRequest) -> Scope:
    """What this person may decide on, within the connection that the address names, or else the active one."""
    if not request.user.can(Ability.DECIDE):
        return Scope(())
    decidable = queue.light_connections().decidable_by(request.user)
    named = request.GET.get("connection")
    number = row_number(named or "")
    if number is None and named != "" and (active := switching.switcher(request).active) is not None:
        number = active.pk
    if number is None:
        return Scope.of(request.user, decidable, None)
    return Scope((number,)) if decidable.filter(pk=number).exists() else Scope(())


def _query(request: SignedInRequest, **more: object) -> str:
    """The connection that the address names, or its word for all of them, goes along from page to page."""
    named = request.GET.get("connection")
    is_filter = named == "" or row_number(named or "") is not None
    values = ({"connection": named} if is_filter else {}) | more
    return f"?{urlencode(values)}" if values else ""


def _address(name: str, request: SignedInRequest, *args: int, **more: object) -> str:
    return reverse(name, args=args) + _query(request, **more)


def _next(request: SignedInRequest, image: Image) -> str:
    return _address("captions:next", request, after=image.pk, **_named(_state(image)))


def _state(image: Image) -> State:
    """The part of the queue that an image is, or was, decided in: one goes on there."""
    return State.ERROR if image.status == Image.Status.ERROR else State.AWAITING


def _named(state: State) -> dict[str, str]:
    """How an address names the state; what awaits review needs no name."""
    return {"state": state.value} if state is State.ERROR else {}


def _form_errors(form: ApprovalForm | NewDraftForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in cast("list[str]", errors))


def _after_approval(image: Image, decision: actions.Decision) -> str:
    """What happens to the approved text now."""
    connection = image.platform_connection
    if why := why_by_hand(image):
        return _("Approved. Copy the text below and add it by hand. %(why)s") % {"why": why}
    if connection is not None and connection.is_stopped_elsewhere():
        return _("Approved. Nothing is published to this account before somebody has looked at what went wrong there.")
    if connection is not None and (not connection.is_active or connection.attention):
        return _("Approved. Nothing is published before somebody has looked after the connection “%(name)s”.") % {
            "name": connection.name
        }
    if decision.publication is not None and decision.publication.status == Publication.Status.WAITING:
        return ngettext(
            "Approved. It is published when %(count)d more picture of this post is decided.",
            "Approved. It is published when %(count)d more pictures of this post are decided.",
            decision.waiting_for,
        ) % {"count": decision.waiting_for}
    return _("Approved. It will be published in a moment.")


def _left(request: SignedInRequest, decided: Image) -> str:
    """How many are left of the kind that `decided` was."""
    state = _state(decided)
    count = queue.count(_decidable_scope(request), state)
    if not count:
        return _("No picture is left in error.") if state is State.ERROR else _("Nothing is left to review.")
    if count > queue.COUNT_CAP:
        return _("More than %(count)d are left.") % {"count": queue.COUNT_CAP}
    return ngettext("%(count)d is left.", "%(count)d are left.", count) % {"count": count}
