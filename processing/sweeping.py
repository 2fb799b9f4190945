"""Ringing for whatever is due, a little of everything, so that no task waits behind a larger one."""

import random
import time
from itertools import chain, islice, zip_longest

from django.db.models import Min
from django.utils import timezone

from captions.models import Image, Publication
from platforms.grants import forget_expired_sign_ins
from platforms.models import PlatformConnection
from processing import doorbells
from processing.models import CaptionGenerationTask

CHUNK = 5  # images in one message
MESSAGES = 16  # that may wait in a queue; more would only be rung for twice
TASKS = 100  # looked at in one round
RENEWALS = 5  # tokens in one round
ROUND = 60.0  # seconds for which tasks keep their turn


def sweep() -> None:
    """Ring for due tasks, images and publications, as far as the queues have room, and for tokens that end."""
    ring_renewals()
    ring_io()
    ring_images()
    forget_expired_sign_ins()


def ring_renewals() -> None:
    """Ring for a few connections whose token is about to end; one without work needs it, too."""
    due = PlatformConnection.objects.to_renew(timezone.now()).order_by("renew_at")
    chosen = list(due.values_list("pk", flat=True)[:RENEWALS])
    if chosen:  # the broker is not asked for nothing
        for pk in chosen[: _room(doorbells.IO)]:
            doorbells.renewal(pk)


def ring_io() -> None:
    """Ring for due and for ended but not yet withdrawn tasks, and for one publication of each account."""
    room = _room(doorbells.IO)
    # To read an account whose server asked to wait, or does not answer, would take the turn of another.
    paused = PlatformConnection.objects.filter(paused_until__gt=timezone.now())
    can_go_on = CaptionGenerationTask.objects.due().exclude(scanned_at=None, platform_connection__in=paused)
    tasks = can_go_on.order_by("next_attempt_at").values_list("pk", flat=True)
    ended = CaptionGenerationTask.objects.withdrawing().order_by("next_attempt_at").values_list("pk", flat=True)
    for_tasks = (room + 1) // 2
    for task_id in [*ended[: (for_tasks + 1) // 2], *tasks[:for_tasks]][:for_tasks]:
        doorbells.task(task_id)
    for account in _accounts_to_publish_for(room // 2):
        ring_next_publication(account)


def ring_next_publication(account: int) -> None:
    """Ring for the oldest due publication of a connection that nobody writes to now."""
    if Publication.objects.writing().filter(platform_connection=account).exists():
        return
    due = Publication.objects.due().filter(platform_connection=account).order_by("next_attempt_at", "pk")
    oldest = due.values_list("pk", flat=True).first()
    if oldest is not None:
        doorbells.publication(oldest)


def _accounts_to_publish_for(room: int) -> list[int]:
    """Connections with a due publication and without a writer, whose oldest one waits longest first."""
    now = timezone.now()
    busy = list(Publication.objects.writing(now).values_list("platform_connection", flat=True))
    due = Publication.objects.due(now).exclude(platform_connection__in=busy).order_by().values("platform_connection")
    oldest = due.annotate(oldest=Min("next_attempt_at")).order_by("oldest")
    return list(oldest.values_list("platform_connection", flat=True)[:room])


def ring_images() -> None:
    """Fill the queue with due images, behind those that wait there already."""
    waiting = doorbells.waiting(doorbells.CAPTIONS)
    if waiting is not None:
        for ids in due_chunks(MESSAGES)[waiting:]:
            doorbells.images(ids)


def due_chunks(room: int) -> list[list[int]]:
    """The first `room` chunks of due images: one of each task in turn, then those that no task asks for.

    The order is the same for everybody for a while, and the queue is served in it: so many messages as wait there
    stand for so many chunks at the beginning. Where that is wrong, the next sweeps ring for what was left out.
    """
    active = _tasks_in_turn()
    now = timezone.now()
    resting = list(PlatformConnection.objects.filter(is_active=False).values_list("pk", flat=True))
    due = Image.objects.due(now).exclude(platform_connection__in=resting)
    of_tasks: list[list[list[int]]] = []
    for task_id in active:
        of_task = due.filter(batch_id=task_id).order_by("pk").values_list("pk", flat=True)
        if found := list(of_task[: CHUNK * room]):
            of_tasks.append(_chunks(found))
        if len(of_tasks) == room:
            break
    in_turn = [ids for ids in chain.from_iterable(zip_longest(*of_tasks)) if ids]
    if len(in_turn) < room:
        ended = list(CaptionGenerationTask.objects.withdrawing().values_list("pk", flat=True))
        rest = due.exclude(batch_id__in=[*active, *ended]).order_by("next_attempt_at", "pk")
        in_turn += _chunks(list(rest.values_list("pk", flat=True)[:CHUNK]))
    return in_turn[:room]


def _tasks_in_turn() -> list[str]:
    """Active tasks in an order that is chosen anew every ROUND, so that each comes first at some time."""
    active = list(CaptionGenerationTask.objects.active().order_by("created_at").values_list("pk", flat=True)[:TASKS])
    random.Random(int(time.time() // ROUND)).shuffle(active)  # noqa: S311  (a turn, no secret)
    return active


def _chunks(ids: list[int]) -> list[list[int]]:
    remaining = iter(ids)
    return list(iter(lambda: list(islice(remaining, CHUNK)), []))


def _room(queue: str) -> int:
    waiting = doorbells.waiting(queue)
    return 0 if waiting is None else max(0, MESSAGES - waiting)
