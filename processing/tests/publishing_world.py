"""The server's side of the property test: posts, what their owner does to them in another client, what is there now."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from captions.models import Image, Post
from platforms.sandbox import editing, families, store
from platforms.sandbox.database import Database
from platforms.sandbox.families import pleroma
from platforms.sandbox.samples import add_accounts
from platforms.sandbox.testing import Picture, SandboxHandle


@dataclass(frozen=True)
class Shown:
    """A post in the sandbox's own tables: everything of it that an edit could change."""

    words: tuple[Any, ...]  # text, content warning, sensitive, language, visibility, quote policy, format, links
    pictures: tuple[tuple[int, str], ...]  # by id in the store and focus, in their order
    alts: Mapping[int, str]
    poll: tuple[str, ...]

    @property
    def text(self) -> str:
        return str(self.words[0])

    def without_alts(self) -> tuple[Any, ...]:
        return self.words, self.pictures, self.poll


@dataclass(frozen=True)
class Writes:
    """How often posts were edited, and pictures written by themselves; those that never were are not named."""

    edits: Mapping[int, int]
    pictures: Mapping[int, int]


@dataclass
class World:
    """A sandbox with what the test knows about it. Posts are known by their ids in the store, which never change."""

    sandbox: SandboxHandle
    posts: list[int] = field(default_factory=list)
    own_edits: dict[int, int] = field(default_factory=dict)  # edits of each post that its owner made
    touched: dict[int, int] = field(default_factory=dict)  # changes of each picture's alt text by the owner
    marks: int = 0

    def __post_init__(self) -> None:
        self.family = self.sandbox.family  # reads the file each time it is asked for

    @property
    def edits_posts(self) -> bool:
        """Whether an owner's client changes alt texts by an edit of the post here."""
        return self.family.name not in ("pixelfed", "takahe") and not self.is_old_gotosocial

    @property
    def is_old_gotosocial(self) -> bool:
        family = self.family
        return family.name == "gotosocial" and family.release < (0, 19)

    def begin(self) -> None:
        """Forget every post, and go on with the same accounts and tokens."""
        database = Database(self.sandbox.database)
        database.wipe()
        with database.write() as db:
            add_accounts(db)
        self.sandbox.set_media_writes_per_minute(100_000)
        self.posts, self.own_edits, self.touched, self.marks = [], {}, {}, 0

    def mark(self, what: str) -> str:
        """Words that nobody wrote before."""
        self.marks += 1
        return f"{what} number {self.marks}"

    def add(self, text: str, pictures: list[Picture], **values: Any) -> int:
        pk = self.pk_of(self.sandbox.add_status(text, pictures=pictures, **values))
        self.posts.append(pk)
        self.own_edits[pk] = 0
        return pk

    def pk_of(self, status_id: str) -> int:
        pk = self.family.ids.decode("status", status_id)
        assert pk is not None
        return pk

    def pk_of_post(self, post: Post) -> int:
        return self.pk_of(post.full_post_id or post.post_id)

    def pk_of_image(self, image: Image) -> int:
        """snac names pictures by address and number, the others by an id."""
        if self.family.name == "snac":
            return int(image.remote_id.rpartition("_")[2])
        pk = self.family.ids.decode("media", image.remote_id)
        assert pk is not None
        return pk

    def shown(self) -> dict[int, Shown | None]:
        """Every post as it is now; None for those that are gone."""
        with Database(self.sandbox.database).read() as db:
            return {pk: _shown(db, pk) for pk in self.posts}

    def writes(self) -> Writes:
        """What others than the owner wrote so far."""
        with Database(self.sandbox.database).read() as db:
            counts = dict(db.execute("SELECT status_id, count(*) FROM status_edits GROUP BY status_id").fetchall())
            rows = db.execute("SELECT media_id, count(*) FROM media_writes GROUP BY media_id").fetchall()
        edits = {pk: counts[pk] - 1 - self.own_edits[pk] for pk in self.posts if pk in counts}
        return Writes(edits, dict(rows))

    def history(self, pk: int) -> list[dict[str, Any]]:
        """The versions of a post, for whoever reads a failure."""
        with Database(self.sandbox.database).read() as db:
            return [dict(row) for row in store.edits(db, pk)]

    def delete(self, pk: int) -> None:
        """The owner deletes a post."""
        if self.shown()[pk] is not None:
            with Database(self.sandbox.database).write() as db:
                store.delete_status(db, pk)

    def edit(self, pk: int, what: str, number: int = 0) -> bool:
        """The owner changes the `text`, the `warning`, an `alt` text (or takes it away: `no alt`), removes a `picture`.

        False when the post, or such a picture, is not there. As a client of this family does it.
        """
        with Database(self.sandbox.database).write() as db:
            before = store.status(db, pk)
            if before is None:
                return False
            pictures = _uploads(db, before)
            after = before
            if what == "text":
                after = replace(before, text=self.mark("Words of the owner"))
            elif what == "warning":
                after = replace(before, spoiler_text=self.mark("Warning of the owner"), sensitive=True)
            elif number >= len(pictures):
                return False
            elif what == "picture":
                after = replace(before, media_ids=(*before.media_ids[:number], *before.media_ids[number + 1 :]))
                pictures.pop(number)
            else:
                text = self.mark("An alt text of the owner") if what == "alt" else None
                pictures[number] = replace(pictures[number], description=text)
                self.touched[pictures[number].id] = self.touched.get(pictures[number].id, 0) + 1
            self._write(db, before, after, pictures, quietly=what in ("alt", "no alt") and not self.edits_posts)
        return True

    def _write(
        self, db: Any, before: store.Status, after: store.Status, pictures: list[store.Media], *, quietly: bool
    ) -> None:
        family = families.of(db)
        if family.name == "pleroma":
            for one in pictures:
                db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?)", (one.id, one.description))
        if quietly:
            for one in pictures:
                store.update_media(db, one)
        else:
            found = store.poll(db, before.id)
            editing.write(db, before, after, pictures, found[1] if found else None)
            self.own_edits[before.id] += 1
        family.changed_elsewhere(db, after)

    def edited_to(self, pk: int, text: str) -> bool:
        """Whether the post was ever edited to this text."""
        with Database(self.sandbox.database).read() as db:
            return any(row["text"] == text for row in store.edits(db, pk))


def _uploads(db: Any, status: store.Status) -> list[store.Media]:
    """The pictures as an edit takes them over: on Pleroma from the uploads, elsewhere from the post itself."""
    pictures = store.media(db, status.media_ids)
    return [pleroma.uploaded(db, one) for one in pictures] if families.of(db).name == "pleroma" else pictures


def _shown(db: Any, pk: int) -> Shown | None:
    status = store.status(db, pk)
    if status is None:
        return None
    pictures, found = store.media(db, status.media_ids), store.poll(db, pk)
    return Shown(
        words=(
            status.text,
            status.spoiler_text,
            status.sensitive,
            status.language,
            status.visibility,
            status.quote_policy,
            status.content_type,
            status.links,
            status.in_reply_to_id,
        ),
        pictures=tuple((one.id, one.focus) for one in pictures),
        alts={one.id: one.description or "" for one in pictures},
        poll=found[1].options if found else (),
    )
