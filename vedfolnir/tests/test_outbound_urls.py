"""URLs are taken apart once, and only the usual ones may be asked."""

import pytest

from vedfolnir.lib import wording
from vedfolnir.lib.outbound import AllowList, OutboundRefused, normalise_instance_url
from vedfolnir.lib.outbound.urls import parse_url


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("example.social", "https://example.social"),
        ("  Example.Social/ ", "https://example.social"),
        ("https://example.social/", "https://example.social"),
        ("HTTPS://EXAMPLE.SOCIAL", "https://example.social"),
        ("https://example.social:443", "https://example.social"),
        ("example.social:8443", "https://example.social:8443"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://example.social:80", "http://example.social"),
        ("http://example.social:443", "http://example.social:443"),
        ("example.social.", "https://example.social"),
        ("münchen.social", "https://xn--mnchen-3ya.social"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("[2606:4700:0:0::1111]", "https://[2606:4700::1111]"),
    ],
)
def test_what_a_person_types_becomes_a_base_url(typed: str, url: str) -> None:
    assert normalise_instance_url(typed) == url


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "https://",
        "/",
        "example.social/@alice",
        "https://example.social/web",
        "example.social?x=1",
        "example.social#top",
        "alice@example.social",
        "@alice@example.social",
        "https://alice:secret@example.social",
        "https://@example.social",
        "ftp://example.social",
        "javascript:alert(1)",
        "mailto:alice",
        "example.social:0",
        "example.social:99999",
        "example.social:http",
        "example social",
        "exam\nple.social/x",
        "https://good.example\\@evil.example",
        "https://good.example\\.evil.example",
        "https://[::1",
        "https://[fe80::1%25eth0]",
        "https://exa_mple!.social",
        "https://-.social",
        "https://a..b",
        "https://" + "a" * 300,
        "https://\u2100.example",  # NFKC makes a/c of it
        "https://xn--\u00fc.example",
    ],
)
def test_what_is_no_server_address_is_refused(typed: str) -> None:
    with pytest.raises(OutboundRefused) as refusal:
        normalise_instance_url(typed)
    assert refusal.value.reason.endswith(".")
    assert "secret" not in refusal.value.reason


def test_a_url_keeps_its_path_and_query_and_loses_its_fragment() -> None:
    target = parse_url("https://Pics.example:8443/a%20b/c.png?size=1#part")
    assert (target.host, target.port) == ("pics.example", 8443)
    assert target.url == "https://pics.example:8443/a%20b/c.png?size=1"


@pytest.mark.parametrize("reference", ["http://[", "http://[::1", "//[", "mailto:alice@a.example"])
def test_a_link_that_leads_to_no_web_page_is_refused(reference: str) -> None:
    with pytest.raises(OutboundRefused):
        parse_url("https://a.example/").joined(reference)


@pytest.mark.parametrize(
    ("entry", "covered", "not_covered"),
    [
        ("localhost", ("localhost", 3000), ("other", 3000)),
        ("localhost:3000", ("localhost", 3000), ("localhost", 3001)),
        ("LocalHost:3000", ("localhost", 3000), ("localhost.evil.example", 3000)),
        ("127.0.0.1", ("127.0.0.1", 80), ("127.0.0.2", 80)),
        ("[::1]:8080", ("::1", 8080), ("::1", 80)),
        ("[0:0:0:0:0:0:0:1]", ("::1", 80), ("::2", 80)),
    ],
)
def test_an_allowed_server_is_named_exactly(entry: str, covered: tuple[str, int], not_covered: tuple[str, int]) -> None:
    allowed = AllowList.parse([entry])
    assert allowed.covers(*covered)
    assert not allowed.covers(*not_covered)


@pytest.mark.parametrize("entry", ["", "::1", "http://localhost", "localhost:x", "localhost:99999", "a@b", "a b", "*"])
def test_a_malformed_allowed_server_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="is not host or host:port"):
        AllowList.parse([entry])


def test_only_named_servers_may_use_plain_http_and_unusual_ports() -> None:
    nobody = AllowList.parse([])
    nobody.check(parse_url("https://a.example"), plain_http=False)
    nobody.check(parse_url("http://a.example"), plain_http=True)
    for url, plain_http in [
        ("http://a.example", False),
        ("http://a.example:443", True),
        ("https://a.example:80", True),
        ("https://a.example:22", True),
    ]:
        with pytest.raises(OutboundRefused):
            nobody.check(parse_url(url), plain_http=plain_http)
        AllowList.parse(["a.example"]).check(parse_url(url), plain_http=plain_http)


@pytest.mark.parametrize("typed", ["::1", "https://2001:db8::1", "2606:4700::1111"])
def test_an_ipv6_address_without_brackets_is_told_of_them(typed: str) -> None:
    with pytest.raises(OutboundRefused, match=r"in brackets, such as \[2001:db8::1\]"):
        normalise_instance_url(typed)


def test_a_reason_is_translated_with_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    german = {"Port %(port)s of %(host)s is not allowed": "Port %(port)s von %(host)s geht nicht."}
    monkeypatch.setattr(
        wording, "gettext", lambda text: next((to for begin, to in german.items() if text.startswith(begin)), text)
    )
    with pytest.raises(OutboundRefused) as raised:
        AllowList.parse([]).check(parse_url("https://a.example:22"), plain_http=False)
    assert wording.reason_of(raised.value) == "Port 22 von a.example geht nicht."
    assert raised.value.reason.startswith("Port 22 of a.example is not allowed")
    assert wording.reason_of(OutboundRefused("100 % sure.")) == "100 % sure."
