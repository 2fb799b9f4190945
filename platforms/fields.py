"""A text column that holds a secret as a Fernet token bound to its row, and the model and queries that go with it.

How a secret is written: `pre_save` encrypts it for its row. A new row has no primary key to bind to before it is there,
so it is inserted with a token that holds nothing, and gets the secret in the same transaction (`HoldsSecrets`). A token
that would open elsewhere is thus never in the database, nor in its logs.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from django.core import checks
from django.core.exceptions import FieldError
from django.db import connections, models, router, transaction
from django.db.models.query_utils import DeferredAttribute
from django_cryptography.fields import EncryptedMixin

from platforms.sealing import (
    CredentialUnreadable,
    Misplaced,
    Missing,
    Place,
    Sealed,
    Unbound,
    Unreadable,
    readable,
    seal,
    seal_nothing,
    unseal,
)

__all__ = [
    "CredentialUnreadable",
    "EncryptedTextField",
    "HoldsSecrets",
    "Misplaced",
    "Missing",
    "SealingQuerySet",
    "Unbound",
    "Unreadable",
    "readable",
    "secret_fields",
]

HOW_TO_WRITE = (
    "A secret is bound to its row: set it as an attribute of the row and save() that. update() and bulk_update() "
    "cannot write it, and bulk_create() needs a SealingQuerySet."
)


class SecretAttribute(DeferredAttribute):
    """Opens what the row was loaded with each time it is asked for, so that no loaded row holds a secret."""

    field: "EncryptedTextField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return unseal(value, self.field.place(instance)) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(EncryptedMixin, models.TextField[Any, Any]):
    """Text encrypted by the first key of PLATFORM_ENCRYPTION_KEY, opened by any of them, in its own row alone.

    The column holds a real Fernet token (it starts with "gAAAA"); `platforms.sealing` says what is in it. The stock
    field of django-cryptography derives its key from SECRET_KEY and pickles. Reading a value that no key opens, or that
    does not belong here, gives an `Unreadable`; `readable()` raises for it. values() and values_list() give a `Sealed`,
    which says nothing.

    `server` names the field of the same row that holds the address of the server the secret is for: a row that is
    pointed at another server does not take its secret along.
    """

    base_class = models.TextField
    wasinstance = True
    descriptor_class = SecretAttribute

    def __init__(self, *args: Any, server: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.server = server

    def place(self, row: models.Model) -> Place:
        """Where a secret of `row` belongs. Reads the server's address from the database if it was deferred."""
        server = str(getattr(row, self.server)) if self.server else ""
        return Place(f"{self.model._meta.db_table}.{self.column}", str(row.pk), server)

    def sealed_for(self, row: models.Model) -> Sealed | None:
        """The row's secret as it is written. Raises CredentialUnreadable: what was not read is not written over."""
        value = getattr(row, self.attname)
        return None if value is None else Sealed(seal(readable(value), self.place(row)))

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        if model_instance.pk is not None:
            return self.sealed_for(model_instance)
        value = getattr(model_instance, self.attname)
        if value is None:
            return None
        readable(value)
        if not getattr(model_instance._state, "sealed_later", False):
            raise FieldError(HOW_TO_WRITE)
        return Sealed(seal_nothing())

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        if isinstance(value, Sealed):
            return value.token
        if readable(value):
            raise FieldError(HOW_TO_WRITE)
        return seal_nothing()  # `loaddata` of what `dumpdata` left empty

    def from_db_value(self, value: Any, expression: Any, connection: Any, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(value if isinstance(value, str) else bytes(value).decode())

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        """Without `server`: it says nothing of the column, and migrations read no secrets."""
        name, path, args, options = models.TextField.deconstruct(self)
        return name, path, args, options

    def clone(self) -> Self:
        _name, _path, args, options = self.deconstruct()
        kind: Any = self.__class__  # mypy's Django plugin crashes on a call of `type[Self]`
        copy: Self = kind(*args, server=self.server, **options)
        return copy

    def get_internal_type(self) -> str:
        return "TextField"

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: never the secret."""
        return ""

    def formfield(self, **_: Any) -> None:
        """No form edits a credential in place; connecting an account sets it."""

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)
        if not issubclass(self.model, HoldsSecrets):
            hint = "Derive the model from platforms.fields.HoldsSecrets: it binds the secrets of new rows."
            found.append(checks.Error("A secret that no new row can have.", hint=hint, obj=self, id="vedfolnir.E002"))
        return found


def secret_fields(model: type[models.Model]) -> list[EncryptedTextField]:
    """The encrypted columns of a model's own table."""
    return [field for field in model._meta.local_concrete_fields if isinstance(field, EncryptedTextField)]


class HoldsSecrets(models.Model):
    """A model with encrypted columns: a new row and its secrets arrive in one transaction, bound to its primary key."""

    class Meta:
        abstract = True

    def save_base(self, **options: Any) -> None:  # type: ignore[override]  # save() names each
        if self.pk is not None:
            super().save_base(**options)
            return
        using = options.get("using") or router.db_for_write(type(self), instance=self)
        with _secrets_follow([self], using):
            super().save_base(**options)


Row = TypeVar("Row", bound=models.Model)


class SealingQuerySet(models.QuerySet[Row]):
    """For models that hold secrets: `bulk_create()` binds those of new rows, in the same transaction."""

    def update(self, **values: Any) -> int:
        """Refuses secrets, as values or as expressions: many rows cannot hold the same one. None takes them away."""
        if any(values.get(field.name) is not None for field in secret_fields(self.model)):
            raise FieldError(HOW_TO_WRITE)
        return super().update(**values)

    def bulk_create(self, objs: Iterable[Row], *args: Any, **options: Any) -> list[Row]:
        rows = list(objs)
        new = [row for row in rows if row.pk is None]
        if new and (args[1:] or any(value for name, value in options.items() if name != "batch_size")):
            raise FieldError(
                "bulk_create() binds secrets only where every row is new: no ignore_conflicts and the like."
            )
        self._for_write = True
        if connections[self.db].features.can_return_rows_from_bulk_insert:
            with _secrets_follow(new, self.db):
                return super().bulk_create(rows, *args, **options)
        with transaction.atomic(using=self.db):  # MySQL does not say which primary keys it gave
            for row in rows:
                row.save(using=self.db, force_insert=True)
        return rows


@contextmanager
def _secrets_follow(rows: Sequence[models.Model], using: str) -> Iterator[None]:
    """In one transaction: the block inserts `rows` without their secrets, and then each gets its own."""
    try:
        for row in rows:
            row._state.sealed_later = True  # type: ignore[attr-defined]
        with transaction.atomic(using=using):
            yield
            _bind(rows, using)
    finally:
        for row in rows:
            row._state.sealed_later = False  # type: ignore[attr-defined]


def _bind(rows: Iterable[models.Model], using: str) -> None:
    """Write the secrets of rows that have their primary keys now."""
    for row in rows:
        secrets = {field.attname: field.sealed_for(row) for field in secret_fields(type(row))}
        given = {name: sealed for name, sealed in secrets.items() if sealed is not None}
        if given:
            type(row)._base_manager.using(using).filter(pk=row.pk).update(**given)
