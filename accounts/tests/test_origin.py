"""Where a request comes from, as the audit log and the limits see it."""

import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from accounts import origin


def seen(address: str, forwarded: str = "") -> str | None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return origin.of_request(RequestFactory().get("/", headers=headers, REMOTE_ADDR=address)).ip_address


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),  # a Unix socket
        ("unknown", None),
    ],
)
def test_an_address_is_kept_in_one_spelling(address: str, kept: str | None) -> None:
    assert seen(address) == kept


def test_without_a_proxy_nobody_is_believed_about_their_address() -> None:
    assert seen("192.0.2.1", "203.0.113.9") == "192.0.2.1"


def test_behind_a_proxy_the_address_that_it_saw_counts(settings: LazySettings) -> None:
    settings.BEHIND_PROXY = True
    assert seen("10.0.0.1", "203.0.113.9, 198.51.100.7") == "198.51.100.7"
    assert seen("10.0.0.1", "<script>") is None
    assert seen("10.0.0.1") == "10.0.0.1"


def test_a_long_browser_name_is_cut() -> None:
    request = RequestFactory().get("/", headers={"User-Agent": "x" * 5000})
    assert len(origin.of_request(request).user_agent or "") == 1000


def test_outside_a_request_there_is_no_origin() -> None:
    assert origin.current() == origin.Origin()
    with origin.serving(RequestFactory().get("/", REMOTE_ADDR="192.0.2.1")):
        assert origin.current().ip_address == "192.0.2.1"
    assert origin.current() == origin.Origin()
