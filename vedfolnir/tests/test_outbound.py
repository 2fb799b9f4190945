"""The way to the outside, against real servers on loopback and a small internet of names and addresses."""

import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from http.client import responses as status_texts
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request
from werkzeug import Response as Answer

from vedfolnir.lib.outbound import HttpClient, OutboundRefused, OutboundUnavailable, Timeout, fetch
from vedfolnir.tests.internet import (
    OTHER_PUBLIC,
    PUBLIC,
    Internet,
    make_certificate,
    read_request,
    rude_server,
    server_context,
    wait_for_goodbye,
)

LIMIT = 1024 * 1024
TOKEN = "t0ken-that-nobody-else-may-see"
QUICK = Timeout(connect=5, read=0.05, total=5)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    internet = Internet()
    monkeypatch.setattr(socket, "getaddrinfo", internet.getaddrinfo)
    # A function and not the bound method, because it must become a method of the socket.
    monkeypatch.setattr(socket.socket, "connect", lambda *args: internet.connect(*args))  # noqa: PLW0108
    return internet


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The client's clock, moved by the test alone."""
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr("vedfolnir.lib.outbound.transport.time", clock)
    return clock


@pytest.fixture
def other() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server


def client_of(server: HTTPServer, **options: object) -> HttpClient:
    allow = [f"{server.host}:{server.port}"]
    return HttpClient(server.url_for(""), **{"allow": allow, "token": TOKEN, **options})  # type: ignore[arg-type]


def client_of_port(port: int, timeout: Timeout = Timeout()) -> HttpClient:
    return HttpClient(f"http://127.0.0.1:{port}", token=TOKEN, allow=[f"127.0.0.1:{port}"], timeout=timeout)


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


# Size


def test_a_body_of_just_the_allowed_size_is_read(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"x" * 1000)
    with client_of(httpserver, max_bytes=10) as client:
        assert len(client.get("/", max_bytes=1000).body) == 1000
        with pytest.raises(OutboundRefused, match="larger than 999 bytes"):
            client.get("/", max_bytes=999)
        with pytest.raises(OutboundRefused, match="larger than 10 bytes"):
            client.get("/")


def test_a_body_announced_as_too_large_is_not_waited_for() -> None:
    def announce(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
        wait_for_goodbye(connection)

    with rude_server(announce) as port, pytest.raises(OutboundRefused, match="larger than"):
        fetch(f"http://127.0.0.1:{port}/", max_bytes=LIMIT, allow=["127.0.0.1"], timeout=QUICK)


@pytest.mark.parametrize("framing", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_never_ends_is_cut_off(framing: bytes) -> None:
    def pour(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
        try:
            while True:
                connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        except OSError:  # the client has had enough
            return

    with rude_server(pour) as port, pytest.raises(OutboundRefused, match="larger than"):
        fetch(f"http://127.0.0.1:{port}/", max_bytes=LIMIT, allow=["127.0.0.1"])


def test_a_compressed_body_counts_by_what_comes_out(httpserver: HTTPServer) -> None:
    bomb = gzip.compress(b"\0" * 20 * LIMIT)
    assert len(bomb) < LIMIT
    httpserver.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    httpserver.expect_request("/good").respond_with_data(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    with client_of(httpserver, max_bytes=LIMIT) as client:
        assert client.get("/good").json() == {}
        with pytest.raises(OutboundRefused, match="larger than"):
            client.get("/")


def test_a_body_compressed_wrongly_is_refused(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"not gzip", headers={"Content-Encoding": "gzip"})
    with client_of(httpserver) as client, pytest.raises(OutboundRefused, match="compressed"):
        client.get("/")


# Time


def test_a_server_that_says_nothing_is_left() -> None:
    with (
        rude_server(wait_for_goodbye) as port,
        client_of_port(port, QUICK) as client,
        pytest.raises(OutboundUnavailable, match="did not answer in time"),
    ):
        client.get("/")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"HTTP/1.1 2", b"0"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: a", b"b"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx", b"x"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "headers", "body", "chunks", "continue"],
)
def test_a_server_that_drips_is_left_when_the_time_is_up(clock: SimpleNamespace, before: bytes, after: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(before)
        clock.now += 31  # each wait was short, all together were not
        connection.sendall(after)
        wait_for_goodbye(connection)

    with (
        rude_server(drip) as port,
        client_of_port(port) as client,
        pytest.raises(OutboundUnavailable, match="more than 30 seconds"),
    ):
        client.get("/")


def test_redirects_share_one_time_limit(clock: SimpleNamespace, internet: Internet, httpserver: HTTPServer) -> None:
    def slow_redirect(_: Request) -> Answer:
        clock.now += 11
        return Answer(status=302, headers={"Location": "/"})

    internet.add("a.example", httpserver.port)
    httpserver.expect_request("/").respond_with_handler(slow_redirect)
    with pytest.raises(OutboundUnavailable, match="more than 30 seconds"):
        fetch("http://a.example/", max_bytes=LIMIT)
    assert len(httpserver.log) == 3


def test_each_call_of_a_client_has_its_own_time(clock: SimpleNamespace, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(b"ok")
    with client_of(httpserver) as client:
        assert client.get("/").body == b"ok"
        clock.now += 31
        assert client.get("/").body == b"ok"


def test_a_server_that_takes_a_request_slowly_is_left_when_the_time_is_up(clock: SimpleNamespace) -> None:
    size = 32_000_000  # far more than the system buffers
    taken: list[int] = []

    def sip(connection: socket.socket) -> None:
        read_request(connection)
        clock.now += 31
        taken.append(wait_for_goodbye(connection))

    with (
        rude_server(sip) as port,
        client_of_port(port) as client,
        pytest.raises(OutboundUnavailable, match="more than 30 seconds"),
    ):
        client.post("/", json="x" * size)
    assert taken[0] < size * 0.9


def test_a_name_server_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    test_is_over = threading.Event()

    def answer_too_late(host: str, port: int, **_: object) -> list[object]:
        test_is_over.wait(timeout=30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer_too_late)
    with pytest.raises(OutboundUnavailable, match=r"No server named slow\.example was found"):
        fetch("https://slow.example/", max_bytes=LIMIT, timeout=Timeout(connect=0.05))
    test_is_over.set()


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
        seen.append(read_request(connection))

    def hang_up(connection: socket.socket) -> None:
        seen.append(read_request(connection))

    with rude_server(first, hang_up) as port, client_of_port(port) as client:
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
