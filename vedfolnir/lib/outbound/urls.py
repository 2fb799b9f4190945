"""Taking URLs apart, and the rule which of them may be asked at all."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import idna

from vedfolnir.lib.outbound.errors import OutboundRefused
from vedfolnir.lib.outbound.errors import gettext_noop as _

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_HOST = 253  # characters (RFC 1035)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.%]*\](:[^\[\]]*)?")  # nothing around them, and no IPvFuture
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True)
class Target:
    """A URL in the form in which it is checked and asked: what is checked is what is sent.

    `host` is lower-case ASCII, an IPv6 address without brackets; `path` begins with a slash and includes the query.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, without the port that goes without saying."""
        suffix = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self._bracketed}{suffix}"

    @property
    def address(self) -> str:
        """Host and port, as an entry of OUTBOUND_ALLOW names them."""
        return f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def url(self) -> str:
        return self.origin + self.path

    def joined(self, reference: str) -> "Target":
        """Return where a link on this page leads. Raises OutboundRefused as `parse_url` does."""
        try:
            url = None if _CONTROL.search(reference) else urljoin(self.url, reference)
        except ValueError:
            url = None
        if url is None:
            raise OutboundRefused(_("%(host)s redirects to something that is not a web address."), host=self.host)
        return parse_url(url)


def parse_url(url: str) -> Target:
    """Take an http or https URL apart; drops the fragment.

    Raises OutboundRefused for anything else, and for a user name or password in it.
    """
    parts = _split(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise OutboundRefused(_("Only addresses that begin with https:// or http:// can be used."))
    if "@" in parts.netloc:
        raise OutboundRefused(_("The address contains a user name or password. Remove everything up to the @ sign."))
    if parts.netloc.count(":") > 1 and "[" not in parts.netloc:
        raise OutboundRefused(_("An IPv6 address goes in brackets, such as [2001:db8::1]."))
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise OutboundRefused(_("The port in the address is not a number from 1 to 65535."))
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, canonical_host(parts.hostname or ""), port or DEFAULT_PORTS[parts.scheme], path + query)


def _split(url: str) -> SplitResult:
    url = url.strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    # urlsplit drops tabs and line breaks, other programs do not: nobody shall read another address than we do.
    if parts is None or _CONTROL.search(url) or ("[" in parts.netloc and not _BRACKETED.fullmatch(parts.netloc)):
        raise OutboundRefused(_("This is not a web address. Check it for typing errors."))
    return parts


def canonical_host(host: str) -> str:
    """Return a host name in lower-case ASCII (IDNA), an IPv6 address compressed and without brackets.

    Raises OutboundRefused when no server can have that name.
    """
    host = host.removesuffix(".").lower()
    try:
        if ":" in host and "%" not in host:
            return str(ipaddress.IPv6Address(host))
        if not host.isascii() and len(host) <= MAX_HOST:
            host = idna.encode(host, uts46=True).decode("ascii")
    except ValueError:  # AddressValueError and idna.IDNAError are both
        host = ""
    if len(host) > MAX_HOST or not _HOST.fullmatch(host):
        raise OutboundRefused(_("The address contains no valid server name. Check it for typing errors."))
    return host


def normalise_instance_url(text: str) -> str:
    """Turn what a person types into the base URL of a server: `Example.social/` becomes `https://example.social`.

    An explicit http:// and a port are kept (whether they may be used is decided when the server is asked), names
    with other letters are returned in ASCII. Raises OutboundRefused for an empty text and for a path, a query, a
    fragment or a user name.
    """
    text = text.strip()
    if not text:
        raise OutboundRefused(_("Enter the server's address, such as example.social."))
    url = text if "://" in text else f"https://{text}"
    if "?" in url or "#" in url or _split(url).path not in ("", "/"):
        raise OutboundRefused(_("Enter only the server's address, such as example.social, without what follows it."))
    return parse_url(url).origin


@dataclass(frozen=True)
class AllowList:
    """Named servers that may be private, speak plain http and use any port: pairs of host and port, None for all."""

    entries: frozenset[tuple[str, int | None]]

    @classmethod
    def parse(cls, entries: Collection[str]) -> "AllowList":
        """Read `host` and `host:port` entries, IPv6 addresses in brackets. Raises ValueError for anything else."""
        return cls(frozenset(_parse_entry(entry) for entry in entries))

    def including(self, target: Target) -> "AllowList":
        return AllowList(self.entries | {(target.host, target.port)})

    def covers(self, host: str, port: int) -> bool:
        return (host, port) in self.entries or (host, None) in self.entries

    def check(self, target: Target, *, plain_http: bool) -> None:
        """Raise OutboundRefused unless the scheme and port may be used with that host.

        Named servers may use any; others https on 443 and, where `plain_http` is set, http on 80.
        """
        if self.covers(target.host, target.port):
            return
        known = {"host": target.host, "port": target.port, "address": target.address}
        if target.scheme == "http" and not plain_http:
            raise OutboundRefused(
                _(
                    "%(host)s must be reached by https://, not by http://. "
                    "An operator can name %(address)s in OUTBOUND_ALLOW."
                ),
                **known,
            )
        if target.port != DEFAULT_PORTS[target.scheme]:
            raise OutboundRefused(
                _(
                    "Port %(port)s of %(host)s is not allowed, only the usual web ports are. "
                    "An operator can name %(address)s in OUTBOUND_ALLOW."
                ),
                **known,
            )


def _parse_entry(entry: str) -> tuple[str, int | None]:
    try:
        if "/" in entry or "@" in entry:
            raise ValueError
        parts = urlsplit(f"//{entry.strip()}")
        return canonical_host(parts.hostname or ""), parts.port
    except (ValueError, OutboundRefused):
        raise ValueError(f"{entry!r} is not host or host:port (an IPv6 address goes in brackets).") from None
