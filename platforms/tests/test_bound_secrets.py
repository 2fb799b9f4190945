"""A secret opens in its own row, column and table, for its own server, and nowhere else; however the row is written."""

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as project
from django.core import checks
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.test.utils import CaptureQueriesContext, isolate_apps

from accounts.models import User
from platforms.clients.base import CredentialsRefused
from platforms.credentials import require_readable_credentials
from platforms.fields import (
    CredentialUnreadable,
    EncryptedTextField,
    HoldsSecrets,
    Misplaced,
    Missing,
    Unbound,
    Unreadable,
    readable,
    secret_fields,
)
from platforms.models import PlatformApp, PlatformConnection
from platforms.sealing import Binding, Place, inspect
from platforms.speaking import client_for

pytestmark = pytest.mark.django_db

SECRETS = [field.name for field in secret_fields(PlatformConnection)]


def make_user(name: str = "alice") -> User:
    return User.objects.create_user(name, f"{name}@example.org", "correct horse battery")


def unsaved(owner: User, name: str, **fields: Any) -> PlatformConnection:
    known: dict[str, Any] = {"platform_type": "mastodon", "instance_url": "https://a.example", "username": name}
    secrets = {field: f"{field} of {name}" for field in SECRETS}
    return PlatformConnection(user=owner, name=name, **known | secrets | fields)


def stored(owner: User, name: str, **fields: Any) -> PlatformConnection:
    row = unsaved(owner, name, **fields)
    row.save()
    return row


def read(name: str) -> PlatformConnection:
    return PlatformConnection.objects.get(name=name)


