"""docs/schema.md, written from the models: the same text whatever database it is written on."""

import inspect
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.constraints import BaseConstraint
from django.db.models.expressions import Value
from django.db.models.fields import NOT_PROVIDED
from django.db.models.functions import Now

from vedfolnir.lib.fields import RemoteIdField, SingleFloatField

# Written in SQL by a migration, because no model can say it.
BY_MIGRATION = {
    "images": "- foreign key `fk_image_post_connection` (`post_id`, `platform_connection_id`) → `posts`, not on SQLite"
}
APPS = ("accounts", "platforms", "captions", "processing")
HEADER = """\
# Schema

Written by `python manage.py document_schema` from the models; do not edit. A test fails when it is out of date.

Times are UTC with microseconds. Text is utf8mb4. "Default" is the database's own. What the columns are for stands
beside them in each app's `models`; why the tables are as they are, in [decisions.md](decisions.md). The tables of
Django and django-allauth themselves (`django_migrations`, `django_content_type`, `django_admin_log`,
`auth_permission`, `auth_group`, `auth_group_permissions`, `account_emailaddress`, `account_emailconfirmation`, and
`cache` where there is no Redis) are not listed.
"""

TYPES = {
    "AutoField": "int",
    "BigAutoField": "bigint",
    "BooleanField": "boolean",
    "DateTimeField": "datetime",
    "FloatField": "double",
    "IntegerField": "int",
    "JSONField": "json",
    "PositiveIntegerField": "int, not negative",
    "PositiveSmallIntegerField": "smallint, not negative",
    "TextField": "text",
}


def schema_document() -> str:
    """The whole page. Raises KeyError for a kind of field that it has no word for yet."""
    parts = [HEADER]
    for app in APPS:
        config = apps.get_app_config(app)
        parts.append(f"\n## {config.label}\n")
        parts += [_table(model) for model in sorted(config.get_models(), key=lambda model: model._meta.db_table)]
    return "".join(parts)


def _table(model: type[models.Model]) -> str:
    lines = [f"\n### {model._meta.db_table}\n", f"{inspect.cleandoc(model.__doc__ or '').splitlines()[0]}\n"]
    lines += ["| Column | Type | NULL | Default | |", "|---|---|---|---|---|"]
    lines += [_column(field) for field in model._meta.concrete_fields]
    promises = [*_indexes(model), *_constraints(model)]
    promises += [text for table, text in BY_MIGRATION.items() if table == model._meta.db_table]
    if promises:
        lines += ["", *promises]
    return "\n".join(lines) + "\n"


def _column(field: models.Field[Any, Any]) -> str:
    null = "yes" if _plain(field).null else ""
    return f"| `{field.column}` | {_type(field)} | {null} | {_default(field)} | {', '.join(_notes(field))} |"


def _plain(field: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """What a generated column holds; any other column as it is."""
    if isinstance(field, models.GeneratedField) and field.output_field is not None:
        return field.output_field
    return field


def _type(field: models.Field[Any, Any]) -> str:
    field = _plain(field)
    if isinstance(field, models.ForeignKey):
        return _type(field.target_field)
    if isinstance(field, SingleFloatField):
        return "float"
    if isinstance(field, models.DecimalField):
        return f"decimal({field.max_digits},{field.decimal_places})"
    if field.max_length and not isinstance(field, models.TextField):
        return f"varchar({field.max_length})"
    return TYPES[field.get_internal_type()]


def _default(field: models.Field[Any, Any]) -> str:
    default = field.db_default
    if default is NOT_PROVIDED:
        return ""
    if isinstance(default, Now):
        return "now"
    value = default.value if isinstance(default, Value) else default
    return f"`{str(value).lower() if isinstance(value, bool) else repr(value)}`"


def _notes(field: models.Field[Any, Any]) -> Iterator[str]:
    if field.primary_key:
        yield "primary key"
    elif field.unique:
        yield "unique"
    elif getattr(field, "db_index", False):
        yield "index"
    if isinstance(field, models.ForeignKey):
        yield f"→ `{field.target_field.model._meta.db_table}`"
    if isinstance(field, models.GeneratedField):
        yield "generated"
    if isinstance(field, RemoteIdField):
        yield "compared byte by byte"
    if field.choices:
        yield "one of " + ", ".join(f"`{value}`" for value, _ in field.flatchoices)


def _indexes(model: type[models.Model]) -> Iterator[str]:
    for index in model._meta.indexes:
        yield f"- index `{index.name}` ({', '.join(_names(model, index.fields))})"


def _constraints(model: type[models.Model]) -> Iterator[str]:
    for constraint in model._meta.constraints:
        yield f"- {_constraint(model, constraint)}"


def _constraint(model: type[models.Model], constraint: BaseConstraint) -> str:
    if isinstance(constraint, models.UniqueConstraint):
        return f"unique `{constraint.name}` ({', '.join(_names(model, constraint.fields))})"
    return f"check `{constraint.name}`"


def _names(model: type[models.Model], fields: Any) -> Iterator[str]:
    for name in fields:
        yield f"`{model._meta.get_field(name).column}`"  # type: ignore[union-attr]
