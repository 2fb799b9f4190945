"""Property test: whatever people, servers and crashes do in whatever order, nothing is lost, doubled or damaged.

A Hypothesis state machine does the work of authors, reviewers, staff, servers and dying workers, on a sandbox of every
server family and with the real clients. After each step the sandbox's own tables are compared with what the test knows:
every difference must be an approved alt text, an alt text that was put back, or the owner's own doing.

Here the same few examples run each time. MACHINE_EXAMPLES=200 runs so many new ones for each family; a failure prints
its steps and a blob for `@reproduce_failure`.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import hypothesis.strategies as st
import pytest
from django.db import transaction
from django.test import TestCase, override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from accounts.models import User
from captions import actions
from captions.models import CaptionVersion, Image, Post, Publication
from platforms import actions as platforms
from platforms.models import PlatformConnection
from platforms.sandbox.testing import Picture, running_sandbox
from processing.actions import TaskAlreadyActive, TaskRefused, cancel_task, start_task
from processing.publishing import Result, leases, publish_publication, requests
from processing.publishing.judging import HISTORY_TRIES
from processing.publishing.steps import Step
from processing.running import run_task
from processing.tests import cast
from processing.tests.families_case import SERVERS
from processing.tests.publishing_case import Killed, own_traffic, passing_time
from processing.tests.publishing_world import Shown, World, Writes
from vedfolnir.lib.text import clean_alt_text

pytestmark = pytest.mark.once

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))
STEPS = 8

PIECES = (
    *("A boat", "Five  spaces", "\n\n", " #Hafen ", " @observatory ", " https://example.org/?a=1&b=2 ", "🍣", "👩‍👩‍👧"),
    *(
        "<3",
        "&amp;",
        "&copy;",
        "<b>bold</b>",
        "a < b > c",
        "“quoted”",
        "'",
        '"',
        "\\",
        "é",
        "e\u0301",
        "ß",
        "שלום",
        "日本",
    ),
    *("\u200b", "\u202e", "\r\n", "\t", " ", ".", "%(x)s", "{}", "\U0001f3f4\U000e0067\U000e007f"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(
    st.characters(exclude_categories=("Cs", "Cc")), max_size=20
)
LONG = "a long text"  # stands for one that is longer than any server takes
ALTS = st.one_of(TEXTS, *[TEXTS.map(lambda text: f"Alt text: {text}")] * 4, st.just(LONG))
PICTURES = st.lists(
    st.builds(Picture, st.sampled_from([None, None, "🎉", "By the author."]), focus=st.sampled_from(["", "0.5,-0.25"])),
    min_size=1,
    max_size=4,
)
PICK = st.integers(0, 7)
OWNERS_EDITS = st.tuples(st.sampled_from(["text", "warning", "alt", "no alt", "picture", "delete"]), st.integers(0, 3))
PEOPLE = st.sampled_from(
    ["approve", "reject", "reopen", "publish now", "undo", "retry", "pause", "clear", "revoke", "connect"]
)
FAULTS: st.SearchStrategy[tuple[str | int, dict[str, Any]]] = st.sampled_from(
    [
        (429, {"retry_after": 3}),
        (429, {}),
        (500, {}),
        (503, {"retry_after": 1}),
        (403, {}),
        (404, {}),
        (422, {}),
        ("html", {}),
        ("html", {"after": True}),
        ("html", {"status": 502, "after": True}),
        ("reset", {}),
        ("reset", {"after": True}),
        ("truncated", {}),
        ("conflict", {}),
    ]
)
SPOILT = st.tuples(FAULTS, st.sampled_from(["GET", "PUT", "PUT"]), st.integers(0, 3), st.integers(1, 2))
INCIDENTS = st.one_of(
    st.just(("die", None)),
    st.just(("another worker", None)),
    st.just(("another worker", None)),
    st.just(("lapse", None)),
    st.just(("scan", None)),
    st.tuples(st.just("owner"), OWNERS_EDITS),
    st.tuples(st.just("owner"), OWNERS_EDITS),
    st.tuples(st.just("person"), PEOPLE),
    st.just(("person", "approve")),
)
AT = st.tuples(st.sampled_from(list(Step)), st.sampled_from([1, 1, 1, 2]))
HAPPENINGS = st.one_of(
    st.tuples(st.tuples(AT, st.just(("die", None)))),
    st.tuples(st.just(((Step.BEFORE_REQUEST, 1), ("another worker", None)))),
    st.tuples(st.tuples(AT, INCIDENTS)),
    st.tuples(st.tuples(AT, INCIDENTS), st.tuples(AT, INCIDENTS)),
    st.just(()),
)
ATTEMPTS = st.tuples(st.none() | st.none() | SPOILT, HAPPENINGS)
WARNINGS = st.sampled_from(["", "boats & <ships>", "🍣 \n"])


class Broken(BaseException):
    """Something that must hold does not, found inside a worker, which would take an AssertionError for its own."""


class Machine(RuleBasedStateMachine):
    """Everything that happens to one connected account; `world` and the rest are set by `machine_for`."""

    world: World
    reviewer: User
    connection: PlatformConnection
    new_traffic: Callable[[], None]
    values: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.let_pass = self.stack.enter_context(passing_time())
        self.world.begin()
        self.new_traffic()
        self.connection.refresh_from_db()
        self.seen: dict[int, Shown | None] = {}
        self.writes = Writes({}, {})  # what workers wrote so far
        self.spent: Counter[tuple[int, int, str, int]] = Counter()  # by publication and request, what was written
        self.asked: Counter[int] = Counter()  # by publication, how often a person asked for something
        self.approved: defaultdict[int, list[str]] = defaultdict(list)  # by picture in the store
        self.were: defaultdict[int, set[str]] = defaultdict(set)  # by picture: every alt text that was ever shown
        self.rejected: set[int] = set()
        self.running: list[Publication] = []
        self.base: dict[int, Shown | None] = {}  # by post, when the running attempt last read it
        self.earlier: dict[int, Shown] = {}  # the same, from before an edit in the middle of the reading
        self.failed = False
        self.taken_back: set[int] = set()  # publications whose write took back an owner's edit
        self.meddled = False
        self.conflict: tuple[int, str] | None = None
        self.is_revoked = False

    def teardown(self) -> None:
        try:
            if not self.failed:
                self.let_everything_finish()
        finally:
            transaction.set_rollback(True)
            self.stack.close()

    # Rules do nothing where there is nothing to do: what may be drawn next must not depend on rows, whose state
    # may depend on the time that something took.

    # What authors do

    @rule(
        text=TEXTS,
        pictures=PICTURES,
        warning=WARNINGS,
        texts=st.lists(ALTS, max_size=4),
        visibility=st.sampled_from(["public", "public", "unlisted", "private", "direct"]),
        language=st.sampled_from(["de", "en", None]),
        sensitive=st.booleans(),
        poll=st.sampled_from([(), (), (), ("yes", "no")]),
    )
    def an_odd_post_waits(self, texts: list[str], **values: Any) -> None:
        self.write_a_post(usual=False, **values)
        self.scan()
        self.approve(texts)

    def write_a_post(self, text: str, pictures: list[Picture], *, usual: bool, **values: Any) -> None:
        values["spoiler_text"] = values.pop("warning")
        if usual:  # one that every family can be written to
            values |= {"language": None, **self.values, "poll": (), "visibility": "public"}
            values["sensitive"] = values["sensitive"] or bool(values["spoiler_text"])
            text = text if text.strip() else "Words."
        pk = self.world.add(text, pictures, **values)
        self.seen[pk] = self.world.shown()[pk]

    @rule(
        text=TEXTS,
        pictures=PICTURES,
        texts=st.lists(ALTS, min_size=1, max_size=4),
        warning=WARNINGS,
        attempts=st.tuples(ATTEMPTS, ATTEMPTS, ATTEMPTS),
        undo=st.booleans(),
    )
    def a_post_goes_the_whole_way(
        self, text: str, pictures: list[Picture], texts: list[str], warning: str, attempts: Any, *, undo: bool
    ) -> None:
        self.all_is_well_again()
        self.write_a_post(
            text, pictures, usual=True, warning=warning, visibility="public", language=None, sensitive=False, poll=()
        )
        self.scan()
        self.approve(texts)
        post = Post.objects.order_by("-pk").first()
        if post is not None and Image.objects.decidable_now().filter(post=post).exists():
            self.publish_now(post)
        for spoilt, happenings in attempts if post is not None else ():
            for publication in Publication.objects.filter(post=post, status__in=Publication.WORK):
                self.an_attempt(publication, spoilt, happenings, waited=True)
            if undo and post and (latest := post.publications.order_by("-pk").first()):
                self.ask(requests.request_undo, latest)

    @precondition(lambda self: self.world.posts)
    @rule(
        deeds=st.lists(
            st.one_of(st.tuples(PICK, OWNERS_EDITS), st.tuples(PICK, PEOPLE), st.tuples(PICK, st.just("scan"))),
            min_size=1,
            max_size=5,
        )
    )
    def people_act(self, deeds: list[tuple[int, Any]]) -> None:
        for pick, deed in deeds:
            if deed == "scan":
                self.scan(cancelled=pick > 5)
            elif isinstance(deed, str):
                self.person(pick, deed)
            else:
                self.owner(self.world.posts[pick % len(self.world.posts)], deed)

    def owner(self, pk: int, edit: tuple[str, int]) -> None:
        self.compare()
        what, number = edit
        if what == "delete":
            self.world.delete(pk)
        else:
            self.world.edit(pk, what, number)
        self.look()

    # What reviewers and staff do

    def scan(self, *, cancelled: bool = False) -> None:
        try:
            task = start_task(self.connection, self.reviewer, processing_delay=0.0)
        except TaskAlreadyActive as error:
            task = error.task
        except TaskRefused:
            return
        run_task(task.pk, after_page=partial(cancel_task, task, self.reviewer) if cancelled else lambda: None)
        for image in Image.objects.filter(captioned_at=None, status=Image.Status.PENDING):
            Image.objects.filter(pk=image.pk).update(generated_caption="A draft.", captioned_at=timezone.now())
            CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.GENERATED, text="A draft.")

    def approve(self, texts: list[str]) -> None:
        for image, wish in zip(Image.objects.decidable_now().order_by("pk")[: len(texts)], texts, strict=False):
            text = wish.replace(LONG, "x" * 1501)
            try:
                actions.approve(image, text=text, reviewer=self.reviewer)
            except actions.DecisionRefused:
                continue
            self.approved[self.world.pk_of_image(image)].append(clean_alt_text(text))

    def person(self, pick: int, what: str) -> None:
        publications = Publication.objects.select_related("post")
        doing: dict[str, Callable[[int], None]] = {
            "approve": lambda _pick: self.approve(["An alt text, approved in passing."]),
            "reject": self._reject,
            "reopen": lambda pick: actions.reopen(_one(Image.objects.all(), pick), user=self.reviewer),
            "publish now": lambda pick: self.publish_now(_one(Post.objects.all(), pick)),
            "undo": lambda pick: self.ask(requests.request_undo, _one(publications, pick)),
            "retry": lambda pick: self.ask(requests.retry, _one(publications, pick)),
            "pause": lambda pick: platforms.set_active(self.connection, self.reviewer, active=bool(pick % 2)),
            "revoke": lambda _pick: self.revoke(),
            "connect": lambda _pick: self.connect_again(),
            "clear": lambda _pick: platforms.clear_attention(self.connection, self.reviewer),
        }
        try:
            doing[what](pick)
        except (actions.DecisionRefused, IndexError):
            return

    def publish_now(self, post: Post) -> None:
        """What is approved of the post does not wait for the rest, if anything is."""
        try:
            actions.publish_now(post, user=self.reviewer)
        except actions.DecisionRefused:
            return

    def _reject(self, pick: int) -> None:
        image = _one(Image.objects.decidable_now(), pick)
        actions.reject(image, reason="Not needed.", reviewer=self.reviewer)
        self.rejected.add(image.pk)

    def ask(self, request: Callable[..., None], publication: Publication) -> None:
        """Raises IndexError where there is no publication."""
        try:
            request(publication, user=self.reviewer)
        except requests.RequestRefused:
            return
        self.asked[publication.pk] += 1

    def all_is_well_again(self) -> None:
        """The account works, and somebody has looked at what was odd."""
        if self.is_revoked:
            self.connect_again()
        self.person(1, "pause")
        self.person(1, "clear")
        self.wait()

    def revoke(self) -> None:
        self.is_revoked = True
        self.connection.refresh_from_db()
        self.world.sandbox.revoke(self.connection.access_token)

    def connect_again(self) -> None:
        self.is_revoked = False
        token = self.world.sandbox.issue_token()
        self.new_traffic()
        platforms.connect(self.reviewer, name="Sandbox", instance_url=self.world.sandbox.url, token=token)
        self.connection.refresh_from_db()

    # What workers do

    @rule(
        attempts=st.lists(
            st.tuples(PICK, st.none() | SPOILT, HAPPENINGS, st.sampled_from([True, True, True, False])),
            min_size=1,
            max_size=4,
        )
    )
    def workers_work(self, attempts: list[tuple[int, Any, Any, bool]]) -> None:
        for pick, spoilt, happenings, waited in attempts:
            work = Publication.objects.filter(status__in=Publication.WORK).select_related("post")
            if work:
                self.an_attempt(_one(work, pick), spoilt, happenings, waited=waited)

    def an_attempt(self, publication: Publication, spoilt: Any, happenings: Any, *, waited: bool) -> None:
        if waited:
            self.wait()
        if spoilt:
            self.spoil(publication, *spoilt)
        self.work(publication, happenings)
        self.world.sandbox.clear_faults()
        self.conflict = None

    def wait(self) -> None:
        """Leases of dead workers are over, and whatever was waited for."""
        long_ago = timezone.now() - 2 * leases.LEASE
        Publication.objects.exclude(next_attempt_at=None).update(next_attempt_at=long_ago, leased_until=None)
        PlatformConnection.objects.update(paused_until=None)
        self.let_pass(leases.LEASE.total_seconds())
        self.new_traffic()

    def spoil(
        self, publication: Publication, fault: tuple[str | int, dict[str, Any]], method: str, skip: int, times: int
    ) -> None:
        kind, options = fault
        if kind == "conflict":
            times, options = 1, {"text": self.world.mark("Words from elsewhere")}
            self.conflict = self.world.pk_of_post(publication.post), options["text"]
            if method == "PUT":
                options["status_id"] = publication.post.post_id
        self.world.sandbox.fault(kind, method=method, path_prefix="/api/v1/", skip=skip, times=times, **options)

    def work(self, publication: Publication, happenings: list[Any]) -> None:
        """One worker takes the publication; at the steps that are named in `happenings` something happens."""
        self.compare()
        publication = Publication.objects.select_related("post").get(pk=publication.pk)
        reached: Counter[Step] = Counter()
        post = self.world.pk_of_post(publication.post)

        def at_step(step: Step) -> None:
            reached[step] += 1
            try:
                self.compare()
                if step == Step.READ:
                    self.base[post] = self.seen[post]
                for at, (what, more) in happenings:
                    if at == (step, reached[step]):
                        self.meddled = True
                        self.happens(publication, post, what, more)
            except AssertionError as error:
                raise Broken from error

        self.running.append(publication)
        self.base[post] = self.seen[post]
        self.earlier.pop(post, None)
        self.meddled = False
        posted = set(Image.objects.filter(status=Image.Status.POSTED).values_list("pk", flat=True))
        try:
            result: Result | None = publish_publication(publication.pk, at_step=at_step)
        except Killed:
            result = None
        except Broken as error:
            raise AssertionError(str(error.__cause__)) from error.__cause__
        self.compare()
        self.running.pop()
        self.judge(publication, result, posted)

    def happens(self, publication: Publication, post: int, what: str, more: Any) -> None:
        if what == "die":
            raise Killed
        if what == "another worker":  # this one was stopped past its lease, and then wakes
            self.wait()
            base = self.base[post]
            self.work(publication, [])
            self.base[post], self.meddled = base, True
        elif what == "lapse":
            self.wait()
        elif what == "owner":
            self.owner(post, more)
        elif what == "scan":
            self.scan()
        else:
            self.person(0, more)

    # What must hold

    def look(self) -> None:
        """What is there now is known to the test."""
        self.seen = self.world.shown()
        for shown in self.seen.values():
            for picture, alt in shown.alts.items() if shown else ():
                self.were[picture].add(alt)
        self.writes = self.world.writes()

    @invariant()
    def compare(self) -> None:
        """Everything that changed since the last look was changed by the running worker, and it was allowed to."""
        try:
            self._compare()
        except AssertionError:
            self.failed = True
            raise
        self.look()

    def _compare(self) -> None:
        if self.conflict is not None and self.world.edited_to(*self.conflict):
            self._owner_edited_at_that_moment(*self.conflict)
        self._count_writes()
        for pk, now in self.world.shown().items():
            was = self.seen[pk]
            if now != was:
                self._explain(pk, was, now)

    def _owner_edited_at_that_moment(self, pk: int, text: str) -> None:
        """The sandbox let the owner edit between two of our requests, or right before one was carried out."""
        self.conflict = None
        self.world.own_edits[pk] += 1
        now, was = self.world.shown()[pk], self.seen[pk]
        assert now is not None
        assert was is not None
        self.meddled = True
        self.earlier[pk] = was  # a worker may have read it a moment before
        if now.text == text:
            self.seen[pk] = Shown((text, *was.words[1:]), was.pictures, was.alts, was.poll)
        else:
            assert self.running, "an edit of the owner was lost while no worker ran"
            self.taken_back.add(self.running[-1].pk)

    def _count_writes(self) -> None:
        """At most one edit of a post, and one request for a picture, per publication and wish."""
        writes = self.world.writes()
        for pk, count in writes.edits.items():
            if more := count - self.writes.edits.get(pk, 0):
                key = *self._who_wrote(f"an edit of post {pk}"), "post", pk
                self.spent[key] += more
                assert self.spent[key] == 1, f"{self.spent[key]} edits for one approval: {self.world.history(pk)}"
        for picture, count in writes.pictures.items():
            if more := count - self.writes.pictures.get(picture, 0):
                key = *self._who_wrote(f"a change of picture {picture}"), "picture", picture
                self.spent[key] += more
                allowed = 1 + self.world.touched.get(picture, 0)
                publication = Publication.objects.get(pk=key[0])
                told = f"{self.spent[key]} changes of picture {picture} for one approval; {publication.__dict__}"
                assert self.spent[key] <= allowed, told

    def _who_wrote(self, what: str) -> tuple[int, int]:
        assert self.running, f"{what} while no worker ran"
        publication = self.running[-1]
        return publication.pk, self.asked[publication.pk]

    def _explain(self, pk: int, was: Shown | None, now: Shown | None) -> None:
        assert self.running, f"post {pk} changed while no worker ran: {was} -> {now}"
        assert was is not None, f"post {pk} came back"
        assert now is not None, f"post {pk} was deleted by us"
        publication = Publication.objects.get(pk=self.running[-1].pk)
        assert pk == self.world.pk_of_post(publication.post), "another post was changed"
        base = self.base[pk]
        if now.without_alts() != was.without_alts():
            assert self.meddled, f"damaged: {was} -> {now}"
            read = [one.without_alts() for one in (base, self.earlier.get(pk)) if one is not None]
            assert now.without_alts() in read, f"damaged: {was} -> {now}, read was {read}"
            self.taken_back.add(publication.pk)
        for picture, alt in now.alts.items():
            if alt == was.alts.get(picture) or self._is_ours(publication, picture, alt):
                continue
            assert self.meddled, f"picture {picture} was given {alt!r}, it had {was.alts.get(picture)!r}"
            assert base is not None
            assert alt == base.alts.get(picture), f"picture {picture} was given {alt!r}"
            if self.world.edits_posts:
                self.taken_back.add(publication.pk)

    def is_kept(self, text: str, alt: str | None) -> bool:
        """Whether `alt` is what such a server makes of `text`: the client's own word for it is what is on trial."""
        kept = {text, text.strip()}
        if self.world.family.name == "pixelfed":
            kept |= {escape(one, quote=False) for one in kept}
        return (alt or "") in kept

    def _is_ours(self, publication: Publication, picture: int, alt: str) -> bool:
        """Whether this is what the publication is to write: an approved text, or the one from before it."""
        if self.running[-1].status == Publication.Status.UNDOING:  # as it was when the worker took it
            before = (publication.before or {}).get("status", {}).get("attachments", ())
            return any(self.is_kept(one["description"] or "", alt) for one in before)
        return any(self.is_kept(text, alt) for text in self.approved[picture])

    def judge(self, publication: Publication, result: Result | None, posted: set[int]) -> None:
        """What the worker said must be true."""
        row = Publication.objects.get(pk=publication.pk)
        has_history = self.world.family.name in ("mastodon", "gotosocial", "pleroma")
        if result in (Result.POSTED, Result.UNDONE) and row.pk in self.taken_back:
            known = has_history and self.world.edits_posts and row.failures < HISTORY_TRIES
            assert not known, f"an owner's edit was lost without a word: {row.error}"
        if result in (Result.POSTED, Result.UNDONE, Result.REFUSED):
            self.taken_back.discard(row.pk)
        for image in Image.objects.filter(status=Image.Status.POSTED).exclude(pk__in=posted):
            self._must_be_there(image, exact=result == Result.POSTED and not self.meddled)
        if result == Result.UNDONE and not self.meddled:
            self._must_be_gone(row)

    def _must_be_there(self, image: Image, *, exact: bool) -> None:
        picture, text = self.world.pk_of_image(image), image.final_caption or ""
        post = self.seen[self.world.pk_of_post(image.post)]
        shown = {post.alts.get(picture, "")} if exact and post else self.were[picture]
        assert any(self.is_kept(text, one) for one in shown), f"posted, but not there: {text!r}"

    def _must_be_gone(self, row: Publication) -> None:
        post = self.seen[self.world.pk_of_post(row.post)]
        assert post is not None
        before = {one["id"]: one["description"] or "" for one in (row.before or {})["status"]["attachments"]}
        for image in row.post.images.all():
            text = (row.texts or {}).get(image.remote_id)
            alt = post.alts.get(self.world.pk_of_image(image), "")
            if text is not None and not self.is_kept(text, before.get(image.remote_id)):
                assert not self.is_kept(text, alt), f"undone, but still there: {text!r}"

    @invariant()
    def every_approved_text_is_somewhere(self) -> None:
        """Approved = published + waiting + refused with a reason, always."""
        for publication in Publication.objects.filter(status=Publication.Status.REFUSED):
            assert publication.error.strip(), "refused without a reason"
        approved = [picture for picture, texts in self.approved.items() if texts]
        for image in Image.objects.select_related("post"):
            if self.world.pk_of_image(image) in approved:
                assert self._where(image), f"lost: {image} is {image.status} and nobody will publish it"

    def _where(self, image: Image) -> str:
        if image.status in (Image.Status.POSTED, Image.Status.PENDING):
            return "published, or taken back for another look"
        if image.status == Image.Status.REJECTED:
            return image.reviewer_notes or ""
        states = set(image.post.publications.values_list("status", flat=True))
        if states & {*Publication.OPEN, Publication.Status.UNDOING, Publication.Status.REFUSED}:
            return "waiting, or refused with a reason"
        latest = image.versions.order_by("-pk").values_list("kind", flat=True)[0]
        return "undone" if latest == CaptionVersion.Kind.UNDONE else ""

    def let_everything_finish(self) -> None:
        """Faults are over, the account works and somebody has looked: nothing stays under way."""
        self.world.sandbox.clear_faults()
        work = Publication.objects.filter(status__in=Publication.WORK).select_related("post").order_by("pk")
        for _round in range(30):
            self.all_is_well_again()
            if not (left := list(work.all())):
                return
            for publication in left:
                self.work(publication, [])
                self.every_approved_text_is_somewhere()
        raise AssertionError(f"still under way: {[(one.pk, one.status, one.error) for one in work.all()]}")


