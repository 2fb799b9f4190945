"""What killed workers held at engines is free again when the next one starts, and what living ones hold is not."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from processing import engine_slots, holders, left_behind, tasks
from processing.engine_breaker import EngineBreaker
from processing.models import EngineSlot
from processing.serving import plan
from processing.tests.engines_case import TEXT, EnginesCase

LONG = timedelta(minutes=10)
ELSEWHERE = "c0ffee:17:4711:00000000"  # of another machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@contextmanager
def other_process() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A process, and a name that it took."""
    code = "from processing import holders; print(holders.new(), flush=True); input()"
    folder = Path(settings.BASE_DIR)
    argv = [sys.executable, "-c", code]
    child = subprocess.Popen(argv, cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip(), child
    finally:
        child.kill()
        child.communicate()


def of_the_dead() -> str:
    with other_process() as (name, _child):
        return name


def test_a_name_tells_whether_its_process_lives() -> None:
    with other_process() as (name, child):
        assert len(name) <= 36
        assert holders.is_alive(name)
        child.kill()
        child.wait()
        assert holders.is_alive(name) is False
    assert holders.is_alive(holders.new())
    assert holders.is_alive(ELSEWHERE) is None
    assert holders.is_alive("somebody else") is None


def test_another_process_with_the_same_number_is_not_the_same() -> None:
    machine, pid, _started, random = holders.new().split(":")
    assert holders.is_alive(f"{machine}:{pid}:1:{random}") is False


@override_settings(ENGINE_PLACES={"ollama": 2})
class LeftBehindTests(EnginesCase):
    def held_by(self, *holders: str) -> None:
        until = timezone.now() + LONG
        for number, holder in enumerate(holders):
            EngineSlot.objects.create(engine="ollama", number=number, holder=holder, held_until=until)

    @override_settings(EMBEDDED=True)
    def test_a_picture_is_drafted_at_once_after_serve_was_killed_in_the_middle(self) -> None:
        image = self.found()
        self.held_by(of_the_dead(), ELSEWHERE)  # that one: of the container before this one
        with mock.patch("processing.serving.plan.connection.close"):
            plan.captions(plan.Options("", 0, 0, 1, 1, 1)).before_start()
        self.draft(image)
        assert image.generated_caption == TEXT

    @override_settings(EMBEDDED=True)
    def test_a_command_that_runs_beside_serve_keeps_its_place(self) -> None:
        with other_process() as (living, _child):
            self.held_by(living, of_the_dead())
            assert left_behind.release_calls() == 1
            assert EngineSlot.objects.exclude(holder="").get().holder == living

    @override_settings(EMBEDDED=False)
    def test_a_worker_frees_what_the_dead_of_its_own_machine_held(self) -> None:
        self.held_by(of_the_dead(), ELSEWHERE)
        with mock.patch("processing.left_behind.connection.close"):
            tasks.free_what_dead_workers_held()
        assert EngineSlot.objects.exclude(holder="").get().holder == ELSEWHERE

    def test_who_tried_an_engine_and_died_lets_another_try_it(self) -> None:
        began = timezone.now().timestamp()
        EngineBreaker("ollama", LONG).failed()
        with mock.patch("processing.engine_breaker.time", return_value=began + 20):
            with mock.patch("processing.holders.new", side_effect=of_the_dead):
                probe = EngineBreaker("ollama", LONG)
            assert probe.enter() == 0
            assert EngineBreaker("ollama", LONG).enter() > 0
            left_behind.release_calls()
            assert EngineBreaker("ollama", LONG).enter() == 0
            left_behind.release_calls()
            assert EngineBreaker("ollama", LONG).enter() > 0  # the one that lives is trying it

    def test_a_place_that_is_held_names_its_process(self) -> None:
        with engine_slots.place("ollama", LONG):
            assert holders.is_alive(EngineSlot.objects.exclude(holder="").get().holder)
