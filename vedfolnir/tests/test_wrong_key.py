"""A key that opens no stored credential stops every process at its start, with what to do about it."""

from pathlib import Path

import pytest

from vedfolnir.tests.environment import fernet_key
from vedfolnir.tests.live import Installation, installation

CONNECTION = """
from accounts.models import User
from platforms.models import PlatformConnection
user = User.objects.create_user("rita", "rita@example.org", "correct horse battery")
PlatformConnection.objects.create(
    user=user, name="S", platform_type="mastodon", instance_url="https://a.example", access_token="secret"
)
"""
PROCESSES = {
    "worker": ("celery", "-A", "vedfolnir", "worker", "--pool=solo", "--queues=io"),
    "web": ("gunicorn", "vedfolnir.wsgi:application", "--bind=127.0.0.1:0"),
    "serve": ("manage.py", "serve"),
}


def with_stored_credentials(live: Installation) -> None:
    live.manage("migrate", "--no-input")
    live.manage("createcachetable")
    live.manage("collectstatic", "--no-input")
    live.manage("shell", "-c", CONNECTION)


@pytest.mark.slow
def test_no_process_starts_with_another_key_than_the_credentials_were_stored_with(tmp_path: Path) -> None:
    with installation(tmp_path, services=False) as live:
        with_stored_credentials(live)
        live.environment["PLATFORM_ENCRYPTION_KEY"] = fernet_key()
        for name, command in PROCESSES.items():
            process = live.start(name, *command)
            assert process.child.wait(timeout=60) != 0, name
            assert "PLATFORM_ENCRYPTION_KEY" in process.output(), process.output()
