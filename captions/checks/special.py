"""Which drafts a person should look at with more care than others: a table of rules, each with its reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from captions.checks.around import Around
from captions.checks.commanding import commands
from captions.checks.findings import Finding
from captions.kinds import READ_GIST, READ_WHOLE, Kind

_READ = READ_WHOLE | READ_GIST | {Kind.LOGO, Kind.DECORATIVE}


@dataclass(frozen=True)
class Case:
    """A draft as the rules see it."""

    codes: frozenset[str]
    has_blocker: bool
    around: Around
    is_sensitive: bool  # the author hid the picture


@dataclass(frozen=True)
class Rule:
    applies: Callable[[Case], bool]
    reason: StrOrPromise


def _any_of(*codes: str) -> Callable[[Case], bool]:
    return lambda case: bool(case.codes & set(codes))


def _is_basic_on_sight(case: Case) -> bool:
    return (case.around.engine or "").startswith("basic") and case.around.kind not in _READ


def _is_commanded(case: Case) -> bool:
    """Whether obeyed or not: what an answer holds does not always show it."""
    around = case.around
    terms = (text for term in around.glossary for text in (term.term, term.instead_of))
    said = (around.posted, around.post_text, around.content_warning, around.visible_text)
    return any(map(commands, (*said, *around.siblings, *around.drafts_beside, *terms)))


def _is_copied(case: Case) -> bool:
    """A machine that says what the post says may have been told to; a person may want it so."""
    return case.around.engine is not None and "repeats-post" in case.codes


RULES = (
    Rule(lambda case: case.has_blocker, _("As it is, nobody could use the text.")),
    Rule(_any_of("followed-instruction", "prompt-leak"), _("The model may have obeyed the post or the picture.")),
    Rule(_is_commanded, _("The post or the text in the picture tries to command the describer, or hides something.")),
    Rule(_is_copied, _("It says again what the post says.")),
    Rule(_any_of("person-without-consent"), _("Somebody is named who has not agreed to it.")),
    Rule(_any_of("guessed-identity"), _("It guesses what somebody is.")),
    Rule(_any_of("wrong-language", "garbled"), _("It is not in the language asked for.")),
    Rule(_any_of("text-unreadable"), _("There is text in the picture that could not be read.")),
    Rule(
        _any_of("name-from-nowhere", "year-from-nowhere", "quote-not-in-picture", "quote-unread"),
        _("It says what nobody told it."),
    ),
    Rule(_any_of("decorative-proposed"), _("It may be decoration: a person decides that.")),
    Rule(lambda case: bool(case.around.content_warning), _("The post has a content warning.")),
    Rule(lambda case: case.is_sensitive, _("The author hid the pictures of the post.")),
    Rule(_is_basic_on_sight, _("The embedded describer does not see what such a picture shows.")),
)


def why_special(findings: Sequence[Finding], around: Around, *, is_sensitive: bool = False) -> list[str]:
    """The reasons for special review, a sentence each; empty if none of the rules applies."""
    case = Case(
        frozenset(each.code for each in findings),
        any(each.severity == "blocker" for each in findings),
        around,
        is_sensitive,
    )
    return [str(rule.reason) for rule in RULES if rule.applies(case)]
