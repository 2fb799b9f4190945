"""Asking a server that speaks the Mastodon API: every failure becomes one of the two platform exceptions.

Their reasons are sentences for the person who looks after the connection, without secrets.
"""

import json as notation
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from django.utils.translation import gettext as _

from platforms.clients.base import CredentialsRefused, NotSent, PlatformError, PlatformRefused, PlatformUnavailable
from platforms.traffic.budget import PAGE, READ, WRITE
from platforms.traffic.traffic import Held, Ticket, Traffic, private
from vedfolnir.lib.outbound import (
    HttpClient,
    OutboundRefused,
    OutboundTooLate,
    OutboundUnavailable,
    Response,
    Timeout,
)
from vedfolnir.lib.text import clean_line
from vedfolnir.lib.wording import reason_of

LONG_ENOUGH = 12  # characters; a shorter secret may stand in a text by chance
WORDS = 300  # characters of a server's own explanation that we pass on
UNAUTHORIZED = frozenset({401})
DEFAULT_TIMEOUT = Timeout()
PAGING = frozenset({"max_id", "min_id", "since_id", "page"})  # Mastodon counts requests with them apart


def never() -> bool:
    """For a token that nobody replaces."""
    return False


class HeldBack(NotSent):
    """The server asked to be left alone, its budget is used up, or it does not answer."""


class Unreadable(PlatformRefused):
    """The server says that it did what it was asked (status 2xx), but not in JSON, or in words that we do not take.

    Only reading again tells.
    """


class NotFound(PlatformRefused):
    """The server has no such thing, or not for us."""


@dataclass(frozen=True)
class Answer:
    """A good answer: its JSON and its headers (which ignore case)."""

    data: Any
    headers: Mapping[str, str] = field(repr=False)


