"""The dashboard and the pages of tasks: they translate HTTP, `processing.actions` decides."""

from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from platforms import switching
from platforms.models import PlatformConnection
from processing import actions
from processing.dashboard import cards, counts, decidable_ids
from processing.figures import errors, final_figures, unreadable_posts
from processing.models import CaptionGenerationTask
from processing.progress import Progress, Seen
from vedfolnir.lib.numbers import row_number

PAGE = 50
ERRORS_SHOWN = 20


@login_required
@require_safe
def dashboard(request: SignedInRequest) -> HttpResponse:
    """Every connection that one may see: what waits there, and what is under way."""
    only = switching.chosen(request)
    return render(request, "processing/dashboard.html", {"cards": cards(request.user, only), "only": only})


@login_required
@require_safe
def task_list(request: SignedInRequest) -> HttpResponse:
    """Tasks that one may see, newest first, a page at a time."""
    tasks = CaptionGenerationTask.objects.visible_to(request.user).order_by("-created_at")
    only = switching.chosen(request)
    if only is not None:
        tasks = tasks.filter(platform_connection=only)
    if before := _moment(request.GET.get("before", "")):
        tasks = tasks.filter(created_at__lt=before)
    page = list(tasks.select_related("platform_connection", "user").defer("results_json")[: PAGE + 1])
    older = page[PAGE - 1].created_at.isoformat() if len(page) > PAGE else ""
    return render(request, "processing/tasks.html", {"tasks": page[:PAGE], "older": older, "only": only})


@login_required
@require_safe
def task_detail(request: SignedInRequest, pk: str) -> HttpResponse:
    """One task: how far it is, what came of it, and what went wrong."""
    task = _visible_task(request, pk)
    context = {
        "task": task,
        "progress": Progress.of(task),
        "figures": final_figures(task.pk),
        "errors": errors(task.pk, ERRORS_SHOWN),
        "unreadable": unreadable_posts(task)[:ERRORS_SHOWN],
        "may_change": bool(decidable_ids(request.user, [task.platform_connection_id])),
    }
    return render(request, "processing/task.html", context)


@login_required
@require_safe
def progress(request: SignedInRequest, pk: str) -> HttpResponse:
    """The moving part of a page, asked for every two seconds; 204 while nothing has changed."""
    task = _visible_task(request, pk)
    now, seen = Progress.of(task), Seen.parse(request.GET.get("seen", ""))
    if seen == now.seen:
        return HttpResponse(status=204)
    context = {
        "task": task,
        "progress": now,
        "announce": now.is_news_after(seen),
        "counts": counts([task.platform_connection_id]).get(task.platform_connection_id),
        "connection": task.platform_connection,
        "may_start": bool(decidable_ids(request.user, [task.platform_connection_id])),
        "place": "card" if request.GET.get("place") == "card" else "page",
    }
    return render(request, "processing/progress_update.html", context)


@login_required
@require_POST
def start(request: SignedInRequest) -> HttpResponse:
    """Start a task for the connection named in the form."""
    try:
        actions.start_task(_named_connection(request), request.user)
    except actions.TaskNotAllowed as error:
        raise PermissionDenied from error
    except actions.TaskRefused as error:
        messages.warning(request, str(error))
    return redirect("dashboard")


@login_required
@require_POST
def retry_errors(request: SignedInRequest) -> HttpResponse:
    """Try the pictures of a connection that ended in an error once more."""
    try:
        task = actions.requeue_errors(_named_connection(request), request.user)
    except actions.TaskNotAllowed as error:
        raise PermissionDenied from error
    except actions.TaskRefused as error:
        messages.warning(request, str(error))
        return redirect("dashboard")
    return redirect("tasks:detail", pk=task.pk)


@login_required
@require_POST
def cancel(request: SignedInRequest, pk: str) -> HttpResponse:
    task = _visible_task(request, pk)
    try:
        actions.cancel_task(task, request.user)
    except actions.TaskNotAllowed as error:
        raise PermissionDenied from error
    except actions.TaskRefused as error:
        messages.warning(request, str(error))
    else:
        messages.success(
            request, _("The task was cancelled. Drafts that are there stay; pictures in hand may still be finished.")
        )
    return redirect("tasks:detail", pk=pk)


@login_required
@require_POST
def requeue(request: SignedInRequest, pk: str) -> HttpResponse:
    task = _visible_task(request, pk)
    try:
        actions.requeue_task(task, request.user)
    except actions.TaskNotAllowed as error:
        raise PermissionDenied from error
    except actions.TaskRefused as error:
        messages.warning(request, str(error))
    return redirect("tasks:detail", pk=pk)


def _visible_task(request: SignedInRequest, pk: str) -> CaptionGenerationTask:
    visible = CaptionGenerationTask.objects.visible_to(request.user).select_related("platform_connection", "user")
    return get_object_or_404(visible, pk=pk)


def _named_connection(request: SignedInRequest) -> PlatformConnection:
    named = row_number(request.POST.get("connection", ""))
    return get_object_or_404(PlatformConnection.objects.visible_to(request.user), pk=named)


def _moment(text: str) -> datetime | None:
    """A time with its zone, as UTC; None for anything else, such as one whose UTC has no year 1 to 9999."""
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
