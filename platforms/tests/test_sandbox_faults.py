"""What goes wrong on real servers, made to happen on the sandbox; and its record of requests."""

import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from platforms.sandbox.testing import SandboxHandle
from platforms.tests.api import Api, full_edit


def test_429_says_when_to_come_back(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.fault(429, path_prefix="/api/v2/", retry_after=7)
    sandbox.fault(429, path_prefix="/api/v2/", retry_after_date=60)
    sandbox.fault(429, path_prefix="/api/v2/", reset_after=60)
    answers = [api("GET", "/api/v2/instance") for _ in range(4)]
    assert [one.status_code for one in answers] == [429, 429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert parsedate_to_datetime(answers[1].headers["Retry-After"]) > datetime.now(UTC)
    assert datetime.fromisoformat(answers[2].headers["X-RateLimit-Reset"]) > datetime.now(UTC)


def test_a_fault_hits_only_what_it_names_and_after_skipping(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.fault(503, method="PUT", path_prefix="/api/v1/statuses", times=2, skip=1)
    status_id = sandbox.add_status()
    path = f"/api/v1/statuses/{status_id}"
    assert api("GET", path).status_code == 200
    assert [api("PUT", path, json={"status": str(n)}).status_code for n in range(4)] == [200, 503, 503, 200]
    assert sandbox.edits(status_id) == 2


def test_a_fault_without_end_lasts_until_it_is_cleared(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.fault("status", times=None, status=401)
    assert [api("GET", "/api/v2/instance").status_code for _ in range(3)] == [401] * 3
    sandbox.clear_faults()
    assert api("GET", "/api/v2/instance").status_code == 200


def test_a_misspelt_fault_is_refused(sandbox: SandboxHandle) -> None:
    with pytest.raises(ValueError, match="No fault is called"):
        sandbox.fault("slwo")
    with pytest.raises(ValueError, match="has no option"):
        sandbox.fault("slow", delay=3)


@pytest.mark.parametrize("after", [False, True])
def test_a_reset_can_come_before_or_after_the_work(sandbox: SandboxHandle, api: Api, after: bool) -> None:
    status_id = sandbox.add_status()
    sandbox.fault("reset", method="PUT", after=after)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        api("PUT", f"/api/v1/statuses/{status_id}", json={"status": "Edited"})
    assert sandbox.edits(status_id) == int(after)
    assert [one.status for one in sandbox.requests("PUT")] == [0]


def test_a_web_page_can_come_instead_of_json(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.fault("html")
    answer = api("GET", "/api/v2/instance")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_body_can_be_cut_short(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.fault("truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api("GET", "/api/v2/instance")


def test_a_slow_answer_takes_its_time(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.fault("slow", delay_ms=200)
    started = time.monotonic()
    assert api("GET", "/api/v2/instance").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_somebody_else_can_edit_between_reading_and_writing(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status("Mine")
    sandbox.fault("conflict", path_prefix=f"/api/v1/statuses/{status_id}", text="Theirs")
    assert api.get(f"/api/v1/statuses/{status_id}")["edited_at"] is None
    after = api.get(f"/api/v1/statuses/{status_id}")
    assert (after["content"], len(after["media_attachments"])) == ("<p>Theirs</p>", 1)
    assert after["edited_at"] is not None


@pytest.mark.parametrize(("kind", "descriptions"), [("drop_alt", [None, "Two"]), ("drop_image", ["One"])])
def test_an_edit_can_lose_something_silently(
    sandbox: SandboxHandle, api: Api, kind: str, descriptions: list[str | None]
) -> None:
    status_id = sandbox.add_status(pictures=2)
    before = sandbox.status(status_id)
    first, second = (one["id"] for one in before["media_attachments"])
    attributes = [{"id": first, "description": "One"}, {"id": second, "description": "Two"}]
    sandbox.fault(kind, method="PUT")
    edit = full_edit(before, media_attributes=attributes)
    assert api("PUT", f"/api/v1/statuses/{status_id}", json=edit).status_code == 200
    assert [one["description"] for one in sandbox.status(status_id)["media_attachments"]] == descriptions


def test_the_rate_limit_is_kept_for_each_token(sandbox: SandboxHandle, api: Api) -> None:
    sandbox.set_rate_limit(2)
    answers = [api("GET", "/api/v1/accounts/verify_credentials") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["1", "0", "0"]
    other = {"Authorization": f"Bearer {sandbox.issue_token()}"}
    assert api("GET", "/api/v1/accounts/verify_credentials", headers=other).status_code == 200


def test_every_request_is_recorded(sandbox: SandboxHandle, api: Api) -> None:
    status_id = sandbox.add_status()
    api.get("/api/v2/instance")
    api("PUT", f"/api/v1/statuses/{status_id}", json={"status": "é"})
    first, second = sandbox.requests()
    assert (first.method, first.path, first.status, first.body_json) == ("GET", "/api/v2/instance", 200, None)
    assert json.loads(second.body_json or "") == {"status": "é"}
    assert sandbox.requests("PUT", "/api/v1/statuses") == [second]
    assert sandbox.requests(path_prefix="/media") == []
