"""Workers that are killed, or stopped past their lease, in the middle of real work: nothing is lost or done twice."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from platforms.sandbox.testing import SandboxHandle, running_sandbox
from vedfolnir.tests.compose import command_of
from vedfolnir.tests.live import Installation, Process, installation, wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow]

DRAFTED = "SELECT COUNT(*) FROM images WHERE captioned_at IS NOT NULL"
IN_HAND = "SELECT COUNT(*) FROM images WHERE captioned_at IS NULL AND attempts > 0"
POSTED = "SELECT COUNT(*) FROM publications WHERE status = 'posted'"
AGO = "UTC_TIMESTAMP(6) - INTERVAL 1 HOUR"
POSTS, PICTURES = 6, 2


@contextmanager
def installation_with_work(folder: Path) -> Iterator[tuple[Installation, SandboxHandle]]:
    """A connected account with POSTS posts of PICTURES pictures each, queued for captions; no worker runs yet."""
    with running_sandbox(folder, with_samples=False) as sandbox, installation(folder, services=True) as live:
        live.environment["OUTBOUND_ALLOW"] = sandbox.url.removeprefix("http://")
        for number in range(POSTS):
            sandbox.add_status(f"Post {number}", pictures=PICTURES, spoiler_text="boats", sensitive=True, language="de")
        live.manage("migrate", "--no-input")
        live.manage(
            "createsuperuser", "--no-input", "--username=root1", "--email=r@example.org", DJANGO_SUPERUSER_PASSWORD="x"
        )
        token = folder / "token"
        token.write_text(sandbox.token)
        live.manage(
            "connect_platform", "--user=root1", "--name=S", f"--instance={sandbox.url}", f"--token-file={token}"
        )
        live.manage("generate_captions", "--connection=S")
        yield live, sandbox


def workers(live: Installation, folder: Path) -> list[Process]:
    return [live.start(name, *command_of(name, state=folder)) for name in ("worker-io", "worker-captions", "beat")]


def lapse_leases(live: Installation) -> None:
    """The time that dead or stopped workers had is over."""
    live.execute(
        f"UPDATE images SET next_attempt_at = {AGO} WHERE captioned_at IS NULL AND next_attempt_at IS NOT NULL"
    )
    live.execute(f"UPDATE caption_generation_tasks SET next_attempt_at = {AGO} WHERE next_attempt_at IS NOT NULL")
    live.execute(
        f"UPDATE publications SET next_attempt_at = {AGO}, leased_until = {AGO} WHERE status IN ('queued', 'undoing')"
    )


def approve_everything(live: Installation) -> None:
    live.manage(
        "shell",
        "-c",
        "from captions.models import Image; from captions import actions; from accounts.models import User\n"
        "user = User.objects.get()\n"
        "for image in Image.objects.awaiting_review(): "
        "actions.approve(image, text=f'Alt text of picture {image.pk}.', reviewer=user)",
    )


def drafted_versions(live: Installation) -> list[int]:
    """How many drafts each image has."""
    return [
        int(row[1])
        for row in live.rows(
            "SELECT image_id, COUNT(*) FROM caption_versions WHERE kind = 'generated' GROUP BY image_id"
        )
    ]


def assert_published_once(live: Installation, sandbox: SandboxHandle) -> None:
    for post_id, *_ in live.rows("SELECT post_id FROM posts"):
        status = sandbox.status(post_id)
        puts = sandbox.requests(method="PUT", path_prefix=f"/api/v1/statuses/{post_id}")
        assert (len(puts), sandbox.edits(post_id)) == (1, 1)
        assert all(one["description"].startswith("Alt text of picture") for one in status["media_attachments"])
        assert (status["spoiler_text"], status["language"]) == ("boats", "de")
    assert live.value("SELECT COUNT(*) FROM images WHERE status <> 'posted'") == 0


def test_killing_the_workers_while_they_caption_loses_and_repeats_nothing(tmp_path: Path) -> None:
    with installation_with_work(tmp_path) as (live, _sandbox):
        first = workers(live, tmp_path)
        live.wait_for(IN_HAND)
        for process in first:
            process.kill()
        assert live.value(DRAFTED) < POSTS * PICTURES
        lapse_leases(live)

        workers(live, tmp_path)
        live.wait_for(DRAFTED, POSTS * PICTURES)

        assert drafted_versions(live) == [1] * (POSTS * PICTURES)
        live.wait_for("SELECT COUNT(*) FROM caption_generation_tasks WHERE status = 'completed'", 1)


def test_killing_the_workers_while_they_publish_edits_every_post_once(tmp_path: Path) -> None:
    with installation_with_work(tmp_path) as (live, sandbox):
        live.manage("generate_captions", "--connection=S", "--wait")
        approve_everything(live)
        sandbox.fault("slow", path_prefix="/api/v1/statuses/", times=None, delay_ms=400)
        first = workers(live, tmp_path)
        wait_until(lambda: sandbox.requests(method="PUT"), "the first edit")
        for process in first:
            process.kill()
        assert live.value(POSTED) < POSTS
        sandbox.clear_faults()
        lapse_leases(live)

        workers(live, tmp_path)
        live.wait_for(POSTED, POSTS)

        assert_published_once(live, sandbox)


def test_a_publisher_that_wakes_after_its_lease_changes_nothing(tmp_path: Path) -> None:
    with installation_with_work(tmp_path) as (live, sandbox):
        live.manage("generate_captions", "--connection=S", "--wait")
        approve_everything(live)
        sandbox.fault("slow", method="GET", path_prefix="/api/v1/statuses/", times=1, delay_ms=1500)
        sleeper = live.start("worker-io", *command_of("worker-io"))
        beat = live.start("beat", *command_of("beat", state=tmp_path))
        live.wait_for("SELECT COUNT(*) FROM publications WHERE leased_until > UTC_TIMESTAMP(6)")
        sleeper.signal(signal.SIGSTOP)
        assert sandbox.requests(method="PUT") == []
        lapse_leases(live)

        live.start("second", *command_of("worker-io"))
        live.wait_for(POSTED, POSTS)
        sleeper.signal(signal.SIGCONT)
        wait_until(lambda: "lease was lost" in sleeper.output(), "the sleeper to notice")

        assert_published_once(live, sandbox)
        assert beat.child.poll() is None


def test_a_describer_that_wakes_after_its_lease_changes_nothing(tmp_path: Path) -> None:
    with installation_with_work(tmp_path) as (live, sandbox):
        sandbox.fault("slow", path_prefix="/media/", times=1, delay_ms=1500)
        sleeper = live.start("worker-captions", *command_of("worker-captions"))
        others = [
            live.start("worker-io", *command_of("worker-io")),
            live.start("beat", *command_of("beat", state=tmp_path)),
        ]
        live.wait_for(IN_HAND)
        sleeper.signal(signal.SIGSTOP)
        lapse_leases(live)

        live.start("second", *command_of("worker-captions"))
        live.wait_for(DRAFTED, POSTS * PICTURES)
        drafts = live.rows("SELECT id, generated_caption, captioned_at, attempts FROM images ORDER BY id")
        sleeper.signal(signal.SIGCONT)
        wait_until(lambda: "lease was lost" in sleeper.output(), "the sleeper to notice")

        assert live.rows("SELECT id, generated_caption, captioned_at, attempts FROM images ORDER BY id") == drafts
        assert drafted_versions(live) == [1] * (POSTS * PICTURES)
        assert all(process.child.poll() is None for process in others)
