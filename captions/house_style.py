"""How a connection writes: everything that changes its style guide and glossary, from pages and admin."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from captions.models import GlossaryEntry, StyleGuide
from platforms.models import PlatformConnection

MOST_TERMS = 200  # in one glossary; a prompt has room for about fifty
GUIDE = ("language", "also_in", "tone", "wanted_length", "avoid", "notes")
TERM = ("kind", "term", "looks_like", "instead_of", "has_consent")


class StyleRefused(Exception):
    """Nothing was changed; `reason` says why, `field` what to change, or is empty."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class NotAllowed(StyleRefused):
    """This person does not decide on this connection's alt texts."""


def may_style(connection: PlatformConnection, user: User) -> bool:
    """Whether `user` says how alt texts of `connection` are written: whoever decides on them."""
    return PlatformConnection.objects.decidable_by(user).filter(pk=connection.pk).exists()


def guide_of(connection: PlatformConnection) -> StyleGuide:
    """The style guide of a connection; an empty one that is not stored where nobody wrote one."""
    found = StyleGuide.objects.filter(platform_connection=connection).first()
    return found or StyleGuide(platform_connection=connection)


def save_guide(connection: PlatformConnection, actor: User, **values: Any) -> bool:
    """Store some of `GUIDE` by name; drafts from now on go by it. False where nothing changed. Raises NotAllowed."""
    if unknown := set(values) - set(GUIDE):
        raise TypeError(f"Not in a style guide: {sorted(unknown)}")
    _require(connection, actor)
    with transaction.atomic():
        guide, _created = StyleGuide.objects.select_for_update().get_or_create(platform_connection=connection)
        changed = {name: value for name, value in values.items() if getattr(guide, name) != value}
        if changed:
            StyleGuide.objects.filter(pk=guide.pk).update(**changed)
            audit.record("style_guide_changed", actor=actor, entity=connection, fields=sorted(changed))
    return bool(changed)


def save_term(
    connection: PlatformConnection, actor: User, entry: GlossaryEntry | None = None, **values: Any
) -> GlossaryEntry:
    """Add to the glossary, or change an `entry` of it: `TERM` by name. Raises NotAllowed and StyleRefused."""
    if set(values) != set(TERM):
        raise TypeError(f"A glossary entry has exactly {TERM}")
    _require(connection, actor)
    try:
        with transaction.atomic():
            kept = _changed(connection, entry, values) if entry else _added(connection, values)
            action = "glossary_changed" if entry else "glossary_added"
            details = {"term": kept.term, "kind": kept.kind, "consent": kept.has_consent}
            audit.record(action, actor=actor, entity=connection, **details)
    except IntegrityError as error:
        raise StyleRefused(_("The glossary has this name already."), "term") from error
    return kept


def remove_term(entry: GlossaryEntry, actor: User) -> None:
    """Take an entry out of the glossary; nothing happens if somebody did already. Raises NotAllowed."""
    _require(entry.platform_connection, actor)
    with transaction.atomic():
        removed, _by_model = GlossaryEntry.objects.filter(pk=entry.pk).delete()
        if removed:
            audit.record("glossary_removed", actor=actor, entity=entry.platform_connection, term=entry.term)


def _changed(connection: PlatformConnection, entry: GlossaryEntry, values: dict[str, Any]) -> GlossaryEntry:
    if not GlossaryEntry.objects.filter(pk=entry.pk, platform_connection=connection).update(**values):
        raise StyleRefused(_("Somebody removed this entry meanwhile. Add it again if it is still wanted."))
    entry.refresh_from_db()
    return entry


def _added(connection: PlatformConnection, values: dict[str, Any]) -> GlossaryEntry:
    if GlossaryEntry.objects.filter(platform_connection=connection).count() >= MOST_TERMS:
        full = _("The glossary has %(count)d entries, which is as many as it can have. Remove one first.")
        raise StyleRefused(full % {"count": MOST_TERMS})
    return GlossaryEntry.objects.create(platform_connection=connection, **values)


def _require(connection: PlatformConnection, actor: User) -> None:
    if not may_style(connection, actor):
        raise NotAllowed(_("Only who decides on the alt texts of this account may say how they are written."))
