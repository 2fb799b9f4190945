"""What pytest needs to know of this project; pytest.ini loads it with `-p`, before pytest-django reads the settings."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import TransactionTestCase

from scripts import snac
from vedfolnir.tests import environment

if TYPE_CHECKING:
    from platforms.tests.snac import RealSnac

environment.prepare()

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "live_server"}


def pytest_configure(config: pytest.Config) -> None:
    """Trade safety that tests do not need for speed: hashing of passwords, fingerprints of static files."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


def pytest_report_header(config: pytest.Config) -> str:
    broker = "Redis" if os.environ.get("REDIS_URL") else "none (embedded)"
    real = [version for version in snac.VERSIONS if snac.folder_of(version).is_dir()]
    servers = f"real snac: {', '.join(real) or 'none (scripts/test fetches it)'}"
    return f"database: {settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}, broker: {broker}, {servers}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever uses the database, and leave out, with a word, what needs a server that is not there."""
    on_mysql = settings.DATABASES["default"]["ENGINE"].endswith("mysql")
    lacking = {
        "mariadb": None if on_mysql else "says something of MariaDB alone; scripts/test runs it",
        "services": None if on_mysql and settings.REDIS_URL else "needs MariaDB and Redis; scripts/test runs it",
    }
    for item in items:
        if uses_database(item):
            item.add_marker("database")
        for marker, reason in lacking.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def servers_are_strangers() -> Iterator[None]:
    """What one test learned of a server is nothing to the next one, whose server may have the same port."""
    yield
    from platforms.traffic import doors

    if doors.everybodys.cache_info().currsize:
        doors.everybodys().forget()


def uses_database(item: pytest.Item) -> bool:
    owner = getattr(item, "cls", None)
    return (
        (isinstance(owner, type) and issubclass(owner, TransactionTestCase))
        or item.get_closest_marker("django_db") is not None
        or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    )


@pytest.fixture(params=list(snac.VERSIONS), ids=lambda version: f"snac-{version}")
def real_snac(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[RealSnac]":
    """A snac that none of us wrote, of every version in turn; the test is skipped where it is not on this machine."""
    from platforms.tests.snac import running_snac  # only now may Django's settings be read

    with running_snac(request.param, tmp_path) as handle:
        yield handle
