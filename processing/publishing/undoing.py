"""Putting the alt texts back as they were before a publication, by the same careful way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from captions.models import Publication
from platforms.clients.base import PlatformRefused, Snapshot
from processing.publishing import explaining, outcomes
from processing.publishing.attempt import Attempt
from processing.publishing.compare import SameText, alt_texts, made_of
from processing.publishing.explaining import texts_before
from processing.publishing.judging import Outcome, Verdict
from processing.publishing.steps import Step
from processing.publishing.writing import WRITTEN_ALREADY, send, unsettled
from vedfolnir.lib.deadlocks import again_after_deadlock


@dataclass
class Plan:
    """What is to be put back, by attachment id."""

    restore: dict[str, str] = field(default_factory=dict)  # still ours: the text from before
    back: dict[str, str] = field(default_factory=dict)  # as before already
    gone: dict[str, str] = field(default_factory=dict)  # the text from before, of pictures that are not there any more
    changed: list[str] = field(default_factory=list)  # by somebody else since: left as they are


def undo(attempt: Attempt) -> bool:
    """Restore the alt texts of `publication.before` where they are still ours.

    Returns and raises as `writing.write` does.
    """
    publication, same_text = attempt.publication, attempt.client.same_text
    if publication.before is None or not publication.texts:
        raise PlatformRefused(_("Nothing was written, so there is nothing to undo."))
    now = attempt.read()
    attempt.at_step(Step.READ)
    if (case := unsettled(attempt, now)) is not None:
        if case.verdict.outcome == Outcome.DAMAGED or not case.is_write:
            return _settle(attempt, case.verdict, case.base, now, case.texts)
        outcomes.acknowledge(publication, case.base, now, case.verdict)
    plan = plan_of(publication, now, same_text)
    if plan.restore:
        attempt.client.require_writable(now, plan.restore)
        verdict, after = send(attempt, now, plan.restore)
        return _settle(attempt, verdict, now, after, plan.restore)
    if plan.changed:
        raise PlatformRefused(
            _("The alt text was changed on the server after it was published, so it was left as it is.")
        )
    return _settle(attempt, WRITTEN_ALREADY, now, now, {})


def partly_undone(attempt: Attempt) -> str:
    """A sentence about an undo that stops before its end; empty where nothing is put back, or all of it is."""
    publication, latest = attempt.publication, attempt.latest
    if latest is None or publication.before is None:
        return ""
    plan = plan_of(publication, latest, attempt.client.same_text)
    if not (plan.back and plan.restore):
        return ""
    sentence = ngettext(
        "%(count)d of %(all)d alt texts is as before; ask for the undo again to put back the rest.",
        "%(count)d of %(all)d alt texts are as before; ask for the undo again to put back the rest.",
        len(plan.back),
    )
    return sentence % {"count": len(plan.back), "all": len(publication.texts or {})}


def plan_of(publication: Publication, now: Snapshot, same_text: SameText) -> Plan:
    """What an undo has to do to the post as it is `now`.

    Ours is what was written, and also what the server was seen to make of it.
    """
    old = texts_before(publication, same_text)
    there = alt_texts(now)
    shown = (publication.alarm or {}).get("shown", {})
    plan = Plan()
    for key, text in (publication.texts or {}).items():
        before = old.get(key) or ""
        if key not in there:
            plan.gone[key] = before
        elif (there[key] or "") == before or same_text(before, there[key]):
            plan.back[key] = before
        elif same_text(text, there[key]) or there[key] == shown.get(key):
            plan.restore[key] = before
        else:
            plan.changed.append(key)
    return plan


def _settle(attempt: Attempt, verdict: Verdict, base: Snapshot, after: Snapshot, sent: Mapping[str, str]) -> bool:
    publication, same_text = attempt.publication, attempt.client.same_text
    if verdict.outcome == Outcome.DAMAGED:
        shown = made_of(sent, base, after, same_text) if verdict.is_ours_alone else {}
        again_after_deadlock(lambda: outcomes.alarm(publication, base, after, verdict.found, shown))
    else:
        plan = plan_of(publication, base, same_text)
        restored = {**plan.gone, **plan.back, **plan.restore}
        left = [_gone(plan), explaining.left_of_alarm(publication, after, restored)]
        again_after_deadlock(
            lambda: outcomes.undone(
                publication, base, after, restored, left_alone=len(plan.changed), verdict=verdict, left=left
            )
        )
    attempt.at_step(Step.SETTLED)
    return verdict.outcome != Outcome.DAMAGED


def _gone(plan: Plan) -> str:
    count = len(plan.gone)
    sentence = ngettext(
        "One picture of these is not part of the post any more.",
        "%(count)d pictures of these are not part of the post any more.",
        count,
    )
    return sentence % {"count": count} if count else ""
