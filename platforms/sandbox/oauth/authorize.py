"""`/oauth/authorize`: the page that asks a person, and the way back to the client. snac has a plain form instead."""

import re
import sqlite3
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode, urlsplit

from platforms.sandbox import pages, store
from platforms.sandbox.oauth import records
from platforms.sandbox.oauth.apps import DEFAULT_SCOPES, OUT_OF_BAND
from platforms.sandbox.oauth.habits import Deny, OAuthHabits, ScopeCheck
from platforms.sandbox.oauth.records import App
from platforms.sandbox.oauth.words import in_language
from platforms.sandbox.wire import Request, Response

COOKIE = "sandbox_account"
LOGIN_PATH = "/oauth/x-snac-login"
WITHOUT_SCRIPTS = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"


class Unanswerable(Exception):
    """A request for authorization that must not be answered with a redirect. The text is for the person."""


@dataclass(frozen=True)
class Asked:
    """A good request for authorization."""

    app: App
    redirect_uri: str
    scopes: str
    state: str | None
    challenge: str
    force_login: bool


def show(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """`GET /oauth/authorize`: the page that asks.

    Somebody who is signed in and has allowed this app the same scopes is sent on at once, unless `force_login` is set.
    """
    try:
        asked = _read(db, request, habits)
    except Unanswerable as error:
        return _problem(str(error))
    if not habits.consent_page:
        return _login_form(asked)
    username = request.cookies.get(COOKIE, "")
    known = store.account_named(db, username) is not None
    if known and not asked.force_login and records.has_token(db, asked.app.client_id, username, asked.scopes):
        return _allow(db, asked, username)
    return _consent(db, request, asked, habits, "" if asked.force_login else username)


def decide(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """`POST /oauth/authorize`: what the person chose."""
    try:
        asked = _read(db, request, habits)
    except Unanswerable as error:
        return _problem(str(error))
    if request.text("decision") == "deny" and habits.deny is Deny.REDIRECTS:
        told = "The resource owner or authorization server denied the request."
        return _back(asked.redirect_uri, asked.state, error="access_denied", error_description=told)
    account = store.account_named(db, request.text("account") or "")
    if account is None:
        return _problem("Choose one of the accounts of this instance.")
    response = _allow(db, asked, account.username)
    response.headers["Set-Cookie"] = f"{COOKIE}={account.username}; Path=/oauth; HttpOnly; SameSite=Lax"
    return response


def sign_in(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Response:
    """snac's `POST /oauth/x-snac-login`: any password will do. The state comes back as it was sent, unquoted."""
    app = records.app(db, request.text("cid") or "")
    account = store.account_named(db, request.text("login") or "")
    redirect_uri, state = request.text("redir") or "", request.text("state") or ""
    if app is None or redirect_uri not in app.redirect_uris:
        return _problem("This app is not registered here.")
    if account is None or not request.text("passwd"):
        return _login_form(Asked(app, redirect_uri, app.scopes, state, "", False), "LOGIN INCORRECT")
    code = records.add_code(db, app.client_id, account.username, redirect_uri, app.scopes, "")
    target = _joined(redirect_uri, urlencode({"code": code})) + (f"&state={_raw(state)}" if state else "")
    return Response(303, b"", {"Location": target})


def _read(db: sqlite3.Connection, request: Request, habits: OAuthHabits) -> Asked:
    """What is asked for. Raises Unanswerable: as Doorkeeper, no error of the request itself is sent to the client."""
    app = records.app(db, request.text("client_id") or "")
    if app is None:
        raise Unanswerable("Client authentication failed: this app is not registered here.")
    redirect_uri = request.text("redirect_uri") or ""
    if redirect_uri not in app.redirect_uris:
        raise Unanswerable("The redirect URI is not one of those that the app registered.")
    if request.text("response_type") != "code":
        raise Unanswerable("The authorization server does not support this response type.")
    scopes = " ".join((request.text("scope") or DEFAULT_SCOPES).split())
    if not _may_ask(scopes.split(), app.scopes.split(), habits):
        raise Unanswerable("The requested scope is invalid, unknown, or malformed.")
    challenge = request.text("code_challenge") or "" if habits.pkce_checked else ""
    if challenge and request.text("code_challenge_method") != "S256":
        raise Unanswerable("The code challenge method must be S256.")
    if challenge and not re.fullmatch(r"[A-Za-z0-9_-]{43}", challenge):
        raise Unanswerable("The code challenge is malformed.")
    return Asked(app, redirect_uri, scopes, request.text("state"), challenge, request.flag("force_login"))


def _may_ask(wanted: list[str], registered: list[str], habits: OAuthHabits) -> bool:
    if habits.scopes_known is not None and not habits.scopes_known.issuperset(wanted):
        return False
    if habits.scope_check is ScopeCheck.NONE:
        return True
    covers = habits.scope_check is ScopeCheck.COVERED
    return all(one in registered or (covers and one.partition(":")[0] in registered) for one in wanted)


def _allow(db: sqlite3.Connection, asked: Asked, username: str) -> Response:
    code = records.add_code(db, asked.app.client_id, username, asked.redirect_uri, asked.scopes, asked.challenge)
    if asked.redirect_uri == OUT_OF_BAND:
        return _page("Code", f"<h1>Copy this code into the app</h1><p><code>{code}</code></p>", "'none'")
    return _back(asked.redirect_uri, asked.state, code=code)


def _back(redirect_uri: str, state: str | None, **values: str) -> Response:
    """To the client, with the state as it came."""
    given = values if state is None else {**values, "state": state}
    return Response(302, b"", {"Location": _joined(redirect_uri, urlencode(given)), "Referrer-Policy": "no-referrer"})


def _joined(uri: str, query: str) -> str:
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{query}"


def _raw(text: str) -> str:
    """`text` as it is, but for what cannot stand in a header."""
    return quote(text, safe="".join(chr(number) for number in range(33, 127)))


def _consent(db: sqlite3.Connection, request: Request, asked: Asked, habits: OAuthHabits, username: str) -> Response:
    names = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name in names
        if (value := request.text(name)) is not None
    )
    words = in_language(request.text("lang") or "")
    scopes = "".join(
        f"<li>{escape(words.scopes.get(one, one))} <code>{escape(one)}</code></li>" for one in asked.scopes.split()
    )
    app, host = escape(asked.app.name), escape(urlsplit(asked.redirect_uri).netloc or asked.redirect_uri)
    body = f"""<h1>{words.title.format(app=app)}</h1>
<form class="consent" method="post" action="/oauth/authorize">{hidden}
<fieldset><legend>{words.account}</legend>{_accounts(db, username)}</fieldset>
<p class="fine">{words.practice}</p>
<h2>{words.able.format(app=app)}</h2>
<ul>{scopes}</ul>
<p class="fine">{words.back.format(host=f"<strong>{host}</strong>")}</p>
<p class="choices"><button name="decision" value="allow">{words.allow}</button>{_deny(habits, words.deny)}</p>
</form>"""
    title = words.title.format(app=asked.app.name)
    return _page(title, body, _form_targets(asked.redirect_uri), language=words.language)


def _accounts(db: sqlite3.Connection, username: str) -> str:
    rows = db.execute("SELECT username, display_name FROM accounts ORDER BY id").fetchall()
    chosen = (
        username if any(row["username"] == username for row in rows) else next((row["username"] for row in rows), "")
    )
    return "".join(
        f'<label><input type="radio" name="account" value="{escape(row["username"])}" required'
        f"{' checked' if row['username'] == chosen else ''}> {escape(row['display_name'])}"
        f' <span class="handle">@{escape(row["username"])}</span></label>'
        for row in rows
    )


def _deny(habits: OAuthHabits, word: str) -> str:
    if habits.deny is Deny.REDIRECTS:
        return f'<button class="quiet" name="decision" value="deny">{word}</button>'
    return f'<a href="#">{word}</a>' if habits.deny is Deny.NOWHERE else ""


def _login_form(asked: Asked, problem: str = "") -> Response:
    """snac's page: it does not say which app asks, nor what for."""
    body = f"""<h1>OAuth identify</h1>
{f'<p class="problem" role="alert">{problem}</p>' if problem else ""}
<form class="consent" method="post" action="{LOGIN_PATH}">
<p><label>Login: <input name="login" autocomplete="username" required></label></p>
<p><label>Password: <input type="password" name="passwd" autocomplete="off" required></label></p>
<p class="fine">This is a practice server: log in as demo, with any password.</p>
<input type="hidden" name="redir" value="{escape(asked.redirect_uri)}">
<input type="hidden" name="cid" value="{escape(asked.app.client_id)}">
<input type="hidden" name="state" value="{escape(asked.state or "")}">
<p class="choices"><button>OK</button></p>
</form>"""
    return _page("Sign in", body, _form_targets(asked.redirect_uri))


def _problem(message: str) -> Response:
    body = f"""<h1>This app cannot be allowed</h1>
<p class="problem">{escape(message)}</p>
<p>Nothing was allowed. Go back to the app and start again from there.</p>"""
    return _page("Not possible", body, "'none'", 400)


def _form_targets(redirect_uri: str) -> str:
    """Where the form may lead, for the policy of the page: browsers hold redirects after a form to it, too."""
    parts = urlsplit(redirect_uri)
    origin = f"{parts.scheme}://{parts.netloc}"
    usable = parts.scheme in ("http", "https") and re.fullmatch(r"[\w.:\[\]-]+", parts.netloc, re.ASCII)
    return f"'self' {origin if usable else f'{parts.scheme}:'}"


def _page(title: str, body: str, form_action: str, status: int = 200, language: str = "en") -> Response:
    response = pages.page(title, body, language)
    response.status = status
    response.headers |= {
        "Content-Security-Policy": f"{WITHOUT_SCRIPTS}; form-action {form_action}",
        "Cache-Control": "no-store",
    }
    return response
