"""What the client and the pages do with what is known of a server: every shape of a refusal, from a real one."""

from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.tests.people import make_user
from platforms import actions
from platforms.clients.api import Api, HeldBack
from platforms.clients.base import PlatformRefused, PlatformUnavailable
from platforms.clients.families import family
from platforms.models import PlatformConnection, TrafficState
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.speaking import client_for, outlook_for
from platforms.tests.cast import host_of, make_connection
from platforms.traffic import doors
from platforms.traffic.breaker import TRIPS
from platforms.traffic.budget import READ, WRITE
from platforms.traffic.shared import Shared
from platforms.traffic.stores import RedisStore
from platforms.traffic.traffic import Held, Outlook, private
from vedfolnir.tests.live import free_port

pytestmark = pytest.mark.django_db

VERIFY = "/api/v1/accounts/verify_credentials"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def connection(alice: User, sandbox: SandboxHandle, settings: Settings) -> PlatformConnection:
    settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
    return make_connection(alice, sandbox)


def refusal_of(connection: PlatformConnection) -> PlatformUnavailable:
    client = client_for(connection)
    try:
        with pytest.raises(PlatformUnavailable) as refused:
            client.verify()
    finally:
        client.close()
    return refused.value


def answers(connection: PlatformConnection) -> None:
    client = client_for(connection)
    try:
        client.verify()
    finally:
        client.close()


