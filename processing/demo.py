"""What a first try needs: two people who can sign in, and the sandbox connected for one of them."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from accounts import actions as people
from accounts.models import User
from accounts.roles import Role
from platforms import actions as connections
from platforms.fields import readable
from platforms.models import PlatformConnection
from platforms.sandbox import samples, store
from platforms.sandbox.database import Database
from vedfolnir.lib.outbound import normalise_instance_url

PEOPLE = (("admin", Role.ADMIN), ("reviewer", Role.REVIEWER))
OWNER = "reviewer"  # whose connection the sandbox is
NAME = "Sandbox"


@dataclass(frozen=True)
class DemoResult:
    """What was made and what was there already. `problem` says why the sandbox is not connected; empty when it is."""

    # User name to password, of the accounts made now: it is stored nowhere, so it is shown once.
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    kept: tuple[str, ...] = ()
    connection: PlatformConnection | None = None
    connected_now: bool = False
    problem: str = ""


def prepare_demo(*, sandbox_url: str, sandbox_database: Path) -> DemoResult:
    """Make what is missing of the demo; safe to call again, nothing that exists is changed.

    The sandbox must answer at `sandbox_url` and be allowed by OUTBOUND_ALLOW; when it does not, everything else is
    made all the same and `problem` says so.

    Raises:
        CredentialUnreadable: the connection is there, but PLATFORM_ENCRYPTION_KEY does not open its token.
        OSError: the sandbox's file cannot be used.
    """
    passwords = {name: _create(name, role) for name, role in missing_people()}
    kept = tuple(name for name, _ in PEOPLE if name not in passwords)
    samples.seed(sandbox_database)
    if connection := working_connection(sandbox_url, sandbox_database):
        return DemoResult(passwords, kept, connection)
    try:
        connection = _connect(sandbox_url, sandbox_database)
    except connections.ConnectRefused as refused:
        return DemoResult(passwords, kept, problem=refused.reason)
    return DemoResult(passwords, kept, connection, connected_now=True)


def missing_people() -> list[tuple[str, str]]:
    """The names and roles that have no account yet."""
    return [(name, role) for name, role in PEOPLE if User.objects.by_login(name) is None]


def working_connection(sandbox_url: str, sandbox_database: Path) -> PlatformConnection | None:
    """The demo's connection, if the sandbox still knows its token (somebody may have removed the file)."""
    found = PlatformConnection.objects.filter(
        user__username_key=OWNER, instance_url=normalise_instance_url(sandbox_url), username=samples.DEMO
    ).first()
    if found is None or not sandbox_database.is_file():
        return None
    with Database(sandbox_database).read() as db:
        token = store.find_token(db, readable(found.access_token))
    return found if token is not None and not token.revoked else None


def _create(name: str, role: str) -> str:
    password = secrets.token_urlsafe(12)
    people.create_user(username=name, email=f"{name}@example.invalid", password=password, role=role, actor=None)
    return password


def _connect(sandbox_url: str, sandbox_database: Path) -> PlatformConnection:
    owner = User.objects.get_by_natural_key(OWNER)
    taken = PlatformConnection.objects.filter(user=owner, name=NAME)
    elsewhere = taken.exclude(instance_url=normalise_instance_url(sandbox_url)).exists()
    name = f"{NAME} {urlsplit(sandbox_url).netloc}" if elsewhere else NAME
    token = store.issue_token(sandbox_database, samples.DEMO)
    return connections.connect(owner, name=name, instance_url=sandbox_url, token=token)
