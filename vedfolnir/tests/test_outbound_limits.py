"""How much, and how long: no server can fill our memory or hold a worker."""

import gzip
import socket
import threading
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request
from werkzeug import Response as Answer

from vedfolnir.lib import clock
from vedfolnir.lib.outbound import OutboundRefused, OutboundTooLate, OutboundUnavailable, Timeout, fetch
from vedfolnir.lib.outbound.transport import Guard
from vedfolnir.tests.internet import (
    LIMIT,
    QUICK,
    Internet,
    client_of,
    client_of_port,
    read_request,
    rude_server,
    wait_for_goodbye,
)
from vedfolnir.tests.live import wait_until

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


# When


def test_nothing_goes_out_after_the_callers_own_moment(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_json({})
    with client_of(httpserver) as client:
        for method in ("PUT", "GET"):
            with pytest.raises(OutboundTooLate, match="not sent"):
                client.request(method, "/", json={}, not_after=clock.moment())
        assert not httpserver.log
        assert client.put("/", json={}, not_after=clock.moment() + 60).status == 200
        assert client.get("/").status == 200  # the moment was that of one request


def test_time_spent_on_connecting_counts(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    httpserver.expect_request("/").respond_with_json({})
    dial, real, ahead = Guard.connect, clock.moment, [0.0]

    def slowly(guard: Guard, scheme: str, host: str, port: int) -> socket.socket:
        ahead[0] += 60
        return dial(guard, scheme, host, port)

    monkeypatch.setattr(Guard, "connect", slowly)
    monkeypatch.setattr(clock, "moment", lambda: real() + ahead[0])
    with client_of(httpserver) as client, pytest.raises(OutboundTooLate):
        client.put("/", json={}, not_after=clock.moment() + 30)
    assert not httpserver.log


def test_a_head_that_went_out_in_time_is_not_followed_by_its_body_later(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        while block := connection.recv(LIMIT):
            seen.append(block)

    times = iter([0.0, 31.0])
    monkeypatch.setattr(clock, "moment", lambda: next(times))
    with rude_server(listen) as port:
        with client_of_port(port) as client, pytest.raises(OutboundTooLate):
            client.put("/", json={"text": "late"}, not_after=30.0)
        wait_until(lambda: b"Content-Length" in b"".join(seen), "the head to arrive")
    assert b"late" not in b"".join(seen)
