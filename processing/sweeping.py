"""Ringing for whatever is due, a little of everything, so that no task waits behind a larger one."""

import random
from itertools import chain, islice, zip_longest

from django.utils import timezone

from captions.models import Image, Publication
from processing import doorbells
from processing.models import CaptionGenerationTask

CHUNK = 5  # images in one message
MESSAGES = 16  # that may wait in a queue; more would only be rung for twice
TASKS = 100  # looked at in one round


def sweep() -> None:
    """Ring for due tasks, images and publications, as far as the queues have room."""
    ring_io()
    ring_images()


def ring_io() -> None:
    room = _room(doorbells.IO)
    tasks = CaptionGenerationTask.objects.due().order_by("next_attempt_at").values_list("pk", flat=True)
    publications = Publication.objects.due().order_by("next_attempt_at").values_list("pk", flat=True)
    for task_id in tasks[: (room + 1) // 2]:
        doorbells.task(task_id)
    for pk in publications[: room // 2]:
        doorbells.publication(pk)


def ring_images() -> None:
    for ids in due_chunks(_room(doorbells.CAPTIONS)):
        doorbells.images(ids)


def due_chunks(room: int) -> list[list[int]]:
    """Up to `room` chunks of due images: one of each task in turn, then those that no task asks for."""
    if room <= 0:
        return []
    active = list(CaptionGenerationTask.objects.active().order_by("created_at").values_list("pk", flat=True)[:TASKS])
    random.shuffle(active)
    now = timezone.now()
    due = Image.objects.due(now).order_by("pk").values_list("pk", flat=True)
    of_tasks = [_chunks(list(due.filter(batch_id=task_id)[: CHUNK * room])) for task_id in active[:room]]
    in_turn = [ids for ids in chain.from_iterable(zip_longest(*of_tasks)) if ids]
    if len(in_turn) < room:
        rest = Image.objects.due(now).exclude(batch_id__in=active).order_by("next_attempt_at", "pk")
        in_turn += _chunks(list(rest.values_list("pk", flat=True)[:CHUNK]))
    return in_turn[:room]


def _chunks(ids: list[int]) -> list[list[int]]:
    remaining = iter(ids)
    return list(iter(lambda: list(islice(remaining, CHUNK)), []))


def _room(queue: str) -> int:
    waiting = doorbells.waiting(queue)
    return 0 if waiting is None else max(0, MESSAGES - waiting)