def token_in(row: models.Model, column: str | None) -> str:
    """The token as it lies in the database."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def put(row: models.Model, column: str, token: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [token, row.pk])


def plain_token(secret: str) -> str:
    """As the first Vedfolnir wrote it."""
    return Fernet(project.PLATFORM_ENCRYPTION_KEYS[0]).encrypt(secret.encode()).decode()


def assert_bound(row: PlatformConnection) -> None:
    """Every secret of the row lies in the database bound to it, and opens."""
    for field in secret_fields(PlatformConnection):
        token = token_in(row, field.column)
        assert token.startswith("gAAAA")
        place = Place(f"platform_connections.{field.column}", str(row.pk), row.instance_url)
        assert inspect(token, place).binding is Binding.HERE
        assert getattr(read(row.name), field.name) == f"{field.name} of {row.name}"


# --- moved ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", SECRETS)
def test_a_token_copied_to_another_row_does_not_open_there(column: str) -> None:
    alice = make_user()
    first, second = stored(alice, "first"), stored(alice, "second")
    put(second, column, token_in(first, column))
    moved = getattr(read("second"), column)
    assert isinstance(moved, Misplaced)
    assert moved == ""
    with pytest.raises(CredentialUnreadable, match="moved or copied"):
        readable(moved)
    assert getattr(read("first"), column) == f"{column} of first"


def test_swapped_tokens_open_in_neither_row() -> None:
    alice = make_user()
    first, second = stored(alice, "first"), stored(alice, "second")
    tokens = token_in(first, "access_token"), token_in(second, "access_token")
    put(first, "access_token", tokens[1])
    put(second, "access_token", tokens[0])
    for name in ("first", "second"):
        with pytest.raises(CredentialsRefused, match="Connect again"):
            client_for(read(name))


@pytest.mark.parametrize(("source", "target"), [("access_token", "client_secret"), ("refresh_token", "access_token")])
def test_a_token_copied_to_another_column_does_not_open_there(source: str, target: str) -> None:
    row = stored(make_user(), "first")
    put(row, target, token_in(row, source))
    assert isinstance(getattr(read("first"), target), Misplaced)


def test_a_token_copied_to_another_table_does_not_open_there() -> None:
    row = stored(make_user(), "first")
    app = PlatformApp.objects.create(
        pk=row.pk, instance_url=row.instance_url, redirect_uri="https://here.example/", client_id="x", client_secret="s"
    )
    put(app, "client_secret", token_in(row, "client_secret"))
    assert isinstance(PlatformApp.objects.get().client_secret, Misplaced)


def test_a_row_that_is_pointed_at_another_server_does_not_send_its_token_there() -> None:
    stored(make_user(), "first")
    PlatformConnection.objects.update(instance_url="https://evil.example")
    with pytest.raises(CredentialsRefused, match="Connect again"):
        client_for(read("first"))


def test_a_row_copied_whole_with_all_its_columns_has_no_secret() -> None:
    row = stored(make_user(), "first")
    names = [str(field.column) for field in PlatformConnection._meta.local_concrete_fields if not field.generated]
    names.remove("id")
    chosen = ", ".join(f"'second' AS {name}" if name in {"name", "username"} else name for name in names)
    chosen = chosen.replace("is_default", "0 AS is_default") if connection.vendor != "postgresql" else chosen
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO platform_connections ({', '.join(names)}) SELECT {chosen} FROM platform_connections"
            " WHERE id = %s",
            [row.pk],
        )
    assert all(isinstance(getattr(read("second"), name), Misplaced) for name in SECRETS)


def test_a_moved_token_in_the_first_row_does_not_stop_the_start(caplog: pytest.LogCaptureFixture) -> None:
    alice = make_user()
    first, second = stored(alice, "first"), stored(alice, "second")
    put(first, "access_token", token_in(second, "access_token"))
    require_readable_credentials()
    assert f"Connection {first.pk}: " in caplog.text


def test_what_is_misplaced_is_not_written_over() -> None:
    alice = make_user()
    first, second = stored(alice, "first"), stored(alice, "second")
    put(second, "access_token", token_in(first, "access_token"))
    with transaction.atomic(), pytest.raises(CredentialUnreadable):
        read("second").save()
    row = read("second")
    row.access_token = "a new one"
    row.save(update_fields=["access_token"])
    assert read("second").access_token == "a new one"


# --- from before ----------------------------------------------------------------------------------------------------


def test_tokens_that_do_not_say_where_they_belong_are_not_read(caplog: pytest.LogCaptureFixture) -> None:
    row = stored(make_user(), "first")
    put(row, "access_token", plain_token("access_token of first"))
    assert type(read("first").access_token) is Unbound
    with pytest.raises(CredentialUnreadable, match="rotate_encryption_key --bind"):
        readable(read("first").access_token)
    require_readable_credentials()
    assert "--bind" in caplog.text
    with pytest.raises(CredentialUnreadable):
        read("first").save()


@pytest.mark.parametrize("token", ["", "gAAAA", "plain text", "größe", "a-token\0"])
def test_what_is_no_token_is_unreadable(token: str) -> None:
    if "\0" in token and connection.vendor == "postgresql":
        pytest.skip("PostgreSQL stores no NUL")
    row = stored(make_user(), "first")
    put(row, "access_token", token)
    assert type(read("first").access_token) is Unreadable
    with pytest.raises(CredentialUnreadable, match="PLATFORM_ENCRYPTION_KEY"):
        readable(read("first").access_token)


def test_bytes_that_are_no_text_are_unreadable() -> None:
    row = stored(make_user(), "first")
    put(row, "access_token", Fernet(project.PLATFORM_ENCRYPTION_KEYS[0]).encrypt(b"\xff\xfe").decode())
    assert type(read("first").access_token) is Unreadable


# --- written --------------------------------------------------------------------------------------------------------


def test_every_way_to_write_a_row_binds_its_secrets() -> None:
    alice = make_user()
    saved = stored(alice, "saved")
    fields = {name: getattr(unsaved(alice, "created"), name) for name in ("platform_type", "instance_url", *SECRETS)}
    created = PlatformConnection.objects.create(user=alice, name="created", username="created", **fields)
    made, new = PlatformConnection.objects.get_or_create(
        user=alice, name="made", defaults={**fields, **{name: f"{name} of made" for name in SECRETS}}
    )
    numbered = stored(alice, "numbered", pk=4711)
    forced = unsaved(alice, "forced")
    forced.save(force_insert=True)
    changed, _new = PlatformConnection.objects.update_or_create(
        user=alice, name="saved", defaults={"refresh_token": "refresh_token of saved"}
    )
    assert new
    for row in (saved, created, made, numbered, forced, changed):
        assert_bound(row)


def test_bulk_create_binds_every_row() -> None:
    alice = make_user()
    rows = [unsaved(alice, f"row {number}") for number in range(5)] + [unsaved(alice, "numbered", pk=4711)]
    PlatformConnection.objects.bulk_create(rows, batch_size=2)
    for row in PlatformConnection.objects.all():
        assert_bound(row)
    assert PlatformConnection.objects.count() == 6


def test_bulk_create_binds_where_the_database_does_not_tell_the_new_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    alice = make_user()
    PlatformConnection.objects.bulk_create(unsaved(alice, f"row {number}") for number in range(3))
    for row in PlatformConnection.objects.all():
        assert_bound(row)


def test_no_token_that_would_open_elsewhere_is_ever_written() -> None:
    alice = make_user()
    with CaptureQueriesContext(connection) as queries:
        row = stored(alice, "first")
    inserted = next(one["sql"] for one in queries if one["sql"].startswith("INSERT INTO") and "gAAAA" in one["sql"])
    for word in inserted.replace("'", " ").replace('"', " ").split():
        if word.startswith("gAAAA"):
            place = Place("platform_connections.access_token", str(row.pk), row.instance_url)
            assert inspect(word.rstrip(",)"), place).binding is Binding.NOTHING


@pytest.mark.django_db(transaction=True)
def test_a_row_without_its_secrets_is_never_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("killed between the two steps")

    alice = make_user()
    monkeypatch.setattr("platforms.fields._bind", fail)
    with pytest.raises(RuntimeError):
        stored(alice, "first")
    with pytest.raises(RuntimeError):
        PlatformConnection.objects.bulk_create([unsaved(alice, "second")])
    assert not PlatformConnection.objects.exists()
    row = unsaved(alice, "third")
    with pytest.raises(RuntimeError):
        row.save()
    row.pk = None
    with pytest.raises(FieldError):  # what failed once leaves no door open
        PlatformConnection._base_manager.bulk_create([row])


def test_none_stays_none_and_empty_stays_empty() -> None:
    stored(make_user(), "first", client_key=None, client_secret="")
    row = read("first")
    assert (row.client_key, row.client_secret) == (None, "")
    assert PlatformConnection.objects.filter(client_key__isnull=True).count() == 1


@pytest.mark.parametrize("value", ["plain", "", F("client_secret"), Value("plain")])
def test_update_refuses_secrets_and_says_how_to_write_them(value: Any) -> None:
    stored(make_user(), "first")
    with pytest.raises(FieldError, match="save"):
        PlatformConnection.objects.update(access_token=value)
    assert PlatformConnection.objects.update(name="renamed") == 1
    assert read("renamed").access_token == "access_token of first"


def test_update_takes_secrets_away() -> None:
    stored(make_user(), "first")
    assert PlatformConnection.objects.update(refresh_token=None) == 1
    assert read("first").refresh_token is None


def test_bulk_update_refuses_secrets() -> None:
    row = stored(make_user(), "first")
    row.access_token = "other"
    with pytest.raises(FieldError, match="save"):
        PlatformConnection.objects.bulk_update([row], ["access_token"])


def test_managers_that_do_not_bind_are_refused() -> None:
    with transaction.atomic(), pytest.raises(FieldError, match="SealingQuerySet"):
        PlatformConnection._base_manager.bulk_create([unsaved(make_user(), "first")])
    stored(make_user("bob"), "second")
    with pytest.raises(FieldError, match="save"):
        PlatformConnection._base_manager.update(access_token="plain")


def test_bulk_create_with_conflicts_is_refused() -> None:
    with pytest.raises(FieldError, match="every row is new"):
        PlatformConnection.objects.bulk_create([unsaved(make_user(), "first")], ignore_conflicts=True)


def test_saving_other_fields_leaves_the_token_alone() -> None:
    row = stored(make_user(), "first")
    before = token_in(row, "access_token")
    loaded = read("first")
    loaded.name = "renamed"
    loaded.save(update_fields=["name"])
    PlatformConnection.objects.only("name").get().save()
    assert token_in(row, "access_token") == before


def test_a_copy_of_a_loaded_row_does_not_take_the_secrets_along() -> None:
    stored(make_user(), "first")
    twin = read("first")
    twin.pk, twin.name, twin.username = None, "twin", "twin"
    twin._state.adding = True
    with transaction.atomic(), pytest.raises(CredentialUnreadable):
        twin.save()
    assert PlatformConnection.objects.count() == 1
    for name in SECRETS:
        setattr(twin, name, f"{name} of twin")
    twin.save()
    assert_bound(twin)


# --- read -----------------------------------------------------------------------------------------------------------


def test_every_way_to_read_a_row_opens_its_secrets() -> None:
    alice = make_user()
    row = stored(alice, "first")
    row.refresh_from_db()
    assert row.access_token == "access_token of first"
    row.refresh_from_db(fields=["client_key"])
    assert row.client_key == "client_key of first"
    for queryset in (
        PlatformConnection.objects.only("access_token"),
        PlatformConnection.objects.defer("access_token", "instance_url"),
        PlatformConnection.objects.select_related("user"),
        alice.connections.all(),
    ):
        assert queryset.get().access_token == "access_token of first"
    assert copy.deepcopy(read("first")).access_token == "access_token of first"
    assert pickle.loads(pickle.dumps(read("first"))).access_token == "access_token of first"  # noqa: S301  (our own)


def test_values_show_nothing_and_cannot_be_used() -> None:
    stored(make_user(), "first")
    values = PlatformConnection.objects.values_list("access_token", flat=True).get()
    assert str(values) == "<sealed>"
    assert "gAAAA" not in repr(list(PlatformConnection.objects.values()))
    with pytest.raises(CredentialUnreadable, match="attribute of its row"):
        readable(values)


def test_a_loaded_row_holds_no_secret_in_memory() -> None:
    stored(make_user(), "first")
    row = read("first")
    assert row.access_token == "access_token of first"
    assert "of first" not in repr(vars(row))
    assert "gAAAA" not in repr(vars(row))


def test_a_dump_is_loaded_without_secrets_and_says_so(tmp_path: Path) -> None:
    row = stored(make_user(), "first", client_key=None)
    dump = tmp_path / "dump.json"
    call_command("dumpdata", "platforms", output=str(dump), stdout=io.StringIO())
    call_command("loaddata", str(dump), stdout=io.StringIO())
    loaded = read("first")
    assert loaded.pk == row.pk
    assert loaded.client_key is None
    assert isinstance(loaded.access_token, Missing)
    with pytest.raises(CredentialUnreadable, match="dumps do not hold them"):
        readable(loaded.access_token)
    require_readable_credentials()


def test_a_fixture_with_a_secret_is_refused(tmp_path: Path) -> None:
    stored(make_user(), "first")
    dump = tmp_path / "dump.json"
    call_command("dumpdata", "platforms", output=str(dump), stdout=io.StringIO())
    dump.write_text(dump.read_text().replace('"access_token": ""', '"access_token": "plain"'))
    with pytest.raises(FieldError):
        call_command("loaddata", str(dump), stdout=io.StringIO())


# --- models to come -------------------------------------------------------------------------------------------------


@isolate_apps("platforms")
def test_a_model_that_would_not_bind_is_an_error_of_the_checks() -> None:
    class Careless(models.Model):
        secret = EncryptedTextField()

        class Meta:
            app_label = "platforms"

        def __str__(self) -> str:
            return ""

    class Careful(HoldsSecrets):
        secret = EncryptedTextField()

        class Meta:
            app_label = "platforms"

        def __str__(self) -> str:
            return ""

    assert [one.id for one in Careless.check() if isinstance(one, checks.Error)] == ["vedfolnir.E002"]
    assert not [one for one in Careful.check() if isinstance(one, checks.Error)]
