"""Redirects are checked like the first address, and certificates against the name."""

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from vedfolnir.lib.outbound import HttpClient, OutboundRefused, OutboundUnavailable, fetch
from vedfolnir.tests.internet import (
    LIMIT,
    PUBLIC,
    TOKEN,
    Internet,
    client_of,
    make_certificate,
    server_context,
)

# Redirects


def redirect_to(server: HTTPServer, path: str, location: str, status: int = 302) -> None:
    server.expect_request(path).respond_with_data("", status=status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_file_is_fetched_over_three_redirects(internet: Internet, httpserver: HTTPServer, status: int) -> None:
    internet.add("a.example", httpserver.port)
    internet.add("b.example", httpserver.port)
    redirect_to(httpserver, "/1", "http://b.example/2", status)
    redirect_to(httpserver, "/2", "/dir/3", status)
    redirect_to(httpserver, "/dir/3", "//a.example/f%C3%BCnf.png#part", status)
    httpserver.expect_request("/fünf.png").respond_with_data(b"picture")
    answer = fetch("http://a.example/1", max_bytes=LIMIT)
    assert (answer.status, answer.body, answer.url) == (200, b"picture", "http://a.example/f%C3%BCnf.png")


def test_the_fourth_redirect_is_refused(internet: Internet, httpserver: HTTPServer) -> None:
    internet.add("a.example", httpserver.port)
    redirect_to(httpserver, "/", "/")
    with pytest.raises(OutboundRefused, match="more than 3 times"):
        fetch("http://a.example/", max_bytes=LIMIT)
    assert len(httpserver.log) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://localhost:22/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.example/",
        "http://a.example:8080/",
        "http://user@a.example/",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(
    internet: Internet, httpserver: HTTPServer, location: str
) -> None:
    internet.add("a.example", httpserver.port)
    internet.names["inside.example"] = [["10.0.0.1"]]
    redirect_to(httpserver, "/", location)
    with pytest.raises(OutboundRefused):
        fetch("http://a.example/", max_bytes=LIMIT)
    assert internet.dialled == [(PUBLIC, 80)]


def test_the_body_of_a_redirect_is_not_read(internet: Internet, httpserver: HTTPServer) -> None:
    internet.add("a.example", httpserver.port)
    httpserver.expect_request("/").respond_with_data(b"x" * 5000, status=302, headers={"Location": "/b"})
    httpserver.expect_request("/b").respond_with_data(b"ok")
    assert fetch("http://a.example/", max_bytes=100).body == b"ok"


def test_a_token_is_never_sent_to_another_server(httpserver: HTTPServer, other: HTTPServer) -> None:
    redirect_to(httpserver, "/x", other.url_for("/steal"))
    with client_of(httpserver, allow=["127.0.0.1", "localhost"]) as client:
        assert client.get("/x").status == 302
        for path in (other.url_for("/steal"), f"@127.0.0.1:{other.port}/steal", f":{other.port}/", ""):
            with pytest.raises(OutboundRefused):
                client.get(path)
        assert client.get(f"//127.0.0.1:{other.port}/steal").status == 500  # a strange path, but on the same server
    assert other.log == []


# TLS


def test_certificates_are_checked_against_the_name_and_not_the_address(
    internet: Internet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "good.example")
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    asked_for: list[str | None] = []
    with HTTPServer(host="127.0.0.1", ssl_context=server_context(certificate, asked_for)) as server:
        server.expect_request("/", headers={"Host": "good.example"}).respond_with_json({"ok": True})
        redirect_to(server, "/down", "http://good.example/")
        internet.add("good.example", server.port, port=443)
        internet.add("bad.example", server.port, port=443)

        with HttpClient("https://good.example", token=TOKEN) as client:
            assert client.get("/").json() == {"ok": True}
        with HttpClient("https://bad.example", token=TOKEN) as client, pytest.raises(OutboundUnavailable) as failure:
            client.get("/")
        assert "certificate" in failure.value.reason
        assert asked_for == ["good.example", "bad.example"]

        with pytest.raises(OutboundRefused, match="from https to plain http"):
            fetch("https://good.example/down", max_bytes=LIMIT)
    assert [request.host for request, _ in server.log] == ["good.example", "good.example"]


def test_a_certificate_that_nobody_trusts_is_refused(internet: Internet, tmp_path: Path) -> None:
    context = server_context(make_certificate(tmp_path, "good.example"), [])
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        internet.add("good.example", server.port, port=443)
        with pytest.raises(OutboundUnavailable, match="certificate"):
            fetch("https://good.example/", max_bytes=LIMIT)
    assert server.log == []
