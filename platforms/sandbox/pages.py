"""The public pages: what a visitor without an account sees. Plain HTML and one style sheet, no scripts."""

import sqlite3
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from platforms.sandbox import content, families, store
from platforms.sandbox.store import Account, Media, Poll, Status
from platforms.sandbox.wire import ApiError, Request, Response

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "ja": "日本語"}
PUBLIC = ("public", "unlisted")
SHOWN = 200
NOTICES = {
    "en": "<strong>Practice instance.</strong> Nothing that happens here reaches anybody else.",
    "de": "<strong>Übungsinstanz.</strong> Was hier geschieht, erreicht sonst niemanden.",
}
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
HTML = {"Content-Type": "text/html; charset=utf-8", **SECURITY}
STYLE = files("platforms.sandbox").joinpath("assets/sandbox.css").read_bytes()
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6" fill="#a4541e"/>'
    '<ellipse cx="8" cy="8" rx="8" ry="2.4" fill="none" stroke="#e8b04a" transform="rotate(-20 8 8)"/></svg>'
)


def dispatch(db: sqlite3.Connection, request: Request) -> Response:
    """Answer a request that is not for the API."""
    if request.method not in ("GET", "HEAD"):
        raise ApiError(405, "Method not allowed")
    head, *rest = request.path.strip("/").split("/")
    if head == "sandbox.css":
        return Response(200, STYLE, {"Content-Type": "text/css; charset=utf-8"})
    if head == "favicon.svg":
        return Response(200, SVG.encode(), {"Content-Type": "image/svg+xml"})
    if head == "media" and len(rest) == 1:
        return _file(db, rest[0])
    if head == "tags" and len(rest) == 1:
        return _tag(db, request, rest[0])
    if head.startswith("@"):
        return _profile(db, request, head[1:], rest)
    if head == "":
        return _home(db)
    return _missing()


def _file(db: sqlite3.Connection, name: str) -> Response:
    found = store.file(db, name)
    if found is None:
        return Response(404, b"", {"Content-Type": "text/plain"})
    content_type, data = found
    return Response(200, data, {"Content-Type": content_type, "Cache-Control": "public, max-age=31536000, immutable"})


def _profile(db: sqlite3.Connection, request: Request, username: str, rest: list[str]) -> Response:
    """`/@name`, its posts newest first, or `/@name/<id>`, one post."""
    account = store.account_named(db, username)
    if account is None or len(rest) > 1:
        return _missing()
    view = View(db, request.base_url)
    if not rest:
        statuses = view.public_statuses("account_id = ?", account.id)
        return page(account.display_name, view.header(account, statuses) + view.posts(statuses))
    known = view.family.ids.decode("status", rest[0])
    status = store.status(db, known) if known is not None else None
    if status is None or status.account_id != account.id or status.visibility not in PUBLIC:
        return _missing()
    back = f'<p class="back"><a href="/@{escape(account.username)}">← {escape(account.display_name)}</a></p>'
    return page(f"A post by {account.display_name}", back + view.posts([status]) + view.history(status))


def _tag(db: sqlite3.Connection, request: Request, tag: str) -> Response:
    view = View(db, request.base_url)
    posts = [one for one in view.public_statuses("reblog_of_id IS NULL") if tag.lower() in content.tags(one.text)]
    return page(f"#{tag}", f"<h1>#{escape(tag)}</h1>{view.posts(posts)}")


def _home(db: sqlite3.Connection) -> Response:
    rows = db.execute("SELECT username, display_name FROM accounts ORDER BY id").fetchall()
    people = "".join(
        f'<li><a href="/@{escape(row["username"])}">{escape(row["display_name"])}</a> @{escape(row["username"])}</li>'
        for row in rows
    )
    return page("Vedfolnir sandbox", f"<h1>Vedfolnir sandbox</h1><p>Who lives here:</p><ul>{people}</ul>")


def _missing() -> Response:
    response = page("Not found", "<h1>Nothing here</h1><p>This page does not exist, or only its author may see it.</p>")
    response.status = 404
    return response


def page(title: str, body: str, language: str = "en") -> Response:
    """A whole page. `title` is text, `body` HTML, `language` one of NOTICES."""
    text = f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Vedfolnir sandbox</title>
<link rel="stylesheet" href="/sandbox.css">
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
</head>
<body>
<p class="notice">{NOTICES[language]}</p>
<main>
{body}
</main>
</body>
</html>
"""
    return Response(200, text.encode(), dict(HTML))


class View:
    """Pieces of HTML for one page."""

    def __init__(self, db: sqlite3.Connection, base_url: str) -> None:
        self.db = db
        self.base_url = base_url
        self.family = families.of(db)

    def public_statuses(self, condition: str, *values: int) -> list[Status]:
        """The newest public and unlisted posts for which `condition` (SQL of our own) holds."""
        rows = self.db.execute(
            f"SELECT * FROM statuses WHERE {condition} AND visibility IN ('public', 'unlisted')"  # noqa: S608
            " ORDER BY id DESC LIMIT ?",
            (*values, SHOWN),
        )
        return [store.status_from(row) for row in rows]

    def posts(self, statuses: list[Status]) -> str:
        """Posts, one under the other."""
        return "\n".join(self.post(one) for one in statuses) or "<p>No posts yet.</p>"

    def header(self, account: Account, statuses: list[Status]) -> str:
        """Who this is, and how many of the pictures below have an alt text."""
        pictures = [one for status in statuses for one in store.media(self.db, status.media_ids)]
        described = sum(has_alt(one) for one in pictures)
        return f"""<header class="profile">