class Api:
    """One server, asked with one token. Not for several threads at once.

    `deadline` is a moment of `time.monotonic()` after which no further request begins: for pages that a person waits
    for. `traffic` is asked before each request; without one, what the server allows is known to this object alone.
    `is_replaced` is asked when the token is refused: whether another one counts by now, so that a new client gets on.
    The constructor raises PlatformRefused for an address that may not be asked, CredentialsRefused for a token that
    cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        allow: Collection[str] = (),
        timeout: Timeout = DEFAULT_TIMEOUT,
        deadline: float | None = None,
        traffic: Traffic | None = None,
        is_replaced: Callable[[], bool] = never,
        secrets: Collection[str] = (),
        signed_in: bool = False,
    ) -> None:
        """`secrets` are what no answer may hold, besides the token: answers are stored and shown.

        `signed_in` says that the token came by OAuth, so that what is wrong with it is told in the words of that.
        """
        self.host = urlsplit(base_url).netloc
        self._base_url = base_url
        self._token = (token or "").strip()
        self._secrets = [secret for secret in (self._token, *secrets) if len(secret) >= LONG_ENOUGH]
        self._deadline = deadline
        self._traffic = traffic or private(self.host)
        self._is_replaced = is_replaced
        self._signed_in = signed_in
        try:
            HttpClient(base_url, allow=allow).close()  # alone, to tell a bad address from a bad token
        except OutboundRefused as error:
            raise PlatformRefused(reason_of(error)) from error
        try:
            self._http = HttpClient(base_url, token=token, allow=allow, timeout=timeout)
        except OutboundRefused as error:
            raise CredentialsRefused(reason_of(error)) from error

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def put(self, path: str, **options: Any) -> Answer:
        return self.request("PUT", path, **options)

    def post_form(self, path: str, form: Mapping[str, str]) -> Response:
        """Send a form and return the answer, also one of status 4xx: OAuth says in its own words what went wrong.

        Raises PlatformUnavailable as `request` does, PlatformRefused for a redirect: secrets are in the form.
        """
        ticket = self._enter(WRITE, False)
        response = self._send(ticket, "POST", path, None, None, form)
        wait = self._traffic.answered(ticket, response.status, response.headers)
        if response.status in (408, 429) or response.status >= 500:
            raise self._failure(response, "", (), wait)
        if 300 <= response.status < 400:
            raise self._redirected(response)
        return response

    def request(
        self,
        method: str,
        path: str,
        *,
        scope: str = "",
        params: Mapping[str, str] | None = None,
        json: Any = None,
        bad_token: Collection[int] = UNAUTHORIZED,
        bad_token_pages: Collection[int] = (),
        gone_page: str = "",
        from_reserve: bool = False,
        just_before: Callable[[], float | None] | None = None,
    ) -> Answer:
        """Send one request and return its JSON.

        `scope` is what the token needs for it, named when it is missing; `bad_token` the statuses that mean that the
        token is not accepted, `bad_token_pages` those that mean so where a web page comes with them; `gone_page` is
        what stands in the server's own page of status 404, while another one may be a proxy's; `from_reserve` lets a
        request pass that finishes what was begun although the server's budget for us is nearly used up.
        `just_before` is called when nothing is left but to send it, and may say after which moment (of
        `vedfolnir.lib.clock`) nothing of it may be sent any more; what it raises goes through.

        Raises:
            PlatformUnavailable: the network, 408, 429, 5xx; NotSent where it was not even sent.
            Unreadable: status 2xx without JSON, or with a secret of ours in it.
            CredentialsRefused, NotFound, PlatformRefused: every other answer.
        """
        ticket = self._enter(_kind(method, params), from_reserve)
        not_after = self._ready(ticket, just_before)
        response = self._send(ticket, method, path, params, json, not_after=not_after)
        wait = self._traffic.answered(ticket, response.status, response.headers)
        if not 200 <= response.status < 300:
            if response.status in bad_token_pages and "html" in response.content_type:
                bad_token = bad_token_pages
            if response.status == 404 and gone_page and gone_page.encode() in response.body:
                raise self._not_found(response)
            raise self._as_of_now(self._failure(response, scope, bad_token, wait))
        try:
            data = response.json()
        except OutboundRefused as error:
            raise Unreadable(self._no_json(response).reason) from error
        self._require_no_secret(data)
        return Answer(data, response.headers)

    def _require_no_secret(self, data: Any) -> None:
        text = notation.dumps(data, ensure_ascii=False) if self._secrets else ""
        if any(secret in text for secret in self._secrets):
            reason = _(
                "%(host)s repeats the access token, or another secret, in its answer, so nothing of it was taken over. "
                "Ask whoever runs the server, and connect again to get a new token."
            )
            raise Unreadable(reason % {"host": self.host})

    def _as_of_now(self, failure: PlatformError) -> PlatformError:
        """A refusal of a token that was replaced meanwhile is none of the connection."""
        if isinstance(failure, CredentialsRefused) and self._is_replaced():
            text = _("The access to %(host)s was renewed at this moment. Try again.")
            return PlatformUnavailable(text % {"host": self.host})
        return failure

    def _enter(self, kind: str, from_reserve: bool) -> Ticket:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise PlatformUnavailable(_("%(host)s takes too long to answer. Try again later.") % {"host": self.host})
        try:
            return self._traffic.enter(kind, from_reserve=from_reserve)
        except Held as error:
            raise HeldBack(error.reason, retry_after=error.seconds) from error

    def _ready(self, ticket: Ticket, just_before: Callable[[], float | None] | None) -> float:
        if just_before is None:
            return math.inf
        with ExitStack() as unless_ready:
            unless_ready.callback(self._traffic.let_go, ticket)
            not_after = just_before()
            unless_ready.pop_all()
        return math.inf if not_after is None else not_after

    def _send(
        self,
        ticket: Ticket,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        json: Any,
        form: Mapping[str, str] | None = None,
        not_after: float = math.inf,
    ) -> Response:
        try:
            return self._http.request(method, path, params=params, json=json, form=form, not_after=not_after)
        except OutboundTooLate as error:
            self._traffic.let_go(ticket)
            raise NotSent(reason_of(error)) from error
        except OutboundUnavailable as error:
            self._traffic.failed(ticket)
            raise PlatformUnavailable(reason_of(error)) from error
        except OutboundRefused as error:
            self._traffic.let_go(ticket)
            raise PlatformRefused(reason_of(error)) from error

    def _failure(self, response: Response, scope: str, bad_token: Collection[int], wait: float | None) -> PlatformError:
        """The exception that an answer of status 3xx to 5xx means."""
        if response.status == 429:
            reason = _("%(host)s asks us to slow down (status 429).")
        elif response.status >= 500 or response.status == 408:
            reason = _("%(host)s is in trouble (status %(status)s). Try again later.")
        else:
            return self._refusal(response, scope, bad_token)
        return PlatformUnavailable(reason % {"host": self.host, "status": response.status}, retry_after=wait)

    def _refusal(self, response: Response, scope: str, bad_token: Collection[int]) -> PlatformRefused:
        known = {"host": self.host, "status": response.status, "scope": scope, "words": self._words(response)}
        if response.status < 400:
            return self._redirected(response)
        if response.status == 403 and scope and _names_a_scope(response, scope):
            return CredentialsRefused(self._lacks_scope() % known)
        if response.status in bad_token:
            return CredentialsRefused(self._no_access() % known)
        if "html" in response.content_type:
            return self._no_json(response)
        if response.status in (404, 410):
            return self._not_found(response)
        return PlatformRefused(_("%(host)s refuses what we asked for (status %(status)s). %(words)s") % known)

    def _lacks_scope(self) -> str:
        if self._signed_in:
            return _("The access lacks the permission “%(scope)s”. Sign in again and allow all that is asked for.")
        return _("The access token lacks the permission “%(scope)s”. Make a new one on %(host)s and connect again.")

    def _no_access(self) -> str:
        if self._signed_in:
            return _(
                "%(host)s does not accept Vedfolnir's access any more (taken back, or ended). Press “Sign in again”."
            )
        return _("%(host)s does not accept the access token. Make a new one there and connect again.")

    def _not_found(self, response: Response) -> NotFound:
        known = {"host": self.host, "status": response.status, "words": self._words(response)}
        return NotFound(_("%(host)s does not have what we asked for (status %(status)s). %(words)s") % known)

    def _redirected(self, response: Response) -> PlatformRefused:
        other = _host_of_redirect(response)
        if other and other != self.host:
            known = {"host": self.host, "other": other}
            return PlatformRefused(
                _("%(host)s sends us on to %(other)s. If that is your server, connect with that address.") % known
            )
        return PlatformRefused(
            _("%(host)s redirects (status %(status)s) where the Mastodon API answers. Check the address.")
            % {"host": self.host, "status": response.status}
        )

    def _no_json(self, response: Response) -> PlatformRefused:
        text = (
            _("%(host)s answers with a web page (status %(status)s), not as a server with the Mastodon API does.")
            if "html" in response.content_type
            else _("%(host)s answers with something that is not JSON (status %(status)s).")
        )
        return PlatformRefused(text % {"host": self.host, "status": response.status} + " " + _("Check the address."))

    def _words(self, response: Response) -> str:
        """The server's own explanation, cleaned and cut, without the token; it is shown as text, never as HTML."""
        said = next(_said(response), "")
        return clean_line(said.replace(self._token, "…") if self._token else said, WORDS)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _kind(method: str, params: Mapping[str, str] | None) -> str:
    """How servers that count apart count this request."""
    if method != "GET":
        return WRITE
    return READ if PAGING.isdisjoint(params or {}) else PAGE


def _said(response: Response) -> Iterator[str]:
    """What the body of an error says, most telling first."""
    try:
        data = response.json()
    except OutboundRefused:
        return
    known = [data.get(name) for name in ("error_description", "error", "message")] if isinstance(data, dict) else []
    yield from (text for text in known if text and isinstance(text, str))


def _names_a_scope(response: Response, scope: str) -> bool:
    """Whether a 403 is about what the token may do, and not about the post.

    Seen: "This action is outside the authorized scopes" (Mastodon), "out_of_scope_for_token" (Takahē), "Insufficient
    permissions: write:statuses." (Pleroma), and `error="insufficient_scope"` in a header (RFC 6750).
    """
    said = " ".join([*_said(response), response.headers.get("WWW-Authenticate", "")]).casefold()
    return "scope" in said or scope in said


def _host_of_redirect(response: Response) -> str:
    """The host that a redirect leads to; empty when it leads nowhere."""
    try:
        netloc = urlsplit(urljoin(response.url, response.headers.get("Location", ""))).netloc
    except ValueError:
        return ""
    return clean_line(netloc.rpartition("@")[2], WORDS)