class TestRefusals:
    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("shape", ["retry_after", "retry_after_date"])
    def test_the_second_worker_does_not_even_ask(
        self, connection: PlatformConnection, sandbox: SandboxHandle, status: int, shape: str
    ) -> None:
        wish: dict[str, Any] = {shape: 90}
        sandbox.fault(status, **wish)
        first, second = refusal_of(connection), refusal_of(connection)
        assert (type(first), type(second)) == (PlatformUnavailable, HeldBack)
        assert first.retry_after == pytest.approx(90, abs=3)
        assert second.retry_after == pytest.approx(90, abs=3)
        assert "asks us to wait until" in second.reason
        assert len(sandbox.requests(path_prefix=VERIFY)) == 1

    @pytest.mark.parametrize("shape", ["iso", "epoch", "delta", "none"])
    @pytest.mark.parametrize("retry_after", ["seconds", "date", "both", "none"])
    def test_no_shape_of_a_limit_lets_a_request_pass_that_would_be_refused(
        self, connection: PlatformConnection, sandbox: SandboxHandle, shape: str, retry_after: str
    ) -> None:
        sandbox.set_rate_limit(4, shape=shape, retry_after=retry_after, window=3600)
        for _number in range(10):
            with suppress(PlatformUnavailable):
                answers(connection)
        asked = [one.status for one in sandbox.requests(path_prefix=VERIFY)]
        assert asked.count(200) == 4
        assert asked.count(429) <= 1

    def test_a_server_in_trouble_that_names_no_time_is_asked_again(
        self, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(502, reset_after=90)  # the end of our budget, not of its trouble
        assert refusal_of(connection).retry_after is None
        answers(connection)

    def test_what_may_not_be_asked_says_nothing_of_the_server(self, sandbox: SandboxHandle) -> None:
        known = private(host_of(sandbox.url))
        with Api(sandbox.url, allow=[host_of(sandbox.url)], traffic=known) as api:
            for _number in range(TRIPS):
                with pytest.raises(PlatformRefused):
                    api.get("no-slash")
        assert known.outlook() == Outlook()


class TestPace:
    def test_pixelfed_takes_ten_edits_a_minute_from_one_user_and_never_says_so(self, alice: User) -> None:
        first, second = (
            make_connection(owner, platform_type="pixelfed", account_id="7") for owner in (alice, make_user("bob"))
        )
        other = make_connection(alice, name="Other", platform_type="pixelfed", account_id="8", username="other")
        rates = family("pixelfed").profile.rates
        for number in range(10):
            worker = doors.for_connection((first, second)[number % 2], rates)
            assert worker.answered(worker.enter(WRITE), 200, {}) is None
        for connection in (first, second):
            with pytest.raises(Held):
                doors.for_connection(connection, rates).enter(WRITE)
            doors.for_connection(connection, rates).enter(READ)
        doors.for_connection(other, rates).enter(WRITE)


class TestDeadServers:
    def connect_dead(self, owner: User, settings: Settings) -> PlatformConnection:
        address = f"127.0.0.1:{free_port()}"
        settings.OUTBOUND_ALLOW = (address,)
        return make_connection(owner, instance_url=f"http://{address}")

    def test_ten_attempts_and_then_none(self, alice: User, settings: Settings) -> None:
        connection = self.connect_dead(alice, settings)
        assert [type(refusal_of(connection)) for _number in range(TRIPS + 2)] == [
            *[PlatformUnavailable] * TRIPS,
            *[HeldBack] * 2,
        ]
        assert "has not answered since" in refusal_of(connection).reason
        assert outlook_for(connection).silent_since is not None

    def test_the_page_says_it_and_a_test_by_a_person_tries_at_once(
        self, alice: User, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(502, times=None)
        for _number in range(TRIPS):
            refusal_of(connection)
        page = self.page(alice, connection)
        assert "The server does not answer" in page
        assert "The next try is at" in page

        sandbox.clear_faults()
        assert isinstance(refusal_of(connection), HeldBack)
        actions.test_connection(connection, alice)
        answers(connection)
        connection.refresh_from_db()
        assert connection.paused_until is None
        assert "The server does not answer" not in self.page(alice, connection)

    def test_a_test_that_fails_keeps_the_way_closed(
        self, alice: User, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(502, times=None)
        for _number in range(TRIPS):
            refusal_of(connection)
        with pytest.raises(actions.ConnectRefused, match="in trouble"):
            actions.test_connection(connection, alice)
        assert isinstance(refusal_of(connection), HeldBack)

    def page(self, user: User, connection: PlatformConnection) -> str:
        client = Client()
        client.force_login(user)
        content: bytes = client.get(reverse("platforms:detail", args=[connection.pk])).content
        return content.decode()

    def test_the_page_says_until_when_the_server_wants_to_be_left_alone(
        self, alice: User, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(429, retry_after=600)
        refusal_of(connection)
        assert "The server asks us to wait" in self.page(alice, connection)

    def test_the_page_works_without_redis(
        self, alice: User, connection: PlatformConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = RedisStore(f"redis://127.0.0.1:{free_port()}/0")
        shared = Shared(store)
        monkeypatch.setattr(doors, "everybodys", cache(lambda: shared))
        assert connection.name in self.page(alice, connection)
        store.close()

    def test_the_page_knows_a_pause_that_only_the_connection_remembers(self, alice: User) -> None:
        connection = make_connection(alice, paused_until=timezone.now() + timedelta(minutes=5))
        assert "The server asks us to wait" in self.page(alice, connection)
        PlatformConnection.objects.update(paused_until=timezone.now() - timedelta(minutes=5))
        assert "The server asks us to wait" not in self.page(alice, connection)


class TestPeople:
    """What a person's test of a connection finds counts for its workers."""

    def test_a_test_that_goes_well_ends_the_pause_after_a_refusal(
        self, alice: User, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(429, retry_after=600)
        refusal_of(connection)
        PlatformConnection.objects.update(paused_until=timezone.now() + timedelta(minutes=10))

        actions.test_connection(connection, alice)

        assert outlook_for(connection) == Outlook()
        answers(connection)

    def test_a_test_that_is_refused_holds_the_workers_back_too(
        self, alice: User, connection: PlatformConnection, sandbox: SandboxHandle
    ) -> None:
        sandbox.fault(429, path_prefix=VERIFY, retry_after=600)
        with pytest.raises(actions.ConnectRefused):
            actions.test_connection(connection, alice)
        assert outlook_for(connection).asked_until is not None

    def test_where_the_server_counts_by_address_people_and_workers_share_one_budget(
        self, alice: User, settings: Settings, tmp_path: Path
    ) -> None:
        with running_sandbox(tmp_path, like="gotosocial") as sandbox:
            settings.OUTBOUND_ALLOW = (host_of(sandbox.url),)
            connection = make_connection(alice, sandbox, platform_type="gotosocial", software="gotosocial")
            sandbox.fault(429, path_prefix="/api/v2/instance", retry_after=600)
            with pytest.raises(actions.ConnectRefused):
                actions.test_connection(connection, alice)
            assert outlook_for(connection).asked_until is not None


class TestFiles:
    def fail(self, url: str) -> None:
        for _number in range(TRIPS):
            host = doors.for_files(url)
            host.failed(host.enter())

    @pytest.mark.parametrize(
        "url",
        [
            "http://pictures.example/x.png",
            "https://pictures.example:8443/x.png",
            "http://pictures.example:443/x.png",
            "https://other.example/x.png",
        ],
    )
    def test_a_port_where_nothing_answers_shuts_no_other_one(self, url: str) -> None:
        """Whoever can post can name one."""
        self.fail(url)
        doors.for_files("https://pictures.example/x.png").enter()
        with pytest.raises(Held):
            doors.for_files(url).enter()

    @pytest.mark.parametrize("url", ["https://PICTURES.example:443/y.png", "https://pictures.example./z.png"])
    def test_one_port_is_the_same_however_it_is_written(self, url: str) -> None:
        self.fail("https://pictures.example/x.png")
        with pytest.raises(Held, match=r"pictures\.example has not answered"):
            doors.for_files(url).enter()

    @pytest.mark.parametrize(
        "url",
        [
            "https://ex\ud800ample.org/x.png",
            "https://exa\x00mple.org/x.png",
            f"https://{'a' * 900}.example/x.png",
            "https://[::1/x.png",
            "https://somebody:secret@example.org/x.png",
            "nonsense",
            "",
        ],
    )
    def test_of_what_is_no_address_nothing_is_kept(self, url: str) -> None:
        self.fail(url)
        doors.for_files(url).enter()
        assert not TrafficState.objects.exists()