<img class="avatar" src="/media/{escape(account.avatar)}" alt="" width="88" height="88">
<div>
<h1>{escape(account.display_name)}</h1>
<p class="handle">@{escape(account.username)}</p>
<div class="note">{self._html(account.note)}</div>
<p class="tally"><meter min="0" max="{max(1, len(pictures))}" value="{described}"></meter>
{described} of {len(pictures)} pictures have alt text</p>
</div>
</header>"""

    def post(self, status: Status) -> str:
        """One post; for a boost, the post that was boosted."""
        author = store.author(self.db, status)
        if status.reblog_of_id:
            boosted = store.status(self.db, status.reblog_of_id)
            inner = self.post(boosted) if boosted else ""
            return f'<div class="boost"><p>↻ {escape(author.display_name)} boosted</p>{inner}</div>'

        address = f"/@{escape(author.username)}/{self.family.permanent_id(status)}"
        lang = f' lang="{escape(status.language)}"' if status.language else ""
        reply = '<p class="reply">↳ Part of a thread</p>' if status.in_reply_to_id else ""
        found = store.poll(self.db, status.id)
        inside = f'<div class="text"{lang}>{self._html(status.text)}</div>{_poll(found[1]) if found else ""}'
        inside += self._pictures(status)
        if status.spoiler_text:
            warning = f"<summary><span{lang}>{escape(status.spoiler_text)}</span></summary>"
            inside = f'<details class="warning">{warning}{inside}</details>'
        return f"""<article class="post" id="post-{status.id}">
<header><img class="avatar" src="/media/{escape(author.avatar)}" alt="" width="44" height="44">
<p><strong>{escape(author.display_name)}</strong><br><span class="handle">@{escape(author.username)}</span></p>
<a class="when" href="{address}">{_time(status.created_at)}</a></header>
{reply}{inside}
<footer>{self._facts(status)}</footer>
</article>"""

    def history(self, status: Status) -> str:
        """When a post was published and edited."""
        edits = store.edits(self.db, status.id)
        if not edits:
            return '<p class="history">Never edited.</p>'
        items = "".join(
            f"<li>{_time(row['created_at'])} {'Edited' if number else 'Published'}</li>"
            for number, row in enumerate(edits)
        )
        return f'<section class="history"><h2>History</h2><ol>{items}</ol></section>'

    def _facts(self, status: Status) -> str:
        language = LANGUAGES.get(status.language or "", status.language or "")
        facts = [status.visibility.capitalize(), escape(language)]
        if status.edited_at:
            times = len(store.edits(self.db, status.id)) - 1
            facts.append(f"Edited {times} time{'s' if times != 1 else ''}, last {_time(status.edited_at)}")
        return "".join(f"<span>{fact}</span>" for fact in facts if fact)

    def _pictures(self, status: Status) -> str:
        shown = store.media(self.db, status.media_ids)
        if not shown:
            return ""
        lang = f' lang="{escape(status.language)}"' if status.language else ""
        return f'<div class="pictures n{len(shown)}">{"".join(_figure(one, lang) for one in shown)}</div>'

    def _html(self, text: str) -> str:
        return content.to_html(text, self.base_url, lambda name: store.account_named(self.db, name) is not None)


def has_alt(media: Media) -> bool:
    """Whether a picture has any alt text at all."""
    return bool(media.description and media.description.strip())


def _figure(media: Media, lang: str) -> str:
    description = media.description or ""
    text = escape(description).replace("\n", "<br>")
    caption = (
        f'<b class="badge">ALT:</b> <span{lang}>{text}</span>'
        if has_alt(media)
        else '<b class="badge missing">No alt text</b>'
    )
    return f"""<figure>
<a href="/media/{media.file}"><img src="/media/{media.file}" alt="{escape(description)}" loading="lazy"
 width="{media.width}" height="{media.height}"{lang}></a>
<figcaption>{caption}</figcaption>
</figure>"""


def _poll(poll: Poll) -> str:
    total = sum(poll.votes)
    rows = "".join(
        f"<li><span>{escape(title)}</span> <b>{round(100 * votes / total) if total else 0} %</b>"
        f'<meter min="0" max="{max(1, total)}" value="{votes}"></meter></li>'
        for title, votes in zip(poll.options, poll.votes, strict=True)
    )
    ends = "Closed" if poll.expires_at <= store.now() else f"Open until {_time(poll.expires_at)}"
    return f'<div class="poll"><ul>{rows}</ul><p>{total} votes · {ends}</p></div>'


def _time(moment: str) -> str:
    shown = datetime.fromisoformat(moment).astimezone(UTC)
    return f'<time datetime="{moment}">{shown.day} {shown:%b %Y, %H:%M}</time>'
