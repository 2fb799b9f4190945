"""Redis that is gone or emptied, a transaction that is undone: the work goes on, and knows what it knew."""

import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction

from platforms.models import TrafficState
from platforms.tests.test_traffic import HOST, Clock, ask, budget, wait_of
from platforms.traffic import shared as sharing
from platforms.traffic.breaker import OPEN, TRIPS
from platforms.traffic.database import DatabaseStore
from platforms.traffic.shared import Shared
from platforms.traffic.stores import NOTHING, PREFIX, MemoryStore, RedisStore, Row, Store, StoreUnavailable
from platforms.traffic.traffic import Traffic
from vedfolnir.tests.live import free_port


class Flaky(MemoryStore):
    """A store that can be gone; what it kept is there again afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.is_gone = False
        self.asked = 0

    def read(self, name: str) -> Row:
        self._answer()
        return super().read(name)

    def swap(self, name: str, seen: int, row: Row, *, now: float) -> bool:
        self._answer()
        return super().swap(name, seen, row, now=now)

    def _answer(self) -> None:
        self.asked += 1
        if self.is_gone:
            raise StoreUnavailable("gone")


class Remote:
    """A store that is not a memory store to `Shared`."""

    exact = True

    def __init__(self, store: Store) -> None:
        self.read, self.swap = store.read, store.swap


def worker(store: Store, clock: Clock) -> Traffic:
    return Traffic(HOST, Shared(store), now=clock)


def test_without_redis_each_process_goes_by_what_it_knows_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    store = RedisStore(f"redis://127.0.0.1:{free_port()}/0")
    ours, theirs = (Traffic(HOST, Shared(store)) for _number in range(2))
    with caplog.at_level(logging.WARNING):
        for _number in range(5):
            assert ask(ours) is None
        ask(ours, 429, {"Retry-After": "30"})
        assert wait_of(ours) == pytest.approx(30, abs=5)
    assert len([record for record in caplog.records if "not shared" in record.message]) == 1
    assert wait_of(theirs) == 0
    store.close()


def test_a_store_that_is_gone_is_asked_again_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [1000.0]
    monkeypatch.setattr(sharing, "monotonic", lambda: moment[0])
    flaky, clock = Flaky(), Clock()
    traffic = worker(Remote(flaky), clock)
    flaky.is_gone = True
    for _number in range(5):
        ask(traffic)
    ask(traffic, headers=budget(5))
    assert flaky.asked == 1
    flaky.is_gone = False
    moment[0] += sharing.ALONE
    assert wait_of(traffic) > 0
    assert wait_of(worker(Remote(flaky), clock)) > 0  # and now everybody knows


def test_what_a_server_asked_for_meanwhile_is_told_to_a_store_that_has_learned_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moment = [1000.0]
    monkeypatch.setattr(sharing, "monotonic", lambda: moment[0])
    store, others, clock = Flaky(), Flaky(), Clock()
    others._rows = store._rows  # the same rows, but these processes reach them all the time
    ours, theirs = worker(Remote(store), clock), worker(Remote(others), clock)
    ask(ours, headers=budget(200))
    store.is_gone = True
    ask(ours, 429, {"Retry-After": "3600"})
    for left in range(199, 190, -1):
        ask(theirs, headers=budget(left))
    store.is_gone = False
    moment[0] += sharing.ALONE
    assert wait_of(ours) == pytest.approx(3600)
    assert wait_of(theirs) == pytest.approx(3600)


class Forgetful(MemoryStore):
    """Gives up what has expired, as Redis does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def read(self, name: str) -> Row:
        row = super().read(name)
        return row if row.until > self.clock() else NOTHING

    def swap(self, name: str, seen: int, row: Row, *, now: float) -> bool:
        if self.read(name) == NOTHING:
            self._rows.pop(name, None)
        return super().swap(name, seen, row, now=now)


@pytest.mark.parametrize("idle", [60, 300, 3700, 7300, 23 * 3600])
@pytest.mark.parametrize("works_meanwhile", [False, True])
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_a_person_ended_does_not_come_back(status: int, works_meanwhile: bool, idle: float) -> None:
    """Also not in the process that had heard of it, when the shared state has expired."""
    clock = Clock()
    store = Remote(Forgetful(clock))
    first, other = worker(store, clock), worker(store, clock)
    person = Traffic(HOST, Shared(store), person=True, now=clock)
    ask(first, status, {"Retry-After": "86400"})
    ask(person)
    if works_meanwhile:
        ask(first)
    clock.now += idle
    assert (wait_of(first), wait_of(other)) == (0, 0)


def test_a_breaker_that_another_process_closed_stays_closed() -> None:
    clock = Clock()
    store = Remote(Forgetful(clock))
    first, other = worker(store, clock), worker(store, clock)
    for _number in range(TRIPS):
        first.failed(first.enter())
    clock.now += OPEN + 1
    ask(other)
    clock.now += 3700
    assert (wait_of(first), first.outlook().silent_since) == (0, None)


@pytest.fixture
def emptied() -> Iterator[RedisStore]:
    store = RedisStore(settings.REDIS_URL)
    store.clear()
    yield store
    store.clear()
    store.close()


@pytest.mark.services
def test_a_redis_that_was_emptied_learns_again_what_the_workers_know(emptied: RedisStore) -> None:
    clock = Clock()
    traffic = worker(emptied, clock)
    ask(traffic, 429, {"Retry-After": "30"})
    emptied._client.flushdb()
    assert wait_of(traffic) == pytest.approx(30)
    assert wait_of(worker(emptied, clock)) == pytest.approx(30)


@pytest.mark.services
def test_in_an_emptied_redis_nothing_old_replaces_what_a_server_has_said_since(emptied: RedisStore) -> None:
    clock = Clock()
    knows_much, knows_little = worker(emptied, clock), worker(emptied, clock)
    ask(knows_little, headers=budget(299))
    for left in range(298, 280, -1):
        ask(knows_much, headers=budget(left))
    emptied._client.flushdb()
    ask(knows_little, 429, {"Retry-After": "3600"})
    for each in (knows_little, knows_much, worker(emptied, clock)):
        assert wait_of(each) == pytest.approx(3600)


@pytest.mark.services
def test_a_name_lives_in_redis_as_long_as_what_it_once_said(emptied: RedisStore) -> None:
    clock = Clock()
    ask(worker(emptied, clock), 503, {"Retry-After": "7200"})
    ask(Traffic(HOST, Shared(emptied), person=True, now=clock))
    assert emptied._client.ttl(f"{PREFIX}host {HOST}") > 7200


@pytest.mark.django_db
def test_a_transaction_that_is_undone_forgets_no_refusal() -> None:
    clock = Clock()
    traffic = worker(DatabaseStore(), clock)
    ask(traffic)
    with transaction.atomic():
        ask(traffic, 429, {"Retry-After": "30"})
        transaction.set_rollback(True)
    assert wait_of(traffic) == pytest.approx(30)
    clock.now += 31
    assert wait_of(traffic) == 0


@pytest.mark.django_db
def test_rows_that_nobody_needs_any_more_go_when_a_new_server_comes() -> None:
    clock = Clock()
    ask(worker(DatabaseStore(), clock), 429, {"Retry-After": "30"})
    assert TrafficState.objects.count() == 1
    clock.now += 24 * 3600
    ask(Traffic("other.example", Shared(DatabaseStore()), now=clock), 429, {"Retry-After": "30"})
    assert list(TrafficState.objects.values_list("name", flat=True)) == ["budget other.example address"]
