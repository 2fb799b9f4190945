"""The way to the outside, against real servers on loopback and a small internet of names and addresses."""

import logging
import socket
from http.client import responses as status_texts
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from vedfolnir.lib.outbound import HttpClient, OutboundRefused, OutboundUnavailable, fetch
from vedfolnir.tests.internet import (
    LIMIT,
    OTHER_PUBLIC,
    PUBLIC,
    TOKEN,
    Internet,
    client_of,
    client_of_port,
    read_request,
    rude_server,
)

# What is asked and answered


def test_a_request_carries_token_json_and_parameters(httpserver: HTTPServer) -> None:
    httpserver.expect_request(
        "/api/v1/statuses/1",
        method="PUT",
        query_string={"limit": "2"},
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "X-Once": "yes"},
        json={"text": "Ä"},
    ).respond_with_json({"id": "1"})
    with client_of(httpserver) as client:
        options = {"params": {"limit": 2}, "headers": {"X-Once": "yes"}}
        answer = client.put("/api/v1/statuses/1", json={"text": "Ä"}, **options)
    assert (answer.status, answer.json(), answer.content_type) == (200, {"id": "1"}, "application/json")
    assert answer.headers["content-TYPE"] == "application/json"


@pytest.mark.parametrize("status", [302, 404, 422, 429, 500, 503])
def test_every_status_is_returned(httpserver: HTTPServer, status: int) -> None:
    headers = {"Location": "/elsewhere", "Retry-After": "7"}
    httpserver.expect_request("/x").respond_with_data(status_texts[status], status=status, headers=headers)
    with client_of(httpserver) as client:
        answer = client.get("/x")
    assert (answer.status, answer.body) == (status, status_texts[status].encode())
    assert len(httpserver.log) == 1


def test_a_base_url_may_have_a_path(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/models").respond_with_json([])
    with HttpClient(httpserver.url_for("/v1/"), exempt=True) as client:
        assert client.get("/models").json() == []


def test_a_web_page_is_not_json(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("<h1>Hi</h1>", content_type="text/html; charset=utf-8")
    with (
        client_of(httpserver) as client,
        pytest.raises(OutboundRefused, match=r"answered with a web page \(status 200"),
    ):
        client.get("/").json()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000])
def test_broken_json_is_refused(httpserver: HTTPServer, body: bytes) -> None:
    httpserver.expect_request("/").respond_with_data(body, content_type="application/json")
    with client_of(httpserver) as client, pytest.raises(OutboundRefused, match="not with JSON"):
        client.get("/").json()


# Where it may go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "0",
        "①②⑦.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fec0::1]",
        "10.0.0.1",
        "100.64.0.1",
        "[::ffff:100.64.0.1]",
        "169.254.169.254",
        "192.168.0.1",
    ],
)
def test_addresses_inside_are_refused_however_they_are_written(internet: Internet, host: str) -> None:
    with pytest.raises(OutboundRefused, match="not on the public internet"):
        fetch(f"http://{host}/", max_bytes=LIMIT)
    with pytest.raises(OutboundRefused, match="not on the public internet"), HttpClient(f"https://{host}") as client:
        client.get("/")
    assert internet.dialled == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::ffff:10.0.0.1"], ["64:ff9b::7f00:1"], [PUBLIC, "127.0.0.1"], [OTHER_PUBLIC, "fd00::1"]],
)
def test_a_name_with_any_address_inside_is_refused(internet: Internet, addresses: list[str]) -> None:
    internet.names["mixed.example"] = [addresses]
    with pytest.raises(OutboundRefused, match=r"mixed\.example is not on the public internet"):
        fetch("https://mixed.example/", max_bytes=LIMIT)
    assert internet.dialled == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_used(internet: Internet, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a.png", headers={"Host": "rebind.example"}).respond_with_data(b"picture")
    internet.add("rebind.example", httpserver.port)
    internet.names["rebind.example"].append(["127.0.0.1"])  # what every later lookup would find

    assert fetch("http://rebind.example/a.png", max_bytes=LIMIT).body == b"picture"
    assert internet.lookups == ["rebind.example"]
    assert internet.dialled == [(PUBLIC, 80)]

    with pytest.raises(OutboundRefused):
        fetch("http://rebind.example/a.png", max_bytes=LIMIT)
    assert internet.dialled == [(PUBLIC, 80)]


def test_the_next_address_is_tried_when_one_does_not_answer(internet: Internet, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"ok")
    internet.add("two.example", httpserver.port)
    internet.names["two.example"] = [[OTHER_PUBLIC, PUBLIC]]
    assert fetch("http://two.example/", max_bytes=LIMIT).body == b"ok"
    assert internet.dialled == [(OTHER_PUBLIC, 80), (PUBLIC, 80)]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://a.example/",
        "https://a.example:22/",
        "http://a.example:8080/",
        "https://u@a.example",
    ],
)
def test_only_the_usual_schemes_and_ports_are_asked(internet: Internet, url: str) -> None:
    internet.names["a.example"] = [[PUBLIC]]
    with pytest.raises(OutboundRefused):
        fetch(url, max_bytes=LIMIT)
    with pytest.raises(OutboundRefused):
        HttpClient(url)
    assert (internet.lookups, internet.dialled) == ([], [])


