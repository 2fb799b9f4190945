"""Putting the alt texts back as they were before a publication, by the same careful way."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from captions.models import Publication
from platforms.clients.base import PlatformRefused, Snapshot
from processing.publishing import outcomes
from processing.publishing.attempt import Attempt
from processing.publishing.compare import SameText, alt_texts
from processing.publishing.judging import Outcome, Verdict
from processing.publishing.steps import Step
from processing.publishing.writing import WRITTEN_ALREADY, send, unsettled
from vedfolnir.lib.deadlocks import again_after_deadlock


@dataclass
class Plan:
    """What is to be put back, by attachment id."""

    restore: dict[str, str] = field(default_factory=dict)  # still ours: the text from before
    back: dict[str, str] = field(default_factory=dict)  # as before already
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
    if publication.base is not None:
        sent = plan_of(publication, Snapshot.from_json(publication.base), same_text).restore
        if (open_case := unsettled(attempt, now, sent)) is not None:
            return _settle(attempt, *open_case, now)
    plan = plan_of(publication, now, same_text)
    if plan.restore:
        attempt.client.require_writable(now, plan.restore)
        verdict, after = send(attempt, now, plan.restore)
        return _settle(attempt, verdict, now, after)
    if plan.changed:
        raise PlatformRefused(
            _("The alt text was changed on the server after it was published, so it was left as it is.")
        )
    return _settle(attempt, WRITTEN_ALREADY, now, now)


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
    """What an undo has to do to the post as it is `now`."""
    old = alt_texts(Snapshot.from_json(publication.before or {}))
    there = alt_texts(now)
    plan = Plan()
    for key, text in (publication.texts or {}).items():
        before = old.get(key) or ""
        if key not in there or (there[key] or "") == before or same_text(before, there[key]):
            plan.back[key] = before
        elif same_text(text, there[key]):
            plan.restore[key] = before
        else:
            plan.changed.append(key)
    return plan


def _settle(attempt: Attempt, verdict: Verdict, base: Snapshot, after: Snapshot) -> bool:
    publication = attempt.publication
    plan = plan_of(publication, base, attempt.client.same_text)
    if verdict.outcome == Outcome.DAMAGED:
        again_after_deadlock(lambda: outcomes.alarm(publication, base, after, verdict.found))
    else:
        restored = {**plan.back, **plan.restore}
        left = len(plan.changed)
        again_after_deadlock(
            lambda: outcomes.undone(publication, base, after, restored, left_alone=left, verdict=verdict)
        )
    attempt.at_step(Step.SETTLED)
    return verdict.outcome != Outcome.DAMAGED