def _one(rows: Any, pick: int) -> Any:
    """One of the rows. Raises IndexError where there are none."""
    found = list(rows.order_by("pk"))
    return found[pick % len(found)] if found else found[0]


def chosen_settings() -> settings:
    usual: dict[str, Any] = {
        "stateful_step_count": STEPS,
        "deadline": None,
        "suppress_health_check": list(HealthCheck),
        "database": None,
        "print_blob": True,
    }
    if EXAMPLES:
        return settings(max_examples=EXAMPLES, **usual)
    return settings(max_examples=8, derandomize=True, phases=[Phase.generate], **usual)


@pytest.mark.slow
class PublishingMachineTests(TestCase):
    def run_machine(self, server: str) -> None:
        like, version, values = SERVERS[server]
        stack = ExitStack()
        self.addCleanup(stack.close)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        sandbox = stack.enter_context(running_sandbox(folder, with_samples=False, like=like, version=version))
        stack.enter_context(override_settings(OUTBOUND_ALLOW=(urlsplit(sandbox.url).netloc,)))
        reviewer = cast.make_user("rita")
        connection = platforms.connect(reviewer, name="Sandbox", instance_url=sandbox.url, token=sandbox.token)
        facts = {
            "world": World(sandbox),
            "reviewer": reviewer,
            "connection": connection,
            "new_traffic": staticmethod(own_traffic(self)),
            "values": values,
        }
        run_state_machine_as_test(type(f"Machine of {server}", (Machine,), facts), settings=chosen_settings())

    def test_nothing_is_lost_doubled_or_damaged_on_mastodon(self) -> None:
        self.run_machine("mastodon")

    def test_nothing_is_lost_doubled_or_damaged_on_gotosocial(self) -> None:
        self.run_machine("gotosocial")

    def test_nothing_is_lost_doubled_or_damaged_on_gotosocial_before_0_19(self) -> None:
        self.run_machine("gotosocial 0.18")

    def test_nothing_is_lost_doubled_or_damaged_on_pixelfed(self) -> None:
        self.run_machine("pixelfed")

    def test_nothing_is_lost_doubled_or_damaged_on_takahe(self) -> None:
        self.run_machine("takahe")

    def test_nothing_is_lost_doubled_or_damaged_on_pleroma(self) -> None:
        self.run_machine("pleroma")

    def test_nothing_is_lost_doubled_or_damaged_on_snac(self) -> None:
        self.run_machine("snac")
