"""Putting the alt texts back as they were before a publication, by the same careful way."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from captions.models import Publication
from platforms.clients.base import PlatformClient, PlatformRefused, Snapshot
from processing.publishing import outcomes
from processing.publishing.compare import alt_texts, differences
from processing.publishing.writing import send, unsettled
from vedfolnir.lib.deadlocks import again_after_deadlock


@dataclass
class Plan:
    """What is to be put back, by attachment id."""

    restore: dict[str, str] = field(default_factory=dict)  # still ours: the text from before
    back: dict[str, str] = field(default_factory=dict)  # as before already
    changed: list[str] = field(default_factory=list)  # by somebody else since: left as they are


def undo(publication: Publication, client: PlatformClient) -> bool:
    """Restore the alt texts of `publication.before` where they are still ours.

    Returns and raises as `writing.write` does.
    """
    if publication.before is None or not publication.texts:
        raise PlatformRefused(_("Nothing was written, so there is nothing to undo."))
    now = client.snapshot(publication.post.remote_id)
    if (base := unsettled(publication, now)) is not None:
        return _settle(publication, base, now)
    plan = _plan(publication, now)
    if plan.restore:
        return _settle(publication, now, send(publication, client, now, plan.restore))
    if plan.changed:
        raise PlatformRefused(
            _("The alt text was changed on the server after it was published, so it was left as it is.")
        )
    return _settle(publication, now, now)


def _plan(publication: Publication, now: Snapshot) -> Plan:
    old = alt_texts(Snapshot.from_json(publication.before or {}))
    there = alt_texts(now)
    plan = Plan()
    for key, text in (publication.texts or {}).items():
        before = old.get(key) or ""
        if key not in there or (there[key] or "") == before:
            plan.back[key] = before
        elif there[key] == text:
            plan.restore[key] = before
        else:
            plan.changed.append(key)
    return plan


def _settle(publication: Publication, base: Snapshot, after: Snapshot) -> bool:
    plan = _plan(publication, base)
    if found := differences(base, after, plan.restore):
        again_after_deadlock(lambda: outcomes.alarm(publication, base, after, found))
        return False
    restored = {**plan.back, **plan.restore}
    again_after_deadlock(lambda: outcomes.undone(publication, base, after, restored, left_alone=len(plan.changed)))
    return True