def test_a_client_does_not_speak_plain_http_to_strangers() -> None:
    with pytest.raises(OutboundRefused, match="https://"):
        HttpClient("http://a.example", token=TOKEN)


def test_only_the_named_port_of_a_server_inside_may_be_asked(httpserver: HTTPServer, other: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"ok")
    allow = [f"{httpserver.host}:{httpserver.port}"]
    assert fetch(httpserver.url_for("/"), max_bytes=LIMIT, allow=allow).body == b"ok"
    with pytest.raises(OutboundRefused):
        fetch(other.url_for("/"), max_bytes=LIMIT, allow=allow)
    assert other.log == []


def test_an_ipv6_server_can_be_named() -> None:
    with HTTPServer(host="::1") as server:
        server.expect_request("/", headers={"Host": f"[::1]:{server.port}"}).respond_with_data(b"six")
        url = f"http://[::1]:{server.port}/"
        assert fetch(url, max_bytes=LIMIT, allow=[f"[::1]:{server.port}"]).body == b"six"


def test_nothing_is_taken_from_the_environment(
    internet: Internet, httpserver: HTTPServer, other: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine pics.example login alice password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.url_for(""))
    httpserver.expect_request("/").respond_with_data(b"ok")
    internet.add("pics.example", httpserver.port)

    assert fetch("http://pics.example/", max_bytes=LIMIT).body == b"ok"
    assert other.log == []
    assert "Authorization" not in httpserver.log[0][0].headers


# Failures


def test_an_unknown_name_and_a_closed_port_may_go_better_later(internet: Internet) -> None:
    with pytest.raises(OutboundUnavailable, match="No server named"):
        fetch("https://nobody.example/", max_bytes=LIMIT)
    internet.names["closed.example"] = [[PUBLIC]]
    with pytest.raises(OutboundUnavailable, match="does not accept connections"):
        fetch("https://closed.example/", max_bytes=LIMIT)


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"]
)
def test_half_an_answer_is_no_answer(answer: bytes) -> None:
    def break_off(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with (
        rude_server(break_off) as port,
        client_of_port(port) as client,
        pytest.raises(OutboundUnavailable, match="broke off"),
    ):
        client.get("/")


def test_a_get_is_repeated_once_when_a_kept_connection_was_closed() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def answer_and_hang_up_on_the_next(connection: socket.socket) -> None:
        answer(connection)
        seen.append(read_request(connection))

    with rude_server(answer_and_hang_up_on_the_next, answer) as port, client_of_port(port) as client:
        assert [client.get("/").body, client.get("/").body] == [b"ok", b"ok"]
    assert len(seen) == 3


def test_only_a_get_on_a_kept_connection_is_repeated() -> None:
    seen: list[bytes] = []

    def first(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert read_request(connection) == b"", "what changes something takes no kept connection"

    def hang_up(connection: socket.socket) -> None:
        seen.append(read_request(connection))

    with rude_server(first, hang_up, hang_up) as port, client_of_port(port) as client:
        client.get("/")
        with pytest.raises(OutboundUnavailable):
            client.put("/")
        with pytest.raises(OutboundUnavailable):
            client.get("/")
    assert [request[:3] for request in seen] == [b"GET", b"PUT", b"GET"]


# Secrets


@pytest.mark.parametrize("token", ["", "two\nlines", "ümlaut", "with space", "nul\0"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_told(token: str) -> None:
    with pytest.raises(OutboundRefused) as refusal:
        HttpClient("https://a.example", token=token)
    assert not token or token not in refusal.value.reason


def test_secrets_are_in_no_error_log_or_repr(httpserver: HTTPServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/").respond_with_json({"access_token": TOKEN})
    with client_of(httpserver) as client:
        assert TOKEN not in repr(client.post("/", json={"client_secret": TOKEN})) + repr(client)
        with pytest.raises(OutboundRefused) as refusal:
            client.get("/", headers={"X-Other": f"{TOKEN}\r\nX-Injected: yes"})
    with (
        rude_server(lambda _: None) as port,
        client_of_port(port) as client,
        pytest.raises(OutboundUnavailable) as failure,
    ):
        client.post("/", json={"client_secret": TOKEN})

    for error in (refusal.value, failure.value):
        assert (error.__cause__, error.__context__) == (None, None)
        assert TOKEN not in repr(error)
    assert TOKEN not in caplog.text
