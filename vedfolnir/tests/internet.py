"""A small internet on loopback: names, public addresses that lead to local servers, certificates, rude servers."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer

from vedfolnir.lib.outbound import HttpClient, Timeout

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "2606:4700:4700::1111"
TOKEN = "t0ken-that-nobody-else-may-see"
LIMIT = 1024 * 1024  # bytes
QUICK = Timeout(connect=5, read=0.05, total=5)

real_getaddrinfo = socket.getaddrinfo
real_connect = socket.socket.connect


class Internet:
    """Stands in for name servers and routers by taking over getaddrinfo and connect.

    `names` gives each name its answers, one list of addresses per lookup, the last one for ever; other names are
    looked up for real, so numbers in odd notations mean what they mean to the system. `routes` leads public
    addresses to local servers; without a route nobody answers. `lookups` and `dialled` record what happened, but for
    `own`, host and port of a service of the installation itself, such as Redis.
    """

    def __init__(self, own: tuple[str | None, int | None] = (None, None)) -> None:
        self.own = own
        self.names: dict[str, list[list[str]]] = {}
        self.routes: dict[tuple[str, int], int] = {}
        self.lookups: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    def add(self, name: str, local_port: int, *, port: int = 80, address: str = PUBLIC) -> None:
        """Make `name` a public server whose `port` is the local server at `local_port`."""
        self.names[name] = [[address]]
        self.routes[address, port] = local_port

    def getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if (host, port) == self.own:
            return real_getaddrinfo(host, port, *args, **kwargs)
        self.lookups.append(host)
        if host not in self.names:
            if "example" in host or host.startswith("xn--"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return real_getaddrinfo(host, port, *args, **kwargs)
        answers = self.names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [found for address in addresses for found in real_getaddrinfo(address, port, *args, **kwargs)]

    def connect(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        host, port = address[:2]
        if (host, port) == self.own:
            return real_connect(connection, address)
        self.dialled.append((host, port))
        if ipaddress.ip_address(host).is_loopback:
            return real_connect(connection, address)
        if (host, port) not in self.routes:
            raise ConnectionRefusedError
        return real_connect(connection, ("127.0.0.1", self.routes[host, port]))


Script = Callable[[socket.socket], object]


@contextmanager
def rude_server(*scripts: Script) -> Iterator[int]:
    """Run one script per accepted connection, one after the other, on the port given back. Stops after the last."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_play, args=(listener, scripts))
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes an accept that nobody answered
            thread.join()


def _play(listener: socket.socket, scripts: tuple[Script, ...]) -> None:
    for script in scripts:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        with connection:
            script(connection)


def read_request(connection: socket.socket) -> bytes:
    """Read up to the end of the headers; empty when the client went away."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            break
        data += received
    return data


def wait_for_goodbye(connection: socket.socket) -> int:
    """Wait until the client has closed the connection, and return how many bytes still came."""
    taken = 0
    try:
        while received := connection.recv(65536):
            taken += len(received)
    except ConnectionResetError:
        pass
    return taken


def make_certificate(directory: Path, name: str) -> Path:
    """Write a self-signed certificate for `name` with its key, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


def server_context(certificate: Path, asked_for: list[str | None]) -> ssl.SSLContext:
    """A TLS server that records the names asked for by SNI."""

    def record(_: ssl.SSLSocket, name: str | None, __: ssl.SSLContext) -> None:
        asked_for.append(name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = record  # type: ignore[assignment]  # may return nothing
    return context


def client_of(server: HTTPServer, **options: object) -> HttpClient:
    allow = [f"{server.host}:{server.port}"]
    return HttpClient(server.url_for(""), **{"allow": allow, "token": TOKEN, **options})  # type: ignore[arg-type]


def client_of_port(port: int, timeout: Timeout = Timeout()) -> HttpClient:
    return HttpClient(f"http://127.0.0.1:{port}", token=TOKEN, allow=[f"127.0.0.1:{port}"], timeout=timeout)
