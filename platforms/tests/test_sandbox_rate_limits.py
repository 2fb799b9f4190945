"""How the sandbox tells clients that they ask too often, in the shapes that real servers use."""

import http.client
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from platforms.sandbox.testing import SandboxHandle
from platforms.tests.api import Api

PATH = "/api/v2/instance"
NAMES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def ask(sandbox: SandboxHandle, address: str = "127.0.0.1", token: str = "") -> http.client.HTTPResponse:
    """One request from that address of this machine; unlike requests, this keeps headers that come twice apart."""
    connection = http.client.HTTPConnection(
        sandbox.url.removeprefix("http://"), timeout=10, source_address=(address, 0)
    )
    try:
        connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def test_the_reset_comes_as_a_date_as_a_moment_or_as_seconds_to_go(sandbox: SandboxHandle, anonymous: Api) -> None:
    def reset(shape: str) -> str:
        sandbox.set_rate_limit(100, shape=shape)
        return str(anonymous("GET", PATH).headers["X-RateLimit-Reset"])

    now, window = time.time(), 300
    assert now < datetime.fromisoformat(reset("iso")).timestamp() <= now + window + 5
    assert now < int(reset("epoch")) <= now + window + 5
    assert 0 <= int(reset("delta")) <= window


def test_some_servers_count_and_say_nothing(sandbox: SandboxHandle) -> None:
    sandbox.set_rate_limit(1, shape="none")
    answers = [ask(sandbox) for _ in range(2)]
    assert [one.status for one in answers] == [200, 429]
    assert not any(one.getheader(name) for one in answers for name in (*NAMES, "Retry-After"))


@pytest.mark.parametrize(("retry_after", "expected"), [("seconds", 1), ("date", 1), ("both", 2), ("none", 0)])
def test_a_refusal_says_when_to_come_back_once_twice_or_not_at_all(
    sandbox: SandboxHandle, retry_after: str, expected: int
) -> None:
    sandbox.set_rate_limit(0, retry_after=retry_after, window=60)
    refusal = ask(sandbox)
    told = refusal.headers.get_all("Retry-After") or []
    assert (refusal.status, len(told)) == (429, expected)
    for one in told:
        wait = int(one) if one.isdigit() else (parsedate_to_datetime(one) - datetime.now(UTC)).total_seconds()
        assert 0 <= wait <= 61


def test_the_limit_counts_tokens_or_addresses(sandbox: SandboxHandle) -> None:
    here, there = "127.0.0.1", "127.0.0.2"
    sandbox.set_rate_limit(1, per="token")
    first, second = sandbox.token, sandbox.issue_token()
    asked = [(here, first), (there, first), (here, second), (here, ""), (here, ""), (there, "")]
    assert [ask(sandbox, *one).status for one in asked] == [200, 429, 200, 200, 429, 200]

    sandbox.set_rate_limit(2, per="address", window=299)
    asked = [(here, first), (here, second), (here, ""), (there, first)]
    assert [ask(sandbox, *one).status for one in asked] == [200, 200, 429, 200]


def test_a_window_ends(sandbox: SandboxHandle) -> None:
    sandbox.set_rate_limit(1, window=1, shape="epoch")
    deadline = time.monotonic() + 10
    while ask(sandbox).status == 200:
        assert time.monotonic() < deadline, "two requests never fell into one second"
    while ask(sandbox).status == 429:
        assert time.monotonic() < deadline, "the next second never came"


def test_a_word_that_means_nothing_is_refused(sandbox: SandboxHandle) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        sandbox.fault(429, reset_after=1, reset_shape="roman")
    for wrong in ({"shape": "roman"}, {"per": "user"}, {"retry_after": "soon"}):
        with pytest.raises(ValueError, match="is not a valid"):
            sandbox.set_rate_limit(1, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [429, 503])
def test_a_fault_asks_to_wait_twice_as_a_server_does_that_starts(sandbox: SandboxHandle, status: int) -> None:
    sandbox.fault(status, retry_after=30, retry_after_date=30)
    answer = ask(sandbox)
    seconds, date = answer.headers.get_all("Retry-After") or []
    assert (answer.status, seconds) == (status, "30")
    assert 25 <= (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds() <= 31


@pytest.mark.parametrize(("shape", "least", "most"), [("epoch", 50, 61), ("delta", 60, 60)])
def test_a_fault_names_the_reset_in_each_shape(sandbox: SandboxHandle, shape: str, least: int, most: int) -> None:
    sandbox.fault(429, reset_after=60, reset_shape=shape)
    answer = ask(sandbox)
    assert answer.getheader("X-RateLimit-Remaining") == "0"
    told = int(answer.getheader("X-RateLimit-Reset") or "")
    assert least <= told - (int(time.time()) if shape == "epoch" else 0) <= most


def test_a_fault_can_leave_the_client_to_guess(sandbox: SandboxHandle) -> None:
    sandbox.fault(429)
    answer = ask(sandbox)
    assert answer.status == 429
    assert not any(answer.getheader(name) for name in (*NAMES, "Retry-After"))
