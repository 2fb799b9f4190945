"""Is this container well? `web`, `worker NAME` or `beat SCHEDULE_FILE`; exits non-zero with a line that says why.

For the health checks of docker-compose.yml. Standard library, and the `celery` command for the workers.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

PORT = 8000
BEAT_SECONDS = 600  # beat writes its schedule file every three minutes (Celery's beat_sync_every and max_interval)


def check_web() -> str:
    """What is wrong with the page, or nothing."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".*") or "localhost"
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/healthz", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=4) as response:  # noqa: S310 - the address above
            return "" if response.status == 200 else f"/healthz answers {response.status}"
    except (urllib.error.URLError, TimeoutError) as error:
        return f"/healthz: {error}"


def check_worker(name: str) -> str:
    """What is wrong with the worker `name` of this host, or nothing: it is asked through the broker."""
    node = f"{name}@{socket.gethostname()}"
    command = ["celery", "-A", "vedfolnir", "inspect", "ping", "--destination", node, "--timeout", "10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{node} does not answer: {(done.stdout + done.stderr).strip()[-300:]}"


def check_beat(schedule: str) -> str:
    """What is wrong with the scheduler, or nothing. Depending on the platform the file's name gets an ending."""
    path = Path(schedule)
    written = [file.stat().st_mtime for file in path.parent.glob(f"{path.name}*")]
    age = time.time() - max(written, default=0)
    return "" if age < BEAT_SECONDS else f"{schedule} was not written for {age:.0f} seconds"


CHECKS: dict[str, Callable[..., str]] = {"web": check_web, "worker": check_worker, "beat": check_beat}


def main(arguments: list[str]) -> int:
    try:
        trouble = CHECKS[arguments[0]](*arguments[1:])
    except (IndexError, KeyError, TypeError):
        trouble = "Usage: healthcheck.py web | worker NAME | beat SCHEDULE_FILE"
    if trouble:
        print(trouble, file=sys.stderr)
    return int(bool(trouble))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
