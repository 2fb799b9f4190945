"""The tables that MariaDB has, read back and compared with the documented ones."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from captions.models import Image, Post
from platforms.models import PlatformConnection
from processing.models import CaptionGenerationTask
from vedfolnir.tests.documented_schema import ENUMS, KEY, TABLES, Column, Table

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "mysql", reason="reads MariaDB's information_schema"),
]

REMOTE_IDS = [
    ("images", "image_post_id"),
    ("platform_connections", "account_id"),
    ("platform_connections", "scan_below"),
    ("posts", "post_id"),
    ("posts", "user_id"),
]

tables = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def columns_of(table: str) -> dict[str, tuple[str, bool, str | None]]:
    """Type, nullability and default of each column."""
    found = rows(
        "SELECT column_name, column_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = %s",
        table,
    )
    return {
        name: (column_type.split(" ")[0], nullable == "YES", None if default == "NULL" else default)
        for name, column_type, nullable, default in found
    }


def indexes_of(table: str) -> dict[str, tuple[bool, tuple[str, ...]]]:
    """Whether unique, and the columns in order, of each index."""
    found: dict[str, tuple[bool, tuple[str, ...]]] = {}
    for name, non_unique, column in rows(
        "SELECT index_name, non_unique, column_name FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() AND table_name = %s ORDER BY index_name, seq_in_index",
        table,
    ):
        found[name] = (not non_unique, (*found.get(name, (False, ()))[1], column))
    return found


def foreign_keys_of(table: str) -> dict[str, tuple[str, str]]:
    """The table and column that each foreign key of one column points to."""
    found = rows(
        "SELECT constraint_name, column_name, referenced_table_name, referenced_column_name "
        "FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND table_name = %s "
        "AND referenced_table_name IS NOT NULL",
        table,
    )
    names = [name for name, *_ in found]
    return {column: (target, key) for name, column, target, key in found if names.count(name) == 1}


def type_fits(column: Column, found: str) -> bool:
    if column.type == KEY:
        return found.partition("(")[0] in {"int", "bigint"}
    return found.removesuffix("(11)") == column.type if column.type == "int" else found == column.type


@tables
def test_every_documented_column_is_there_as_documented(table: Table) -> None:
    found = columns_of(table.name)
    assert [column.name for column in table.columns if column.name not in found] == []
    for column in table.columns:
        column_type, null, default = found[column.name]
        assert type_fits(column, column_type), f"{column.name}: {column_type}"
        assert (null, default) == (column.null, column.default), column.name


@tables
def test_the_primary_key_is_the_documented_one(table: Table) -> None:
    assert indexes_of(table.name)["PRIMARY"] == (True, (table.primary_key,))


@tables
def test_every_named_index_has_its_columns_in_order(table: Table) -> None:
    found = indexes_of(table.name)
    assert {name: found.get(name) for name, _ in table.indexes} == {
        name: (False, columns) for name, columns in table.indexes
    }


@tables
def test_every_named_unique_constraint_has_its_columns_in_order(table: Table) -> None:
    found = indexes_of(table.name)
    assert {name: found.get(name) for name, _ in table.unique} == {
        name: (True, columns) for name, columns in table.unique
    }


@tables
def test_columns_marked_index_or_unique_have_one(table: Table) -> None:
    found = indexes_of(table.name).values()
    for column in table.columns:
        if column.indexed:
            assert any(columns[0] == column.name for _, columns in found), column.name
        if column.unique:
            assert (True, (column.name,)) in found, column.name


@tables
def test_every_documented_foreign_key_is_one(table: Table) -> None:
    found = foreign_keys_of(table.name)
    wanted = {column.name: (column.references, "id") for column in table.columns if column.references}
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.fixture
def one_row_each() -> None:
    """A row in each table that has an enum, to be changed."""
    user = User.objects.create_user("alice", "alice@example.org")
    where = PlatformConnection.objects.create(
        user=user, name="a", platform_type="mastodon", instance_url="https://a.example", access_token="t"
    )
    post = Post.objects.create(post_id="1", author_id="1", post_url="https://a.example/1", platform_connection=where)
    Image.objects.create(post=post, image_url="https://a.example/1.png", attachment_index=0, platform_connection=where)
    CaptionGenerationTask.objects.create(user=user, platform_connection=where)


@pytest.mark.usefixtures("one_row_each")
@pytest.mark.parametrize(("table", "column", "values"), ENUMS, ids=lambda part: part if isinstance(part, str) else "")
def test_an_enum_takes_its_documented_values_and_no_other(table: str, column: str, values: Sequence[str]) -> None:
    update = f"UPDATE {table} SET {column} = %s"
    for value in values:
        with connection.cursor() as cursor:
            cursor.execute(update, [value])
            assert rows(f"SELECT DISTINCT {column} FROM {table}") == [(value,)]
    for wrong in ("emperor", "", values[0] + "x"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(update, [wrong])


@pytest.mark.usefixtures("one_row_each")
def test_a_time_that_the_database_fills_in_is_utc_with_microseconds() -> None:
    """The server's clock may stand on any zone: every connection of ours sets its own to UTC."""
    rows_before = rows("SELECT UTC_TIMESTAMP(6)")[0][0]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO settings (`key`, value) VALUES ('a', 'b')")
    updated = rows("SELECT updated_at FROM settings")[0][0]
    assert rows_before <= updated <= rows("SELECT UTC_TIMESTAMP(6)")[0][0]


def test_ids_of_other_servers_and_nothing_else_are_compared_by_case_and_blanks() -> None:
    found = rows(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND collation_name = %s",
        "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin",  # type: ignore[attr-defined]
    )
    assert sorted(found) == REMOTE_IDS


def test_every_table_and_text_column_takes_emoji() -> None:
    """Tables and columns are utf8mb4 (only ids from elsewhere have a collation of their own)."""
    assert (
        rows(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND character_set_name IS NOT NULL AND character_set_name <> 'utf8mb4'"
        )
        == []
    )
