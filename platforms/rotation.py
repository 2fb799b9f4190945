"""Bringing every stored secret under the first key, while others read and write them.

What a secret's token says of itself is the whole state: a run that was killed is simply done again, and looks for what
is not as it should be. It walks all encrypted columns of all installed models, so no table can be forgotten.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from django.apps import apps
from django.db import models, transaction
from django.db.models import ExpressionWrapper, F, TextField, Value
from django.db.models.lookups import Exact

from platforms.fields import EncryptedTextField, secret_fields
from platforms.sealing import Binding, Finding, Place, Sealed, inspect, seal, seal_nothing
from vedfolnir.lib.deadlocks import again_after_deadlock

BATCH = 100  # rows in a transaction: their locks are held for less than a tenth of a second

Progress = Callable[[int], object]


@dataclass
class Report:
    """What a walk found: numbers of secrets, except `rows`."""

    bind: bool = False  # unbound ones are bound to the rows where they lie
    rows: int = 0
    secrets: int = 0
    unbound: int = 0  # do not say where they belong, and open nowhere
    old_key: int = 0  # bound, but the first key does not open them
    missing: int = 0  # tokens without a secret: rows loaded from a dump
    written: int = 0
    troubles: list[str] = field(default_factory=list)  # which ones cannot be read, and why

    @property
    def pending(self) -> int:
        """How many are still to be written anew."""
        return self.old_key + (self.unbound if self.bind else 0)

    @property
    def is_done(self) -> bool:
        """Whether every secret opens with the first key alone, in its own row alone."""
        return not self.pending and not self.unbound and not self.troubles


@dataclass(frozen=True)
class Change:
    """A row's tokens as they were read, and what they become."""

    row: models.Model
    old: dict[str, Sealed]
    new: dict[str, Sealed]


def survey(progress: Progress, *, bind: bool = False) -> Report:
    """Look at every secret and change nothing. `progress` gets the number of rows of each step."""
    return _walk(progress, write=False, bind=bind)


def rotate(progress: Progress, *, bind: bool = False) -> Report:
    """Bring every secret under the first key; the report of the last walk, which changed nothing.

    With `bind` those that do not say where they belong are bound to the rows where they lie: whoever asks for it knows
    that nobody has moved them. Without it they stay as they are, and are counted.

    A secret that somebody replaces meanwhile stays as they wrote it, and is looked at once more. `written` counts those
    of all walks. When the fifth one still finds secrets under an old key, another process goes on writing them.
    """
    report, written = Report(), 0
    for write in (True, True, True, True, False):
        report = _walk(progress, write=write, bind=bind)
        written += report.written
        if not report.pending:
            break
    report.written = written
    return report


def row_count() -> int:
    """How many rows one walk looks at."""
    return sum(model._base_manager.count() for model in models_with_secrets())


def models_with_secrets() -> list[type[models.Model]]:
    """Every installed model with an encrypted column in its own table."""
    return [model for model in apps.get_models() if model._meta.managed and secret_fields(model)]


def _walk(progress: Progress, *, write: bool, bind: bool) -> Report:
    report = Report(bind=bind)
    for model in models_with_secrets():
        for rows in _batches(model):
            changes = [change for row in rows if (change := _judge(row, report)).new]
            if write and changes:
                report.written += again_after_deadlock(partial(_write, changes))
            progress(len(rows))
    return report


def _batches(model: type[models.Model]) -> Iterator[list[models.Model]]:
    fields = secret_fields(model)
    names = {one.attname for one in fields} | {one.server for one in fields if one.server}
    rows = list(model._base_manager.only(*names).order_by("pk")[:BATCH])
    while rows:
        yield rows
        rows = list(model._base_manager.only(*names).order_by("pk").filter(pk__gt=rows[-1].pk)[:BATCH])


def _judge(row: models.Model, report: Report) -> Change:
    """Count what the row holds, and say what is to be written."""
    change = Change(row, {}, {})
    report.rows += 1
    for column in secret_fields(type(row)):
        sealed = vars(row)[column.attname]  # as it lies there; the attribute would open it
        if sealed is None:
            continue
        report.secrets += 1
        place = column.place(row)
        found = inspect(sealed.token, place)
        token = _renewed(found, place, bind=report.bind)
        _count(report, found, row, column)
        if token:
            change.old[column.attname] = sealed
            change.new[column.attname] = Sealed(token)
    return change


def _renewed(found: Finding, place: Place, *, bind: bool) -> str:
    """The token that takes the place of what was found; empty when that stays."""
    if found.binding is Binding.NOTHING:
        return "" if found.by_first_key else seal_nothing()
    if found.binding is Binding.UNBOUND:
        return seal(found.secret, place) if bind else ""
    if found.binding is Binding.HERE and not found.by_first_key:
        return seal(found.secret, place)
    return ""


def _count(report: Report, found: Finding, row: models.Model, column: EncryptedTextField) -> None:
    report.missing += found.binding is Binding.NOTHING
    report.unbound += found.binding is Binding.UNBOUND
    report.old_key += found.binding in {Binding.HERE, Binding.NOTHING} and not found.by_first_key
    if found.binding is Binding.UNKNOWN:
        report.troubles.append(f"{_name(row)}: no key opens its {column.name}")
    elif found.binding is Binding.ELSEWHERE:
        report.troubles.append(f"{_name(row)}: its {column.name} was stored for another row, column or server")


def _name(row: models.Model) -> str:
    """What a person finds the row by. Text of a deferred row is read from the database, or is not there any more."""
    known = type(row)._base_manager.defer(*(one.attname for one in secret_fields(type(row)))).filter(pk=row.pk).first()
    return f"{row._meta.verbose_name} {row.pk} ({known or 'gone'})"


def _write(changes: list[Change]) -> int:
    """One transaction. Rows that changed since they were read stay as they are."""
    with transaction.atomic():
        return sum(len(change.new) for change in changes if _replace(change))


def _replace(change: Change) -> bool:
    """Compare and set. Through the base manager: `updated_at` tells of changes that people made.

    Comparing by the column's collation is enough: two tokens never differ by case alone.
    """
    unchanged = [
        Exact(ExpressionWrapper(F(name), output_field=TextField()), Value(sealed.token, output_field=TextField()))
        for name, sealed in change.old.items()
    ]
    row = change.row
    return type(row)._base_manager.filter(*unchanged, pk=row.pk).update(**change.new) == 1
