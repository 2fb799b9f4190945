"""Fields whose column is right on every database that we run on."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Index


class RemoteIdField(models.CharField[Any, Any]):
    """An opaque id that another server gave out: case and trailing spaces count.

    MySQL's default collations fold both, which would make two posts one. MariaDB gets `utf8mb4_nopad_bin`,
    MySQL `utf8mb4_0900_bin`; elsewhere comparison is exact already.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "mysql":
            is_mariadb: bool = connection.mysql_is_mariadb  # type: ignore[attr-defined]
            parameters["collation"] = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"
        return parameters


class SingleFloatField(models.FloatField[Any, Any]):
    """FLOAT on MySQL, as the documented schema says; Django's own FloatField makes it DOUBLE."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "float" if connection.vendor == "mysql" else super().db_type(connection)


class LongNameIndex(Index):
    """An index with a documented name longer than Django's own limit of 30 characters (MySQL allows 64)."""

    max_name_length = 63


def active_marker(condition: models.Q) -> models.GeneratedField:
    """A column that is 1 while `condition` holds and NULL otherwise.

    In an ordinary unique constraint it says "at most one such row": MySQL and MariaDB have no conditional ones.
    """
    return models.GeneratedField(
        expression=models.Case(models.When(condition, then=models.Value(1)), default=models.Value(None)),
        output_field=models.PositiveSmallIntegerField(null=True),
        db_persist=True,
        editable=False,
    )


def enum_check(field: str, enum: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """The database refuses values outside `enum`."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": enum.values}), name=name)


def delete_along(collector: Any, field: Any, rows: Any, using: str) -> None:
    """CASCADE for a nullable foreign key, without setting it to NULL first.

    Django does that where constraints cannot be deferred (MySQL, MariaDB); there `fk_image_post_connection` refuses
    a post whose connection differs from that of its images, even for a moment. The rows go before what they point to.
    """
    collector.collect(
        rows, source=field.remote_field.model, source_attr=field.name, nullable=False, fail_on_restricted=False
    )
