"""Redis that is gone or emptied, a transaction that is undone: the work goes on, and knows what it knew."""

import logging

import pytest
from django.conf import settings
from django.db import transaction

from platforms.models import TrafficState
from platforms.tests.test_traffic import HOST, Clock, ask, budget, wait_of
from platforms.traffic import shared as sharing
from platforms.traffic.database import DatabaseStore
from platforms.traffic.shared import Shared
from platforms.traffic.stores import MemoryStore, RedisStore, Row, Store, StoreUnavailable
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

    def swap(self, name: str, seen: int, row: Row, *, now: float, seconds: float) -> bool:
        self._answer()
        return super().swap(name, seen, row, now=now, seconds=seconds)

    def _answer(self) -> None:
        self.asked += 1
        if self.is_gone:
            raise StoreUnavailable("gone")


class Proxy:
    """A store that is not a memory store to `Shared`."""

    exact = True

    def __init__(self, store: Flaky) -> None:
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
    traffic = worker(Proxy(flaky), clock)
    flaky.is_gone = True
    for _number in range(5):
        ask(traffic)
    ask(traffic, headers=budget(5))
    assert flaky.asked == 1
    flaky.is_gone = False
    moment[0] += sharing.ALONE
    assert wait_of(traffic) > 0
    assert wait_of(worker(Proxy(flaky), clock)) > 0  # and now everybody knows


@pytest.mark.services
def test_a_redis_that_was_emptied_learns_again_what_the_workers_know() -> None:
    store, clock = RedisStore(settings.REDIS_URL), Clock()
    store.clear()
    traffic = worker(store, clock)
    ask(traffic, 429, {"Retry-After": "30"})
    store._client.flushdb()
    assert wait_of(traffic) == pytest.approx(30)
    assert wait_of(worker(store, clock)) == pytest.approx(30)
    store.clear()
    store.close()


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
