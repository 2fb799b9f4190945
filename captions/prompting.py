"""Everything that changes the prompts: the admin comes through here, and so do the workers that use them."""

import hashlib

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.roles import Ability
from captions.languages import base
from captions.models import PromptTemplate

LONGEST_NAME = 40  # characters: the name and the version stand on every draft


class PromptRefused(Exception):
    """Nothing was changed; the message says why."""


def save(
    template: PromptTemplate | None, *, name: str, category: str, language: str, text: str, actor: User
) -> PromptTemplate:
    """Store the words of a prompt: in place while nobody used it, else as its next version, which is not in use yet.

    Without `template`, a new one. Raises PromptRefused.
    """
    _require_staff(actor)
    words = {"name": name, "category": category, "language": language, "text": text}
    try:
        return _save(template, words, actor)
    except IntegrityError:  # somebody else took that version just now
        return _save(template, words, actor)


@transaction.atomic
def _save(template: PromptTemplate | None, words: dict[str, str], actor: User) -> PromptTemplate:
    kept = _in_place(template, words) or _next_version(template, words, actor)
    audit.record("prompt_saved", actor=actor, entity=kept, name=kept.name, version=kept.version)
    return kept


def use(template: PromptTemplate, actor: User) -> list[PromptTemplate]:
    """Ask with this version from now on; the others of its name, or for the same, are put aside. Which those are.

    So of each kind of picture and language there is one. Raises PromptRefused.
    """
    _require_staff(actor)
    with transaction.atomic():
        rows = list(PromptTemplate.objects.select_for_update().order_by("pk"))  # held, in one order for everybody
        chosen = next(row for row in rows if row.pk == template.pk)
        aside = [row for row in rows if row.is_current and row.pk != chosen.pk and _rivals(row, chosen)]
        PromptTemplate.objects.filter(pk__in=[row.pk for row in aside]).update(is_current=False)
        for row in aside:
            audit.record("prompt_put_aside", actor=actor, entity=row, name=row.name, version=row.version)
        if PromptTemplate.objects.filter(pk=template.pk, is_current=False).update(is_current=True):
            audit.record("prompt_in_use", actor=actor, entity=template, name=template.name, version=template.version)
    template.refresh_from_db(fields=["is_current"])
    return aside


def _rivals(one: PromptTemplate, other: PromptTemplate) -> bool:
    return one.name == other.name or (one.category, one.language) == (other.category, other.language)


def put_aside(template: PromptTemplate, actor: User) -> None:
    """Ask with it no more; the next one that fits is taken, or the built-in words. Raises PromptRefused."""
    _require_staff(actor)
    with transaction.atomic():
        if PromptTemplate.objects.current().filter(pk=template.pk).update(is_current=False):
            audit.record("prompt_put_aside", actor=actor, entity=template, name=template.name, version=template.version)
    template.refresh_from_db(fields=["is_current"])


def best_for(category: str, language: str) -> PromptTemplate | None:
    """The prompt in use for a kind of picture and a language, or None for the built-in words. It counts as used.

    What names the kind goes before what names the language, that before what is for anything; of equals, the latest.
    """
    fitting = PromptTemplate.objects.current().filter(
        category__in={category, ""}, language__in={language, base(language), language.partition("-")[0], ""}
    )
    rows = list(fitting.only("pk", "category", "language"))
    if not rows:
        return None
    best = max(rows, key=lambda row: (bool(row.category), bool(row.language), row.language == language, row.pk))
    # Before it is read: what was used cannot change, so these are the words that are sent.
    PromptTemplate.objects.take_into_use(best.pk)
    return PromptTemplate.objects.filter(pk=best.pk).first()


def digest(template: PromptTemplate) -> str:
    """Tells words from others: an edit names those that it started from."""
    words = (template.name, template.category, template.language, template.text)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def _require_staff(actor: User) -> None:
    if not actor.can(Ability.STAFF):
        raise PromptRefused(_("Only staff may change prompts."))


def _in_place(template: PromptTemplate | None, words: dict[str, str]) -> PromptTemplate | None:
    """The same row with the new words; None where it was used, or gets another name."""
    if template is None or template.name != words["name"]:
        return None
    row = PromptTemplate.objects.select_for_update().filter(pk=template.pk, used_at=None).first()
    if row is None:
        return None
    for name, value in words.items():
        setattr(row, name, value)
    row.save(update_fields=list(words))
    return row


def _next_version(template: PromptTemplate | None, words: dict[str, str], actor: User) -> PromptTemplate:
    known = template is not None and {name: getattr(template, name) for name in words} == words
    if template is not None and known:
        return template
    latest = PromptTemplate.objects.filter(name=words["name"]).aggregate(latest=Max("version"))["latest"] or 0
    return PromptTemplate.objects.create(**words, version=latest + 1, created_by=actor)
