"""Real processes that ask one server at the same time, with and without Redis: together they keep to its limit."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from platforms.sandbox.testing import SandboxHandle, running_sandbox
from vedfolnir.tests.live import Installation, Process, installation, wait_until

pytestmark = pytest.mark.slow

WORKERS, LIMIT = 4, 40
WINDOW = 80_000  # seconds: the run is not going to fall into two of them
VERIFY = "/api/v1/accounts/verify_credentials"

CONNECT = """
from accounts.models import User
from platforms.models import PlatformConnection
for number, token in enumerate({tokens!r}):
    user = User.objects.create_user(f"user{{number}}", f"u{{number}}@example.org", "correct horse battery")
    PlatformConnection.objects.create(
        user=user, name="S", platform_type={family!r}, instance_url={url!r}, username=f"demo{{number}}",
        account_id=str(number), access_token=token, software={family!r}, software_version="4.4.0",
    )
"""
WORK = """
import fcntl
from platforms.speaking import client_for
from platforms.clients.base import PlatformUnavailable
from platforms.models import PlatformConnection
connections = list(PlatformConnection.objects.order_by("pk"))
client = client_for(connections[{number} % len(connections)])
print("ready", flush=True)
with open({gate!r}) as gate:
    fcntl.flock(gate, fcntl.LOCK_SH)
try:
    while True:
        client.verify()
except PlatformUnavailable as error:
    print("held:", type(error).__name__)
client.close()
"""


@contextmanager
def at_once(gate: Path) -> Iterator[None]:
    """Whoever waits at the gate goes on when the block ends."""
    with gate.open("w") as closed:
        fcntl.flock(closed, fcntl.LOCK_EX)
        yield


def is_ready(worker: Process) -> bool:
    return "ready" in worker.output()


def work_together(live: Installation, sandbox: SandboxHandle, *, family: str, tokens: list[str]) -> None:
    """Four processes ask as fast as they can, until each is told to wait."""
    live.environment["OUTBOUND_ALLOW"] = sandbox.url.removeprefix("http://")
    live.manage("migrate", "--no-input")
    live.manage("shell", "-c", CONNECT.format(tokens=tokens, family=family, url=sandbox.url))
    gate = live.folder / "gate"
    with at_once(gate):
        scripts = [WORK.format(number=number, gate=str(gate)) for number in range(WORKERS)]
        workers = [live.start("worker", "manage.py", "shell", "-c", script) for script in scripts]
        for worker in workers:
            wait_until(partial(is_ready, worker), "a worker to be ready")
    for worker in workers:
        assert worker.child.wait(60) == 0, worker.output()
        assert "held: HeldBack" in worker.output()


@pytest.mark.parametrize("services", [False, pytest.param(True, marks=pytest.mark.services)], ids=["database", "redis"])
@pytest.mark.parametrize(("family", "per"), [("mastodon", "token"), ("gotosocial", "address")])
def test_four_processes_together_ask_for_no_more_than_one_server_allows(
    tmp_path: Path, services: bool, family: str, per: str
) -> None:
    with (
        running_sandbox(tmp_path, with_samples=False) as sandbox,
        installation(tmp_path, services=services) as live,
    ):
        tokens = [sandbox.token] if per == "token" else [sandbox.token, sandbox.issue_token()]
        sandbox.set_rate_limit(LIMIT, per=per, window=WINDOW)

        work_together(live, sandbox, family=family, tokens=tokens)

        asked = [one.status for one in sandbox.requests(path_prefix=VERIFY)]
        assert set(asked) == {200}
        assert LIMIT - LIMIT // 10 - WORKERS <= len(asked) <= LIMIT
