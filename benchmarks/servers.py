"""Sandboxes full of posts, and what became of them: read from the sandbox's own tables, not through its API."""

import html
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.approving import alt_text
from platforms.sandbox import families, store
from platforms.sandbox.database import Database
from platforms.sandbox.samples import DEMO
from platforms.sandbox.store import Media, Status
from platforms.sandbox.testing import Picture, SandboxHandle, running_sandbox

ACCOUNTS = 8  # one account has one writer at a time, and waits for the lease of a writer that died
WARNINGS = ("", "boats & <ships>")
VISIBILITIES = ("public", "public", "unlisted")
LANGUAGES: Mapping[str, str | None] = {"pleroma": None, "snac": "en"}


@dataclass(frozen=True)
class Post:
    """A post as its author left it."""

    id: str
    status: Status
    pictures: tuple[Media, ...]

    @property
    def texts(self) -> dict[int, str]:
        """What its pictures without alt text shall be described as, by their number in the store."""
        return {one.id: alt_text(one.file) for one in self.pictures if one.description is None}


@dataclass
class Tally:
    """What became of the posts of one server, and what it took."""

    posts: int = 0
    lost: int = 0  # approved, and neither published nor refused with a reason
    double: int = 0  # edited, or a picture of them written, more often than once
    damaged: int = 0  # anything but the approved alt texts is not as it was
    alarms: int = 0  # refused or reported, although nothing was wrong
    untrue: int = 0  # said to be posted, and not there
    spared: int = 0  # orders to die or to stop that nobody carried out: so much chaos there was not
    kills: int = 0
    stops: int = 0
    seconds: float = 0.0


@dataclass
class Server:
    family: str
    sandbox: SandboxHandle
    tokens: dict[str, str] = field(default_factory=dict)  # by account
    posts: list[Post] = field(default_factory=list)

    def fill(self, count: int) -> None:
        """Publish `count` posts, spread over ACCOUNTS accounts."""
        names = [DEMO, *(f"chaos{number}" for number in range(1, ACCOUNTS))]
        with Database(self.sandbox.database).write() as db:
            demo = store.account_named(db, DEMO)
            if demo is None:
                raise LookupError(DEMO)
            for number, name in enumerate(names[1:], start=1):
                store.add_account(db, replace(demo, id=demo.id + 1000 * number, username=name))
        self.tokens = {name: self.sandbox.issue_token(name) for name in names}
        self.sandbox.set_rate_limit(10**7)
        self.sandbox.set_media_writes_per_minute(10**7)
        ids = [self._publish(number, names[number % ACCOUNTS]) for number in range(count)]
        self.posts = [self._read(status_id) for status_id in ids]

    def _publish(self, number: int, name: str) -> str:
        warning = WARNINGS[number % len(WARNINGS)]
        return self.sandbox.add_status(
            f"Five  spaces, post {number}\n\n#Hafen https://example.org/?a=1&b=2 <3 &amp; 🍣",
            pictures=[Picture(focus="0.5,-0.25"), Picture("An old harbour."), Picture()][: 2 + number % 2],
            username=name,
            spoiler_text=warning,
            sensitive=bool(warning) or number % 5 == 0,
            visibility=VISIBILITIES[number % len(VISIBILITIES)],
            language=LANGUAGES.get(self.family, "de"),
        )

    def _read(self, status_id: str) -> Post:
        with Database(self.sandbox.database).read() as db:
            pk = families.of(db).ids.decode("status", status_id)
            status = store.status(db, pk or 0)
            if status is None:
                raise LookupError(status_id)
            return Post(status_id, status, tuple(store.media(db, status.media_ids)))

    def media_ids(self, post: Post) -> dict[str, str]:
        """The texts of a post by the ids that clients see."""
        with Database(self.sandbox.database).read() as db:
            family = families.of(db)
            ids = {one.id: family.media_id(db, self.sandbox.url, one) for one in post.pictures}
        return {ids[pk]: text for pk, text in post.texts.items()}

    def look(self, tally: Tally) -> set[str]:
        """Count what was edited twice or damaged; the ids of the posts that have all their texts."""
        whole = set()
        for before in self.posts:
            now = self._read(before.id)
            tally.double += self._was_written_twice(before)
            tally.damaged += self._is_damaged(before, now)
            shown = {one.id: self._as_written(one.description) for one in now.pictures}
            if all(shown.get(pk) == text for pk, text in before.texts.items()):
                whole.add(before.id)
        return whole

    def _was_written_twice(self, post: Post) -> bool:
        with Database(self.sandbox.database).read() as db:
            edits = max(0, len(store.edits(db, post.status.id)) - 1)
            most = "SELECT max(n) FROM (SELECT count(*) n FROM media_writes WHERE status_id = ? GROUP BY media_id)"
            written = db.execute(most, (post.status.id,)).fetchone()[0] or 0
        return max(edits, written) > 1

    def _is_damaged(self, before: Post, now: Post) -> bool:
        if replace(now.status, edited_at=None) != replace(before.status, edited_at=None):
            return True
        allowed = {pk: {"", text} for pk, text in before.texts.items()}
        for was, one in zip(before.pictures, now.pictures, strict=True):
            texts = allowed.get(one.id, {was.description or ""})
            if replace(one, description=None) != replace(was, description=None):
                return True
            if self._as_written(one.description) not in texts:
                return True
        return False

    def _as_written(self, shown: str | None) -> str:
        return html.unescape(shown or "") if self.family == "pixelfed" else shown or ""


@contextmanager
def server(folder: Path, family: str, posts: int) -> Iterator[Server]:
    """A sandbox of this family with so many posts."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_sandbox(folder, with_samples=False, like=family) as sandbox:
        made = Server(family, sandbox)
        made.fill(posts)
        yield made
