"""Places at an engine: how many calls it gets at once is its own limit, whatever number of workers there is.

A place is a row with a holder and the moment until which it holds it. Who dies lets go by time, or when the next worker
starts on the same machine (`release_dead`).
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from processing import holders
from processing.engine_settings import PLACES_OTHERWISE
from processing.models import EngineSlot
from vedfolnir.lib.deadlocks import again_after_deadlock

FORGOTTEN = timedelta(days=1)  # after which the places of a machine that is gone are


class NoPlace(Exception):
    """All places of the engine are taken."""


def places(engine: str) -> int:
    """How many calls `engine` (a name of engine_breaker.where) takes at once."""
    return int(settings.ENGINE_PLACES.get(engine.partition("@")[0], PLACES_OTHERWISE))


@contextmanager
def place(engine: str, lease: timedelta) -> Iterator[None]:
    """Hold one of the engine's places for a call that takes no longer than `lease`. Raises NoPlace: nothing waits here.

    Let go at the end, in whatever way that comes.
    """
    slot = _take(engine, lease)
    try:
        yield
    finally:
        # Only if it is still ours: after the lease another call may hold it.
        mine = EngineSlot.objects.filter(pk=slot.pk, holder=slot.holder)
        again_after_deadlock(lambda: mine.update(holder="", held_until=timezone.now()))


def is_full(engine: str) -> bool:
    """Whether a call now would find no place; one look, for those who would prepare it in vain."""
    slots = EngineSlot.objects.filter(engine=engine, number__lt=places(engine))
    return slots.exclude(_free()).count() >= places(engine)


def release_dead(*, alone: bool = False) -> int:
    """Free the places whose holders are known to be dead; how many.

    `alone`: no other machine works with this database, so that only those that are known to live hold anything.
    """
    freed = 0
    for slot in EngineSlot.objects.exclude(_free()):
        if holders.is_gone(slot.holder, alone=alone):
            held = EngineSlot.objects.filter(pk=slot.pk, holder=slot.holder)
            freed += again_after_deadlock(lambda held=held: held.update(holder="", held_until=timezone.now()))  # type: ignore[misc]
    return freed


def _take(engine: str, lease: timedelta) -> EngineSlot:
    free = _free()
    wanted = EngineSlot.objects.filter(engine=engine, number__lt=places(engine))
    if wanted.count() < places(engine):
        _add(engine)
    candidates = list(wanted.filter(free))
    random.shuffle(candidates)  # so that not all try the same one
    for slot in candidates:
        slot.holder, slot.held_until = holders.new(), timezone.now() + lease
        taken = EngineSlot.objects.filter(free, pk=slot.pk)
        values = {"holder": slot.holder, "held_until": slot.held_until}
        if again_after_deadlock(lambda taken=taken, values=values: taken.update(**values)):  # type: ignore[misc]
            return slot
    raise NoPlace(engine)


def _free() -> Q:
    return Q(holder="") | Q(held_until=None) | Q(held_until__lte=timezone.now())


def _add(engine: str) -> None:
    """The rows of an engine that is met for the first time, or whose places became more; away with forgotten ones.

    A machine that is gone (a container has a new name each time) comes for its places no more.
    """
    EngineSlot.objects.filter(held_until__lt=timezone.now() - FORGOTTEN).delete()
    rows = [EngineSlot(engine=engine, number=number) for number in range(places(engine))]
    EngineSlot.objects.bulk_create(rows, ignore_conflicts=True)
