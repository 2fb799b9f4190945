"""What all workers know of a server: one suite for every store, by a clock that only the tests move."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

from accounts.tests.people import make_user
from platforms.tests.cast import make_connection
from platforms.traffic import connections
from platforms.traffic.breaker import OPEN, TRIPS
from platforms.traffic.budget import PAGE, READ, WRITE, Pace
from platforms.traffic.database import DatabaseStore
from platforms.traffic.shared import Shared
from platforms.traffic.stores import MemoryStore, RedisStore, Row, Store
from platforms.traffic.traffic import Held, Ticket, Traffic

pytestmark = pytest.mark.django_db

START = 1_800_000_000.0
HOST = "social.example"
STORES = [MemoryStore, DatabaseStore, pytest.param(RedisStore, marks=pytest.mark.services)]


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """A store, a clock, and the workers that see both; each worker is a process with a memory of its own."""

    store: Store
    clock: Clock = field(default_factory=Clock)

    def worker(self, **options: object) -> Traffic:
        return Traffic(HOST, Shared(self.store), now=self.clock, **options)  # type: ignore[arg-type]


@pytest.fixture(params=STORES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param is not RedisStore:
        yield World(request.param())
        return
    store = RedisStore(settings.REDIS_URL)
    store.clear()
    yield World(store)
    store.clear()
    store.close()


def budget(remaining: int, limit: int | None = 300, resets_in: float | None = 300) -> dict[str, str]:
    said = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": resets_in}
    return {name: str(int(value)) for name, value in said.items() if value is not None}


def wait_of(traffic: Traffic, kind: str = READ, *, from_reserve: bool = False) -> float:
    """How long the next request must wait; 0: it goes out, and comes to nothing."""
    try:
        ticket = traffic.enter(kind, from_reserve=from_reserve)
    except Held as held:
        return held.seconds
    traffic.let_go(ticket)
    return 0.0


def ask(
    traffic: Traffic, status: int = 200, headers: Mapping[str, str] | None = None, kind: str = READ
) -> float | None:
    return traffic.answered(traffic.enter(kind), status, headers or {})


class TestStores:
    def test_a_state_changes_only_where_it_is_still_as_it_was_read(self, world: World) -> None:
        until = START + 60.5
        assert world.store.read("host a") == Row()
        assert world.store.swap("host a", 0, Row(1, {"x": 1}, until), now=START)
        assert not world.store.swap("host a", 0, Row(1, {"x": 2}, until), now=START)
        assert not world.store.swap("host a", 2, Row(3, {"x": 2}, until), now=START)
        assert world.store.swap("host a", 1, Row(2, {"x": 3}, until), now=START)
        assert world.store.read("host a") == Row(2, {"x": 3}, until)
        assert world.store.read("host b") == Row()

    def test_what_has_expired_counts_for_nothing_and_is_replaced(self, world: World) -> None:
        """Wherever the row itself is still there, as in the table until a new name comes."""
        assert world.store.swap("host a", 0, Row(1, {"x": 1}, START + 60), now=START)
        later, shared = START + 61, Shared(world.store)
        assert shared.read("host a", START + 59) == {"x": 1}
        assert shared.read("host a", later) == {}
        shared.change("host a", later, lambda seen: ({"seen": seen}, None), lambda _state: 60)
        assert shared.read("host a", later) == {"seen": {}}

    def test_a_change_never_shortens_how_long_a_name_is_kept(self, world: World) -> None:
        """So where one process still remembers what counts, the store cannot have given it up meanwhile."""
        shared = Shared(world.store)
        shared.change("host a", START, lambda _seen: ({"x": 1}, None), lambda _state: 3600)
        shared.change("host a", START + 1, lambda _seen: ({}, None), lambda _state: 60)
        assert world.store.read("host a").until == START + 3600

    def test_what_others_change_meanwhile_is_not_lost(self, world: World) -> None:
        ours, theirs = Shared(world.store), Shared(world.store)
        meanwhile = [1, 2, 3]

        def add(state: dict[str, int]) -> tuple[dict[str, int], None]:
            if meanwhile:
                meanwhile.pop()
                theirs.change("n", START, lambda seen: ({"n": seen.get("n", 0) + 10}, None), lambda _state: 60)
            return {"n": state.get("n", 0) + 1}, None

        ours.change("n", START, add, lambda _state: 60)
        assert world.store.read("n").state == {"n": 31}


class TestBudgets:
    @pytest.mark.parametrize(
        ("headers", "waits"),
        [
            (budget(19), 300),
            (budget(20), 0),
            (budget(19, None), 300),
            (budget(19, 30), 0),
            (budget(2, 30), 300),
            (budget(2, 30, None), 60),  # until when is not said
            (budget(2, 30, 0), 0),  # filled again by now
            (budget(1, 5), 0),  # too small for a reserve
            (budget(0, 5), 300),
            ({"X-RateLimit-Remaining": "few"}, 0),
            ({}, 0),
        ],
    )
    def test_all_workers_hold_back_near_the_end_of_a_budget(
        self, world: World, headers: dict[str, str], waits: float
    ) -> None:
        ask(world.worker(), headers=headers)
        other = world.worker()
        assert wait_of(other) == pytest.approx(waits)
        world.clock.now += waits
        assert wait_of(other) == 0

    def test_what_was_begun_is_finished_from_the_reserve(self, world: World) -> None:
        ask(world.worker(), headers=budget(5))
        assert wait_of(world.worker()) > 0
        assert wait_of(world.worker(), from_reserve=True) == 0
        ask(world.worker(person=True), headers=budget(0))
        assert wait_of(world.worker(), from_reserve=True) > 0

    def test_requests_without_an_answer_yet_are_counted(self, world: World) -> None:
        first, second = world.worker(), world.worker()
        ask(first, headers=budget(22))
        tickets = [first.enter(), second.enter(), first.enter()]
        assert wait_of(second) == pytest.approx(300)
        second.let_go(tickets.pop())
        assert wait_of(second) == 0

    def test_a_request_whose_worker_died_is_not_counted_for_ever(self, world: World) -> None:
        ask(world.worker(), headers=budget(20))
        world.worker().enter()
        assert wait_of(world.worker()) > 0
        world.clock.now += 61
        assert wait_of(world.worker()) == 0

    def test_answers_out_of_order_do_not_fill_the_budget_again(self, world: World) -> None:
        worker = world.worker()
        early, late = worker.enter(), worker.enter()
        worker.answered(late, 200, budget(19))
        worker.answered(early, 200, budget(20))
        assert wait_of(worker) > 0

    def test_a_budget_of_edits_holds_back_no_reading(self, world: World) -> None:
        """Mastodon shows the nearest of several limits: 300 requests in five minutes, 300 edits in three hours."""
        worker = world.worker()
        ask(worker, headers=budget(290, resets_in=200))
        ask(worker, headers=budget(10, resets_in=9000), kind=WRITE)
        ask(worker, headers=budget(280, resets_in=700), kind=PAGE)
        assert wait_of(worker, WRITE) == pytest.approx(9000)
        assert (wait_of(worker, READ), wait_of(worker, PAGE)) == (0, 0)

    def test_one_budget_for_everything_holds_everything_back(self, world: World) -> None:
        worker = world.worker()
        ask(worker, headers=budget(250), kind=WRITE)
        ask(worker, headers=budget(19), kind=READ)
        assert wait_of(worker, WRITE) == wait_of(worker, READ) == pytest.approx(300)

    def test_a_server_that_says_something_else_each_time_fills_no_store(self, world: World) -> None:
        worker = world.worker()
        for number in range(50):
            ask(worker, headers=budget(1000, 2000 + number, 100 + 10 * number))
        assert len(world.store.read(f"budget {HOST} address").state["windows"]) <= 8

    def test_a_token_has_a_budget_of_its_own_and_an_address_one_for_all(self, world: World) -> None:
        ask(world.worker(counted_as="connection 1"), headers=budget(1))
        assert wait_of(world.worker(counted_as="connection 1")) > 0
        assert wait_of(world.worker(counted_as="connection 2")) == 0
        ask(world.worker(), headers=budget(1))
        assert wait_of(world.worker()) > 0


class Server:
    """Counts as servers do: `limit` requests of each `period`, and says what is left."""

    def __init__(self, clock: Clock, limit: int, period: int = 300) -> None:
        self.clock, self.limit, self.period = clock, limit, period
        self.counts: dict[int, int] = {}

    def answer(self) -> tuple[int, dict[str, str]]:
        number = int(self.clock.now // self.period)
        self.counts[number] = self.counts.get(number, 0) + 1
        left = self.limit - self.counts[number]
        headers = budget(max(0, left), self.limit, (number + 1) * self.period - self.clock.now)
        return (200 if left >= 0 else 429), headers


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [40, 100])
def test_many_workers_never_ask_for_more_than_the_server_allows(world: World, limit: int, seed: int) -> None:
    """Whatever the order in which requests leave, arrive and are answered."""
    chance, server = random.Random(seed), Server(world.clock, limit)
    workers = [world.worker(counted_as="connection 1") for _number in range(4)]
    under_way: list[tuple[Traffic, Ticket]] = []
    arrived: list[tuple[Traffic, Ticket, int, dict[str, str]]] = []
    for _step in range(4 * limit):
        free = [one for one in workers if all(one is not busy for busy, *_rest in [*under_way, *arrived])]
        if free and chance.random() < 0.6:
            worker = chance.choice(free)
            try:
                under_way.append((worker, worker.enter(chance.choice([READ, PAGE, WRITE]))))
            except Held as held:
                if not under_way and not arrived:
                    world.clock.now += min(held.seconds, 30)
        if under_way and chance.random() < 0.6:
            arrived.append((*under_way.pop(chance.randrange(len(under_way))), *server.answer()))
        if arrived and chance.random() < 0.6:
            worker, ticket, status, headers = arrived.pop(chance.randrange(len(arrived)))
            worker.answered(ticket, status, headers)
    assert max(server.counts.values()) <= limit
    assert max(server.counts.values()) >= limit // 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("headers", "waits"),
        [
            ({"Retry-After": "30"}, 30),
            ({"Date": "Sat, 21 Nov 2026 12:00:00 GMT", "Retry-After": "Sat, 21 Nov 2026 12:00:45 GMT"}, 45),
            ({"Retry-After": "30, Sat, 21 Nov 2026 12:01:00 GMT"}, 30),
            (budget(0, 300, 200), 200),
            ({**budget(0, 300, 200), "Retry-After": "250"}, 250),
            ({"Retry-After": "0", **budget(0, 300, 200)}, 200),
            ({}, 60),
            ({"Retry-After": "0"}, 60),
            ({"Date": "Sat, 21 Nov 2026 12:00:00 GMT", "Retry-After": "Sat, 21 Nov 2026 11:59:00 GMT"}, 60),
            (budget(0, 300, 0), 60),
            ({**budget(0), "X-RateLimit-Reset": "2020-01-01T00:00:00Z"}, 60),
        ],
    )
    def test_after_429_all_workers_wait_as_long_as_the_server_says(
        self, world: World, headers: dict[str, str], waits: float
    ) -> None:
        assert ask(world.worker(), 429, headers) == pytest.approx(waits)
        assert wait_of(world.worker()) == pytest.approx(waits)
        world.clock.now += waits + 1
        assert wait_of(world.worker()) == 0

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, budget(0, 300, 0)])
    def test_without_a_useful_word_they_wait_twice_as_long_each_time_up_to_half_an_hour(
        self, world: World, headers: dict[str, str]
    ) -> None:
        waits = []
        for _number in range(7):
            waits.append(ask(world.worker(), 429, headers))
            world.clock.now += (waits[-1] or 0) + 1
        assert waits == [60, 120, 240, 480, 960, 1800, 1800]
        ask(world.worker())
        assert ask(world.worker(), 429, headers) == 60

    def test_refusals_of_requests_under_way_together_count_once(self, world: World) -> None:
        worker = world.worker()
        first, second = worker.enter(), worker.enter()
        worker.answered(first, 429, {})
        assert worker.answered(second, 429, {}) == pytest.approx(60)

    def test_even_what_was_begun_waits_once_the_server_has_said_no(self, world: World) -> None:
        ask(world.worker(), 429, {"Retry-After": "30"})
        assert wait_of(world.worker(), from_reserve=True) == pytest.approx(30)

    def test_a_refusal_that_is_counted_by_address_pauses_every_connection_to_the_server(self, world: World) -> None:
        connection = make_connection(make_user("alice"), instance_url=f"https://{HOST}")
        ask(world.worker(counted_as="connection 1", dependents=connections), 429, {"Retry-After": "30"})
        connection.refresh_from_db()
        assert connection.paused_until is None
        ask(world.worker(dependents=connections), 429, {"Retry-After": "30"})
        connection.refresh_from_db()
        assert connection.paused_until == datetime.fromtimestamp(START + 30, UTC)

    def test_503_with_a_time_makes_everybody_wait_and_is_no_sign_of_death(self, world: World) -> None:
        for _number in range(TRIPS):
            assert ask(world.worker(), 503, {"Retry-After": "7"}) == pytest.approx(7)
            assert wait_of(world.worker(counted_as="connection 2")) == pytest.approx(7)
            world.clock.now += 7
        assert world.worker().outlook().silent_since is None


class TestPace:
    def test_at_most_so_many_writes_in_any_period_where_the_server_says_nothing(self, world: World) -> None:
        worker, sent, longest = world.worker(pace=Pace(10, 60)), list[float](), 0.0
        for _second in range(400):
            if wait := wait_of(worker, WRITE):
                longest = max(longest, wait)
                world.clock.now += 1
            else:
                sent.append(world.clock.now)
        assert all(sum(start <= one < start + 60 for one in sent) <= 10 for start in sent)
        assert len(sent) > 40
        assert longest <= 65
        assert wait_of(worker, READ) == 0

    def test_a_server_that_tells_what_it_allows_is_believed(self, world: World) -> None:
        worker = world.worker(pace=Pace(2, 60))
        assert [ask(worker, headers=budget(200), kind=WRITE) for _number in range(5)] == [None] * 5


class TestBreaker:
    def fail(self, world: World, times: int = TRIPS) -> None:
        for number in range(times):
            worker = world.worker()
            ticket = worker.enter()
            if number % 2:
                worker.failed(ticket)
            else:
                worker.answered(ticket, 502, {})

    @pytest.mark.parametrize("wish", ["0", "Sat, 21 Nov 2020 12:00:00 GMT"])
    def test_a_server_that_fails_and_wants_to_be_asked_at_once_for_ever_is_left_alone(
        self, world: World, wish: str
    ) -> None:
        for _number in range(TRIPS):
            assert ask(world.worker(), 503, {"Retry-After": wish}) is None
        assert wait_of(world.worker()) == pytest.approx(OPEN)

    def test_ten_failures_in_a_row_by_any_workers_close_the_way_for_all(self, world: World) -> None:
        self.fail(world, TRIPS - 1)
        assert wait_of(world.worker()) == 0
        self.fail(world, 1)
        with pytest.raises(Held) as held:
            world.worker(counted_as="connection 9").enter()
        assert held.value.seconds == pytest.approx(OPEN)
        assert HOST in held.value.reason
        assert world.worker().outlook().silent_since == datetime.fromtimestamp(START, UTC)

    def test_an_answer_of_any_other_kind_starts_the_count_again(self, world: World) -> None:
        for status in (200, 404, 401, 422, 429):
            self.fail(world, TRIPS - 1)
            ask(world.worker(counted_as=f"connection {status}"), status)
        self.fail(world, TRIPS - 1)
        assert world.worker().outlook().silent_since is None

    def test_after_a_minute_one_worker_tries_and_the_others_wait(self, world: World) -> None:
        self.fail(world)
        world.clock.now += OPEN
        probe = world.worker().enter()
        assert wait_of(world.worker()) > 0
        world.worker().failed(probe)
        assert wait_of(world.worker()) == pytest.approx(OPEN)

    def test_a_good_probe_opens_the_way_again(self, world: World) -> None:
        self.fail(world)
        world.clock.now += OPEN
        ask(world.worker())
        assert wait_of(world.worker()) == 0
        self.fail(world, TRIPS - 1)
        assert wait_of(world.worker()) == 0

    def test_a_probe_whose_worker_died_or_that_was_not_sent_makes_room_for_another(self, world: World) -> None:
        self.fail(world)
        world.clock.now += OPEN
        world.worker().enter()
        assert wait_of(world.worker()) > 0
        world.clock.now += 60
        assert (wait_of(world.worker()), wait_of(world.worker())) == (0, 0)  # let go, each time

    def test_a_probe_that_its_budget_holds_back_makes_room_for_another(self, world: World) -> None:
        poor, other = world.worker(counted_as="connection 1"), world.worker(counted_as="connection 2")
        ask(poor, headers=budget(0))
        self.fail(world)
        world.clock.now += OPEN
        with pytest.raises(Held):
            poor.enter()
        assert wait_of(other) == 0

    def test_a_request_of_a_person_is_the_probe_at_any_time(self, world: World) -> None:
        self.fail(world)
        person = world.worker(person=True)
        person.failed(person.enter())
        assert wait_of(world.worker()) > 0
        ask(person)
        assert wait_of(world.worker()) == 0

    def test_what_was_under_way_when_it_closed_does_not_keep_it_closed(self, world: World) -> None:
        worker = world.worker()
        late = [worker.enter() for _number in range(3)]
        self.fail(world)
        world.clock.now += OPEN - 1
        for ticket in late:
            worker.failed(ticket)
        world.clock.now += 1
        assert wait_of(world.worker()) == 0

    def test_connections_to_a_dead_host_are_paused_with_it(self, world: World) -> None:
        owner = make_user("alice")
        dead = make_connection(owner, instance_url=f"https://{HOST}")
        alive = make_connection(owner, name="Other", instance_url="https://other.example")
        worker = world.worker(dependents=connections)
        for _number in range(TRIPS):
            worker.failed(worker.enter())
        dead.refresh_from_db()
        alive.refresh_from_db()
        assert (dead.paused_until, alive.paused_until) == (datetime.fromtimestamp(START + OPEN, UTC), None)
        ask(world.worker(person=True, dependents=connections))
        dead.refresh_from_db()
        assert dead.paused_until is None


def test_far_from_the_end_the_database_is_not_written_for_each_request(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    clock, shared = Clock(), Shared(DatabaseStore())
    traffic = Traffic(HOST, shared, now=clock)
    ask(traffic, headers=budget(290))
    before = shared.read(f"budget {HOST} address", START)
    with django_assert_num_queries(4):  # host and budget, before and after; nothing but reading
        ask(traffic, headers=budget(289))
    assert shared.read(f"budget {HOST} address", START) == before
