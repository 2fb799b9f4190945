"""`manage.py rotate_encryption_key`: all secrets under the first key, also while others write, also after kill -9."""

import io
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django_cryptography.fields import EncryptedMixin
from pytest_django import Settings

from accounts.models import AuditLog, User
from platforms import rotation
from platforms.checks import credentials_are_bound
from platforms.fields import Unbound, Unreadable, readable
from platforms.models import PlatformApp, PlatformConnection
from platforms.sealing import Binding, Place, inspect, seal
from platforms.tests.cast import make_connection
from vedfolnir.tests.live import Installation, installation

pytestmark = pytest.mark.django_db

NEW = Fernet.generate_key().decode()
LOST = Fernet.generate_key().decode()


def make_user(name: str = "alice") -> User:
    return User.objects.create_user(name, f"{name}@example.org", "correct horse battery")


def rotate(*options: str) -> str:
    out = io.StringIO()
    call_command("rotate_encryption_key", *options, stdout=out, stderr=out)
    return out.getvalue()


def failing(*options: str) -> tuple[str, str]:
    """What a rotation that fails printed, and the error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("rotate_encryption_key", *options, stdout=out, stderr=out)
    return out.getvalue(), str(raised.value)


def put(table: str, column: str, pk: int, token: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [token, pk])


def tokens(table: str = "platform_connections", column: str = "access_token") -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {column} FROM {table}")
        return dict(cursor.fetchall())


def plain(key: str, secret: str) -> str:
    """As the first Vedfolnir wrote it."""
    return Fernet(key).encrypt(secret.encode()).decode()


@pytest.fixture
def old(settings: Settings) -> str:
    key: str = settings.PLATFORM_ENCRYPTION_KEYS[0]
    return key


@pytest.fixture
def put_first(settings: Settings) -> Callable[..., None]:
    """Put keys before the others."""

    def add(*keys: str) -> None:
        settings.PLATFORM_ENCRYPTION_KEYS = (*keys, *settings.PLATFORM_ENCRYPTION_KEYS)

    return add


def test_afterwards_the_old_key_may_go(put_first: Callable[..., None], settings: Settings) -> None:
    stored = make_connection(make_user(), client_key="k", client_secret="s", refresh_token="r")
    PlatformApp.objects.create(
        instance_url="https://a.example", redirect_uri="https://b.example/", client_id="c", client_secret="app secret"
    )
    put_first(NEW)
    before = PlatformConnection.objects.get().updated_at
    assert "Written: 5. Left: 0." in rotate()
    settings.PLATFORM_ENCRYPTION_KEYS = (NEW,)
    row = PlatformConnection.objects.get()
    assert (row.access_token, row.client_key, row.client_secret, row.refresh_token) == ("a-token", "k", "s", "r")
    assert PlatformApp.objects.get().client_secret == "app secret"
    assert row.updated_at == before
    assert "may be removed" in rotate("--check")
    audited = AuditLog.objects.get(action="encryption_key_rotated")
    assert audited.details == {"secrets": 5, "written": 5, "left": 0, "unbound": 0, "unreadable": 0}
    assert stored.pk == row.pk


def test_a_second_run_writes_nothing(put_first: Callable[..., None]) -> None:
    make_connection(make_user())
    put_first(NEW)
    rotate()
    before = tokens()
    assert "Written: 0. Left: 0." in rotate()
    assert tokens() == before


def test_every_encrypted_column_of_every_model_is_walked() -> None:
    encrypted = {
        model for model in apps.get_models() if any(isinstance(one, EncryptedMixin) for one in model._meta.get_fields())
    }
    assert set(rotation.models_with_secrets()) == encrypted
    assert {PlatformConnection, PlatformApp} <= encrypted


def test_tokens_of_the_first_vedfolnir_are_bound_when_an_operator_says_so(
    put_first: Callable[..., None], old: str
) -> None:
    first = make_connection(make_user(), access_token="x")
    put("platform_connections", "access_token", first.pk, plain(old, "a-token"))
    output, error = failing("--check", "--bind")
    assert "Not bound to their rows: 1. Under another key: 0." in output
    assert "1 credentials" in error
    put_first(NEW)
    assert "Written: 1." in rotate("--bind")
    second = make_connection(make_user("bob"), name="Second", username="second")
    put("platform_connections", "access_token", second.pk, tokens()[first.pk])
    assert isinstance(PlatformConnection.objects.get(pk=second.pk).access_token, Unreadable)
    assert PlatformConnection.objects.get(pk=first.pk).access_token == "a-token"


def test_an_unbound_token_that_turns_up_later_is_neither_read_nor_bound_by_the_way(old: str) -> None:
    row = make_connection(make_user())
    token = plain(old, "token of another row, from an old backup")
    put("platform_connections", "access_token", row.pk, token)
    assert type(PlatformConnection.objects.get().access_token) is Unbound
    for options in ([], ["--check"]):
        output, error = failing(*options)
        assert "Not bound to their rows: 1." in output
        assert "connect those accounts again" in error
        assert tokens()[row.pk] == token


def test_the_checks_count_unbound_credentials(old: str) -> None:
    row = make_connection(make_user())
    assert credentials_are_bound(databases=["default"]) == []
    put("platform_connections", "access_token", row.pk, plain(old, "a-token"))
    (warning,) = credentials_are_bound(databases=["default"])
    assert warning.msg.startswith("1 stored credentials")
    assert "--bind" in str(warning.hint)
    assert credentials_are_bound() == []


def test_the_migration_binds_what_is_stored_and_takes_it_back(old: str) -> None:
    migration = import_module("platforms.migrations.0011_bind_credentials_to_their_rows")
    rows = [make_connection(make_user(), client_key="k", refresh_token="r"), make_connection(make_user("bob"))]
    for row in rows:
        put("platform_connections", "access_token", row.pk, plain(old, f"token {row.pk}"))
    put("platform_connections", "client_secret", rows[0].pk, "of a lost key")
    migration.bind(apps, connection.schema_editor())
    for row in PlatformConnection.objects.all():
        assert row.access_token == f"token {row.pk}"
    bound = PlatformConnection.objects.get(pk=rows[0].pk)
    assert (bound.client_key, bound.refresh_token, type(bound.client_secret)) == ("k", "r", Unreadable)

    migration.unbind(apps, connection.schema_editor())
    for pk, token in tokens().items():
        assert Fernet(old).decrypt(token).decode() == f"token {pk}"
    assert tokens(column="client_secret")[rows[0].pk] == "of a lost key"


def test_a_dry_run_counts_and_changes_nothing(put_first: Callable[..., None]) -> None:
    make_connection(make_user(), refresh_token="r")
    put_first(NEW)
    before = tokens()
    assert "To be written: 2." in rotate("--dry-run")
    assert tokens() == before
    assert not AuditLog.objects.filter(action="encryption_key_rotated").exists()


def test_what_no_key_opens_is_named_and_the_rest_is_rotated(put_first: Callable[..., None]) -> None:
    good, bad = make_connection(make_user()), make_connection(make_user("bob"), name="Broken", username="broken")
    lost = plain(LOST, "a-token")
    put("platform_connections", "access_token", bad.pk, lost)
    put_first(NEW)
    output, error = failing()
    assert f"connection {bad.pk} (Broken): no key opens its access_token" in output
    assert "Keep the old keys" in error
    assert "may be removed" not in output
    assert lost not in output + error
    assert tokens()[bad.pk] == lost
    Fernet(NEW).decrypt(tokens()[good.pk])


def test_a_swapped_ciphertext_is_named_and_left_alone(put_first: Callable[..., None]) -> None:
    first, second = make_connection(make_user()), make_connection(make_user("bob"), name="Second", username="second")
    put("platform_connections", "access_token", second.pk, tokens()[first.pk])
    put_first(NEW)
    output, _error = failing()
    assert f"connection {second.pk} (Second): its access_token was stored for another row" in output
    assert isinstance(PlatformConnection.objects.get(pk=second.pk).access_token, Unreadable)
    assert PlatformConnection.objects.get(pk=first.pk).access_token == "a-token"


def test_with_a_wrong_key_nothing_is_written(settings: Settings) -> None:
    make_connection(make_user())
    before = tokens()
    settings.PLATFORM_ENCRYPTION_KEYS = (NEW,)
    output, _error = failing()
    assert "no key opens its access_token" in output
    assert tokens() == before


def test_a_token_that_is_replaced_meanwhile_stays(
    put_first: Callable[..., None], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    stored = make_connection(make_user())
    put_first(NEW)
    write = rotation._write

    def replaced_first(changes: list[rotation.Change]) -> int:
        """Another process connects the account again, just before the rotation writes."""
        monkeypatch.setattr(rotation, "_write", write)
        row = PlatformConnection.objects.get(pk=stored.pk)
        row.access_token = "a newer token"
        row.save(update_fields=["access_token"])
        return write(changes)

    monkeypatch.setattr(rotation, "_write", replaced_first)
    assert "Left: 0." in rotate()
    settings.PLATFORM_ENCRYPTION_KEYS = (NEW,)
    assert PlatformConnection.objects.get().access_token == "a newer token"


def test_a_row_that_is_deleted_meanwhile_is_no_trouble(
    put_first: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_connection(make_user())
    put_first(NEW)
    write = rotation._write

    def deleted_first(changes: list[rotation.Change]) -> int:
        PlatformConnection.objects.all().delete()
        return write(changes)

    monkeypatch.setattr(rotation, "_write", deleted_first)
    assert "0 credentials in 0 rows." in rotate()


def test_a_process_with_the_old_order_of_keys_is_noticed(
    put_first: Callable[..., None], monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    stored = make_connection(make_user())
    put_first(NEW)
    place = Place("platform_connections.access_token", str(stored.pk), stored.instance_url)
    write = rotation._write

    def undone(changes: list[rotation.Change]) -> int:
        done = write(changes)
        content = Fernet(NEW).decrypt(tokens()[stored.pk].encode())
        put("platform_connections", "access_token", stored.pk, Fernet(old).encrypt(content).decode())
        return done

    monkeypatch.setattr(rotation, "_write", undone)
    output, error = failing()
    assert "Left: 1." in output
    assert "old order of keys" in error
    assert inspect(tokens()[stored.pk], place).binding is Binding.HERE


def test_rows_from_a_dump_are_rotated_too(put_first: Callable[..., None], settings: Settings, tmp_path: Path) -> None:
    make_connection(make_user())
    call_command("dumpdata", "platforms", output=str(tmp_path / "dump.json"), stdout=io.StringIO())
    call_command("loaddata", str(tmp_path / "dump.json"), stdout=io.StringIO())
    put_first(NEW)
    assert "to be connected again: 1" in rotate()
    settings.PLATFORM_ENCRYPTION_KEYS = (NEW,)
    assert "may be removed" in rotate("--check")


# --- many rows ------------------------------------------------------------------------------------------------------


def insert(owner: User, number: int) -> dict[int, str]:
    """`number` connections with tokens that are bound as `save()` does it; the secrets by primary key."""
    secrets = {pk: f"token of {pk}" for pk in range(1, number + 1)}
    rows = [
        (pk, owner.pk, f"c{pk}", "mastodon", "https://a.example", f"u{pk}", bound(pk, secret))
        for pk, secret in secrets.items()
    ]
    names = "id, user_id, name, platform_type, instance_url, username, access_token"
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO platform_connections ({names}) VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)
    return secrets


def bound(pk: int, secret: str) -> str:
    return seal(secret, Place("platform_connections.access_token", str(pk), "https://a.example"))


class Crowd:
    """Threads that read tokens, and one that replaces them, until told to stop."""

    def __init__(self, secrets: dict[int, str]) -> None:
        self.secrets = secrets
        self.done = threading.Event()
        self.failures: list[str] = []
        self.read_count = self.replaced_count = 0

    def read(self) -> None:
        chance = random.Random(1)
        while not self.done.wait(0.002):
            row = PlatformConnection.objects.get(pk=chance.randint(1, len(self.secrets)))
            if not readable(row.access_token).startswith(f"token of {row.pk}"):
                self.failures.append(f"{row.pk}: {row.access_token!r}")
            self.read_count += 1

    def replace(self) -> None:
        chance = random.Random(2)
        while not self.done.wait(0.002):
            pk = chance.randint(1, len(self.secrets))
            row = PlatformConnection.objects.only("instance_url").get(pk=pk)
            row.access_token = f"token of {pk}, replaced {self.replaced_count}"
            row.save(update_fields=["access_token"])
            self.secrets[pk] = row.access_token
            self.replaced_count += 1

    def _at_work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (a thread's outermost loop; the test fails with it)
            self.failures.append(repr(error))
        finally:
            connection.close()

    @contextmanager
    def working(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._at_work, args=[work]) for work in (self.read, self.read, self.replace)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.done.set()
            for thread in threads:
                thread.join()


@pytest.mark.mariadb
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_rows_are_rotated_while_others_read_and_replace_them(
    put_first: Callable[..., None], settings: Settings
) -> None:
    crowd = Crowd(insert(make_user(), 10_000))
    put_first(NEW)
    with crowd.working():
        output = rotate()
    assert not crowd.failures
    assert crowd.read_count > 100
    assert crowd.replaced_count > 100
    assert "10000 credentials in 10000 rows" in output
    settings.PLATFORM_ENCRYPTION_KEYS = (NEW,)
    rows = PlatformConnection.objects.only("access_token", "instance_url")
    assert {row.pk: readable(row.access_token) for row in rows} == crowd.secrets


MANY = """
from accounts.models import User
from platforms.models import PlatformConnection
user = User.objects.create_user("rita", "rita@example.org", "correct horse battery")
PlatformConnection.objects.bulk_create([
    PlatformConnection(user=user, name=f"c{n}", username=f"u{n}", platform_type="mastodon",
                       instance_url="https://a.example", access_token=f"secret {n}")
    for n in range(3000)
], batch_size=500)
"""


def under(key: str, live: Installation) -> int:
    """How many tokens the key opens."""
    opened = 0
    for (token,) in live.rows("SELECT access_token FROM platform_connections"):
        try:
            Fernet(key).decrypt(token)
        except InvalidToken:
            continue
        opened += 1
    return opened


@pytest.mark.slow
def test_a_rotation_that_is_killed_is_simply_done_again(tmp_path: Path) -> None:
    with installation(tmp_path, services=False) as live:
        live.manage("migrate", "--no-input")
        live.manage("shell", "-c", MANY)
        key = live.environment["PLATFORM_ENCRYPTION_KEY"]
        live.environment["PLATFORM_ENCRYPTION_KEY"] = f"{NEW},{key}"
        (last,) = live.rows("SELECT access_token FROM platform_connections WHERE name = 'c200'")[0]
        run = live.start("rotation", "manage.py", "rotate_encryption_key")
        live.wait_for(f"SELECT COUNT(*) FROM platform_connections WHERE name = 'c200' AND access_token <> '{last}'")
        run.kill()
        done = under(NEW, live)
        assert 200 <= done < 3000, run.output()
        assert under(key, live) == 3000 - done
        assert f"Written: {3000 - done}. Left: 0." in live.manage("rotate_encryption_key")
        live.environment["PLATFORM_ENCRYPTION_KEY"] = NEW
        assert "may be removed" in live.manage("rotate_encryption_key", "--check")
        assert under(NEW, live) == 3000


def test_the_help_says_when_to_run_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        call_command("rotate_encryption_key", "--help")
    assert raised.value.code == 0
    assert "first key of PLATFORM_ENCRYPTION_KEY" in " ".join(capsys.readouterr().out.split())


def test_check_and_dry_run_exclude_each_other() -> None:
    options: list[Any] = ["--check", "--dry-run"]
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("rotate_encryption_key", *options)
