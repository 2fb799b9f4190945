"""One careful write: read, compare with what the reviewer saw, keep the state before, write, read back, compare all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Never

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from captions.models import CaptionVersion, Image, Publication
from captions.settling import publishable_images
from platforms.clients.base import NotSent, PlatformRefused, PlatformUnavailable, Snapshot, StatusGone
from platforms.clients.profile import Way
from platforms.wanted import Traits, may_touch
from processing.publishing import explaining, leases, outcomes
from processing.publishing.attempt import Attempt
from processing.publishing.compare import SameText, alt_texts, arrived, has_texts, made_of, may_be_older, same_edit
from processing.publishing.judging import Outcome, Verdict, judge
from processing.publishing.steps import Step
from vedfolnir.lib.deadlocks import again_after_deadlock
from vedfolnir.lib.text import is_missing

WRITTEN_ALREADY = Verdict(Outcome.DONE)
ANSWERED = "answered"  # in `Publication.base`: the server said yes, so what is not there next time is missing
LOOK_AGAIN = 40.0  # seconds until then, more than a first delay takes, so that the pause of the account lasts as long


def write(attempt: Attempt) -> bool:
    """Give the post's approved images their alt texts, at most by one edit ever.

    False when something was sent and something else is not as it was: the alarm is recorded.

    Raises:
        PlatformUnavailable: again later; whatever was sent is found by the next attempt's first read.
        PlatformRefused: a person must look. What is there of ours, if anything, is `partly_written`.
        LeaseLost: another worker goes on.
    """
    publication, same_text = attempt.publication, attempt.client.same_text
    now = attempt.read()
    attempt.at_step(Step.READ)
    if (case := unsettled(attempt, now)) is not None:
        if case.verdict.outcome == Outcome.DAMAGED or case.is_write:
            return _settle(attempt, case.verdict, case.base, now, case.texts)
        outcomes.acknowledge(publication, case.base, now, case.verdict)
    texts = _texts(publishable_images(publication.post_id))
    if texts and has_texts(now, texts, same_text):
        # Written by hand meanwhile, or the rest of it is there by now: nothing to send.
        return _settle(attempt, WRITTEN_ALREADY, now, now, texts)
    _require_unchanged(attempt, now)
    texts = _texts(_without_overtaken(attempt, now))
    if has_texts(now, texts, same_text):
        return _settle(attempt, WRITTEN_ALREADY, now, now, texts)
    attempt.client.require_writable(now, texts)
    leases.note(publication, texts=texts, before=publication.before or now.as_json())
    verdict, after = send(attempt, now, texts)
    return _settle(attempt, verdict, now, after, texts)


def send(attempt: Attempt, now: Snapshot, texts: Mapping[str, str]) -> tuple[Verdict, Snapshot]:
    """Send what may change the post, and read what became of it.

    `now` is kept first, so that whoever comes after this worker's death can tell. A refusal counts as
    one only if nothing, or a part, is there: an answer may be spoilt after the work was done.
    """
    leases.note(attempt.publication, base=now.as_json(), sent_at=timezone.now(), sending=dict(texts))
    attempt.base, attempt.texts = now, texts
    attempt.at_step(Step.KEPT)
    try:
        attempt.client.write_alt_texts(now, texts, before_each=attempt.before_each)
    except PlatformUnavailable as error:
        if isinstance(error, NotSent):
            attempt.last_was_not_sent()
        if not attempt.sent:
            _forget_what_was_sent(attempt.publication)
        raise
    except PlatformRefused as error:
        after = attempt.read()
        verdict = judge(attempt, now, after, texts, answered=False)
        if verdict.outcome == Outcome.NOTHING:
            _forget_what_was_sent(attempt.publication)
        if verdict.outcome not in (Outcome.NOTHING, Outcome.PARTLY):
            return verdict, after
        if isinstance(error, StatusGone):  # it is there: snac gives a 404 in passing, under load
            raise PlatformUnavailable(error.reason) from error
        raise
    attempt.at_step(Step.WRITTEN)
    try:
        after = attempt.read()
    except StatusGone as error:  # the same; if the post was really deleted, the next attempt finds it gone
        raise PlatformUnavailable(error.reason) from error
    attempt.at_step(Step.READ_BACK)
    if may_be_older(now, after, texts, attempt.client.same_text):
        _look_once_more(attempt.publication, now)
    return judge(attempt, now, after, texts, answered=True), after


def _look_once_more(publication: Publication, base: Snapshot) -> Never:
    """The server said yes and shows the post as it was: a cache, or a copy of a database, may be behind.

    The next attempt judges, and alarms if it is still so; nothing is sent again. The account waits meanwhile.
    """
    leases.note(publication, base={**base.as_json(), ANSWERED: True})
    reason = _("The server said yes, but does not show all of the alt texts yet. The post is looked at once more.")
    raise PlatformUnavailable(reason, retry_after=LOOK_AGAIN)


@dataclass(frozen=True)
class Case:
    """What became of something that an earlier attempt sent, and the state before it."""

    verdict: Verdict
    base: Snapshot
    texts: Mapping[str, str]  # what was sent
    is_write: bool  # else it was an undo


def unsettled(attempt: Attempt, now: Snapshot) -> Case | None:
    """What became of the texts that an earlier attempt sent and nobody has judged yet; it comes before anything else.

    It may have been sent to write or to undo, whatever is asked for now. None when there is nothing to settle: nothing
    was sent, nothing arrived, or a part that the caller goes on with.
    """
    publication = attempt.publication
    texts = _sent(publication)
    if publication.sent_at is None or publication.base is None or texts is None:
        return None
    base = Snapshot.from_json(publication.base)
    verdict = judge(attempt, base, now, texts, answered=ANSWERED in publication.base)
    if verdict.outcome == Outcome.NOTHING:
        _forget_what_was_sent(publication)
        return None
    if verdict.outcome == Outcome.PARTLY:
        same_text = attempt.client.same_text
        if len(arrived(now, texts, same_text)) > len(arrived(base, texts, same_text)):
            leases.note(publication, failures=0)  # it goes on, however slowly the server lets it
        return None
    return Case(verdict, base, texts, is_write=texts == publication.texts)


def _sent(publication: Publication) -> Mapping[str, str] | None:
    """Rows of an earlier version of Vedfolnir do not say what was sent; the texts, unless that was to undo."""
    if publication.sending is not None or publication.status == Publication.Status.UNDOING:
        return publication.sending
    return publication.texts


def partly_written(attempt: Attempt) -> str:
    """A sentence about what is on the server of a publication that stops before its end; empty when nothing is."""
    publication = attempt.publication
    if attempt.sent and attempt.client.capabilities.way is Way.MEDIA_AND_EDIT:
        return _(
            "The post is as it was, but the uploads of its pictures may have the new alt texts by now; an edit in "
            "another client would show them."
        )
    if publication.before is None or not publication.texts:
        return ""
    if attempt.latest is None:
        return _("Some of its alt texts may be on the server already; undo takes those back.")
    before = arrived(Snapshot.from_json(publication.before), publication.texts, attempt.client.same_text)
    there = arrived(attempt.latest, publication.texts, attempt.client.same_text)
    count = len(there.keys() - before.keys())
    if not count:
        return ""
    sentence = ngettext(
        "%(count)d of %(all)d alt texts is on the server already; undo takes it back.",
        "%(count)d of %(all)d alt texts are on the server already; undo takes them back.",
        count,
    )
    return sentence % {"count": count, "all": len(publication.texts)}


def _forget_what_was_sent(publication: Publication) -> None:
    """The request did not arrive, or was refused as a whole: the post is as it was."""
    publication.sent_at = None  # also where another worker has the publication by now
    first = publication.before == publication.base and publication.status == Publication.Status.QUEUED
    leases.note(publication, sent_at=None, base=None, sending=None, **({"before": None} if first else {}))


def _texts(images: Iterable[Image]) -> dict[str, str]:
    return {image.remote_id: image.final_caption or "" for image in images}


def _require_unchanged(attempt: Attempt, now: Snapshot) -> None:
    """Raises PlatformRefused when the post is not what the reviewer saw any more, or must be left alone."""
    publication = attempt.publication
    if not same_edit(now.status.edited_at, publication.seen_edited_at):
        outcomes.remember_post(publication.post, now)
        raise PlatformRefused(_("The post was edited after it was reviewed. Look at it again, then try again."))
    connection = publication.platform_connection
    if now.status.account_id != connection.account_id:
        raise PlatformRefused(_("The post is not one of the connected account. Scan again."))
    if not may_touch(connection, Traits.of(now.status)):
        raise PlatformRefused(
            _("By its visibility or a tag such as #noai, this post is one that the connection leaves out.")
        )


def _without_overtaken(attempt: Attempt, now: Snapshot) -> list[Image]:
    """The images that can still be written. What somebody else described, or took away, is closed with a note.

    Raises PlatformRefused when none is left.
    """
    publication, same_text = attempt.publication, attempt.client.same_text
    there = alt_texts(now)
    left, reason = [], _("No approved picture of this post is left to publish.")
    for image in publishable_images(publication.post_id):
        if image.remote_id not in there:
            reason = _("A picture that was approved is not part of the post any more.")
            outcomes.overtaken(publication, image, reason, None)
        elif is_missing(there[image.remote_id]) or _is_ours(image, there[image.remote_id], same_text):
            left.append(image)
        else:
            reason = outcomes.written_by_somebody_else()
            outcomes.overtaken(publication, image, reason, there[image.remote_id])
    if not left:
        raise PlatformRefused(reason)
    return left


def _is_ours(image: Image, text: str | None, same_text: SameText) -> bool:
    """Whether somebody approved this very text here once, or a server made it of one that we sent.

    A write that went wrong may have left it there.
    """
    ours = image.versions.filter(kind=CaptionVersion.Kind.FINAL).values_list("text", flat=True)
    alarms = Publication.objects.filter(post=image.post_id, alarm__isnull=False).values_list("alarm", flat=True)
    shown = [(alarm or {}).get("shown", {}).get(image.remote_id) for alarm in alarms]
    return text in shown or any(same_text(one, text) for one in ours)


def _settle(attempt: Attempt, verdict: Verdict, base: Snapshot, after: Snapshot, texts: Mapping[str, str]) -> bool:
    publication, same_text = attempt.publication, attempt.client.same_text
    if verdict.outcome == Outcome.DAMAGED:
        shown = made_of(texts, base, after, same_text) if verdict.is_ours_alone else {}
        again_after_deadlock(lambda: outcomes.alarm(publication, base, after, verdict.found, shown))
    else:
        there = arrived(after, texts, same_text)
        left = explaining.left_of_alarm(publication, after, texts)
        again_after_deadlock(
            lambda: outcomes.posted(publication, base, after, texts, there=there, verdict=verdict, left=left)
        )
    attempt.at_step(Step.SETTLED)
    return verdict.outcome != Outcome.DAMAGED
