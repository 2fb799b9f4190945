"""Everything that changes a connection: pages, admin, commands and workers come through here.

The network is asked first and outside any transaction; the rows are written after that.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.models import User
from accounts.roles import Ability, Role
from platforms import grants
from platforms.clients.base import CredentialsRefused, PlatformError
from platforms.fields import CredentialUnreadable, readable
from platforms.grants import Grant, Revoked
from platforms.identity import Identity, identify
from platforms.models import AttentionAbout, PlatformConnection, PlatformMember
from platforms.renewing import is_replaced, renew_if_due
from platforms.wanted import OPTIONS
from vedfolnir.lib.outbound import OutboundRefused, normalise_instance_url
from vedfolnir.lib.text import clean_line
from vedfolnir.lib.wording import reason_of

LONGEST_NAME = 100  # characters, the column's length
# What update() gets, so that the next scan reads all; a scan under way sees it by the number, and records nothing.
FORGET_SCANS: dict[str, Any] = {"scanned_until": None, "scan_below": "", "scans_forgotten": F("scans_forgotten") + 1}
MEMBER_ROLES = (Role.REVIEWER, Role.VIEWER)


class ConnectRefused(Exception):
    """An account cannot be connected, or a connection does not work; `reason` says what to do about it.

    `field` is what to change: "instance_url", "token", "name", or empty.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class NotAllowed(ConnectRefused):
    """This person may not do that with this connection."""


class MemberRefused(ConnectRefused):
    """Nobody can become a member in this way."""


def may_manage(connection: PlatformConnection, user: User) -> bool:
    """Whether `user` may test `connection`, let it rest and settle its attention: its owner, and those who see all."""
    return user.can(Ability.CONNECT) and (connection.user_id == user.pk or user.can(Ability.SEE_ALL))


def may_share(connection: PlatformConnection, user: User) -> bool:
    """Whether `user` may remove `connection` and say who its members are: its owner, and those who manage people."""
    return may_choose_posts(connection, user) or user.can(Ability.MANAGE_PEOPLE)


def may_choose_posts(connection: PlatformConnection, user: User) -> bool:
    """Whether `user` may open what is not public, or opted out, to scans: whose account it is, and nobody else."""
    return user.can(Ability.CONNECT) and connection.user_id == user.pk


@sensitive_variables("token")
def connect(user: User, *, name: str, instance_url: str, token: str) -> PlatformConnection:
    """Connect the account that `token` speaks for; once more for the same account replaces its token.

    Asks the server (ten seconds at most). A user's first connection becomes the default one.

    Raises:
        NotAllowed: the user's role does not allow it.
        ConnectRefused: the server cannot be used or not reached, the token is wrong, the name is taken.
    """
    return store(user, plan_connection(user, name=name, instance_url=instance_url, token=token), Grant(token.strip()))


@dataclass(frozen=True)
class Plan:
    """What `connect` is going to store, besides the token."""

    name: str
    base_url: str
    identity: Identity
    known: PlatformConnection | None = None  # the user's connection to that account, if there is one


@sensitive_variables("token")
def plan_connection(
    user: User,
    *,
    name: str,
    instance_url: str,
    token: str,
    again: PlatformConnection | None = None,
    keeps_name: bool = False,
) -> Plan:
    """Check all that `connect` checks, and that it is the account of `again`; store nothing.

    With `keeps_name`, a connection that is there already is not renamed. Raises as `connect` does.
    """
    name, base_url = checked_wish(user, name=name, instance_url=instance_url)
    plan = Plan(name, base_url, _identify(base_url, token))
    if again is not None:
        _require_same_account(again, plan)
    known = _known(user, plan)
    plan = replace(plan, name=known.name if known and keeps_name else name, known=known)
    _find(user, plan)
    return plan


def _require_same_account(connection: PlatformConnection, plan: Plan) -> None:
    found = plan.identity.account
    if connection.account_id in ("", found.id):
        return
    known = {"wanted": connection.address, "found": f"@{found.username}@{plan.base_url.partition('://')[2]}"}
    raise ConnectRefused(
        _(
            "This connection is for %(wanted)s, but you signed in as %(found)s. Nothing was changed. Sign out on the "
            "server, and sign in there with the right account."
        )
        % known
    )


def checked_wish(user: User, *, name: str, instance_url: str) -> tuple[str, str]:
    """Name and address of what `user` wants to connect, as they are stored. Raises NotAllowed and ConnectRefused."""
    if not user.can(Ability.CONNECT):
        raise NotAllowed(_("This role does not allow connecting accounts. An admin can change it."))
    name = clean_line(name)
    if not 0 < len(name) <= LONGEST_NAME:
        raise ConnectRefused(_("Give the connection a name of 1 to 100 characters."), "name")
    try:
        return name, normalise_instance_url(_server_of(instance_url))
    except OutboundRefused as error:
        raise ConnectRefused(reason_of(error), "instance_url") from error


def _server_of(text: str) -> str:
    """The server of an account's address, `@demo@social.example`; other texts as they are."""
    account = re.fullmatch(r"@[^@/:\s]+@([^@/\s]+)", text.strip())
    return account[1] if account else text


def store(user: User, plan: Plan, grant: Grant) -> PlatformConnection:
    """Store what was planned, with its credentials; those that they replace are given back at the server.

    An access that lacks something that is needed there is stored, and needs attention. Raises ConnectRefused.
    """
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)  # one at a time: names and the default are unique
            connection, replaced = _store(user, plan, grant)
    except IntegrityError as error:  # a test found out that another connection's account has that name by now
        raise ConnectRefused(_("Another connection of yours changed at the same moment. Try again.")) from error
    if replaced is not None and replaced.token != grant.token:
        grants.revoke(plan.base_url, replaced)
    _settle_credentials(connection, plan.identity)
    return connection


def _find(user: User, plan: Plan) -> PlatformConnection | None:
    """As `_known`. Raises ConnectRefused also when another connection has the name that is wished for."""
    found, own = _known(user, plan), PlatformConnection.objects.filter(user=user)
    others = own.exclude(pk=found.pk) if found else own
    if others.filter(name=plan.name).exists():
        text = _("There is another connection called “%(name)s”. Choose another name.")
        raise ConnectRefused(text % {"name": plan.name}, "name")
    return found


def _known(user: User, plan: Plan) -> PlatformConnection | None:
    """The user's connection to that account, which is its id; None where there is none.

    Raises ConnectRefused when another account's is known by its user name: it was renamed, or made anew.
    """
    here, account = PlatformConnection.objects.filter(user=user, instance_url=plan.base_url), plan.identity.account
    found = here.filter(account_id=account.id).first()
    namesake = here.filter(username=account.username).first()
    if found is None and namesake is not None and not namesake.account_id and namesake.username == account.username:
        found = namesake
    if namesake is not None and namesake != found:
        raise _is_namesake(namesake)
    return found


def _is_namesake(other: PlatformConnection) -> ConnectRefused:
    text = _(
        "Your connection “%(name)s” is known here as %(account)s, too, and is for another account. Test it, so that "
        "its new name is found out. If the account or its server was made anew, remove it: its posts are gone."
    )
    return ConnectRefused(text % {"name": other.name, "account": other.address})


@sensitive_variables("token")
def _identify(base_url: str, token: str, connection: PlatformConnection | None = None) -> Identity:
    try:
        return identify(base_url, token, connection)
    except CredentialsRefused as error:
        raise ConnectRefused(error.reason, "token") from error
    except PlatformError as error:
        raise ConnectRefused(error.reason, "instance_url") from error


@sensitive_variables()
def _store(user: User, plan: Plan, grant: Grant) -> tuple[PlatformConnection, Grant | None]:
    """The connection, and the credentials that it had before."""
    found = _find(user, plan)
    found = _locked(found) if found else None  # what is replaced may be renewed meanwhile
    replaced = _readable_grant(found) if found else None
    if found is None:
        has_default = PlatformConnection.objects.filter(user=user, is_default=True).exists()
        connection = PlatformConnection(user=user, instance_url=plan.base_url, is_default=not has_default)
    else:
        connection = found
    facts = _facts(plan.identity) | {"name": plan.name} | grant.columns()  # one that rests goes on resting
    for field, value in facts.items():
        setattr(connection, field, value)
    connection.save(update_fields=[*facts, "updated_at"] if found else None)
    action = "platform_reconnected" if found else "platform_connected"
    audit.record(action, actor=user, entity=connection, account=connection.address, software=connection.software)
    return connection, replaced


def _readable_grant(connection: PlatformConnection) -> Grant | None:
    try:
        return Grant.of(connection)
    except CredentialUnreadable:
        return None


def _settle_credentials(connection: PlatformConnection, identity: Identity) -> None:
    """The credentials work. What was wrong with them is over, unless they lack something that is needed there."""
    if lack := grants.lacking(identity.capabilities.scopes, connection):
        raise_attention(connection, lack)
        return
    rows = PlatformConnection.objects.filter(pk=connection.pk, attention_about=AttentionAbout.CREDENTIALS)
    rows.update(attention=None, attention_about="")
    connection.refresh_from_db(fields=["attention", "attention_about"])


def _facts(identity: Identity) -> dict[str, Any]:
    """What the server said, as columns."""
    return {
        "platform_type": identity.family,
        "account_id": identity.account.id,
        "username": identity.account.username,
        "software": identity.instance.software,
        "software_version": identity.instance.version,
        "alt_text_limit": identity.instance.alt_text_limit,
        "language": identity.account.language,
        "detected_at": timezone.now(),
        "last_used": timezone.now(),
    }


def test_connection(connection: PlatformConnection, actor: User) -> Identity:
    """Ask the server again who the account is and what may be done there, and store the answer.

    A need for attention that was about the credentials is over when they work and may do what is needed there; else it
    begins.

    Raises:
        NotAllowed: `actor` may not.
        ConnectRefused: the server does not answer, or does not accept the token, or it is another account's by now.
    """
    _require_manager(connection, actor)
    try:
        renew(connection)
        identity = _identify(connection.instance_url, readable(connection.access_token), connection)
    except CredentialUnreadable as error:
        raise ConnectRefused(str(error), "token") from error
    except PlatformError as error:
        raise ConnectRefused(error.reason, "token") from error
    except ConnectRefused as error:
        if isinstance(error.__cause__, CredentialsRefused):
            _refused(connection, error.__cause__)
        raise
    if connection.account_id and identity.account.id != connection.account_id:
        known = {"account": identity.account.username}
        raise ConnectRefused(
            _("The token speaks for another account now: @%(account)s. Connect again.") % known, "token"
        )
    _store_facts(connection, identity)
    _settle_credentials(connection, identity)
    return identity


@sensitive_variables()
def _refused(connection: PlatformConnection, refusal: CredentialsRefused) -> None:
    """The token did not pass the test. Raises ConnectRefused where it was replaced at that moment."""
    if is_replaced(connection, readable(connection.access_token)):
        raise ConnectRefused(_("The access was renewed at this moment. Test the connection once more."), "token")
    raise_attention(connection, refusal)


def _store_facts(connection: PlatformConnection, identity: Identity) -> None:
    """What a test found out. Raises ConnectRefused where another connection has the account's name."""
    same_server = PlatformConnection.objects.filter(user=connection.user_id, instance_url=connection.instance_url)
    others = same_server.exclude(pk=connection.pk)
    try:
        with transaction.atomic():
            # It answered, so a pause that it asked for is over.
            PlatformConnection.objects.filter(pk=connection.pk).update(**_facts(identity), paused_until=None)
    except IntegrityError as error:
        namesake = others.filter(username=identity.account.username).first()
        raise _is_namesake(namesake or connection) from error
    connection.refresh_from_db()


def renew(connection: PlatformConnection) -> None:
    """Renew the token if it is time to. Raises PlatformError; one that cannot be renewed needs attention, too."""
    try:
        renew_if_due(connection)
    except CredentialsRefused as error:
        raise_attention(connection, error)
        raise


def raise_attention(connection: PlatformConnection, reason: str | PlatformError) -> None:
    """Hold back what is to be written until a person has looked.

    Given CredentialsRefused, that is by this connection, and a new token or a test that goes well settles it. Anything
    else stops all connections to the account (`of_stopped_accounts`), stays until somebody clears it here, where it is
    told, and is not covered by later reasons. Saying the same again changes nothing.
    """
    about = AttentionAbout.CREDENTIALS if isinstance(reason, CredentialsRefused) else AttentionAbout.OTHER
    with transaction.atomic():
        row = _locked(connection)
        if row is None or (about == AttentionAbout.CREDENTIALS and _has_another_token(row, connection)):
            return
        is_free = not row.attention or row.attention_about == AttentionAbout.CREDENTIALS
        if is_free and row.attention != str(reason):
            row.attention, row.attention_about = str(reason), about
            row.save(update_fields=["attention", "attention_about", "updated_at"])
            audit.record("platform_needs_attention", actor=None, entity=connection, reason=str(reason))
    connection.attention, connection.attention_about = row.attention, row.attention_about


@sensitive_variables()
def _has_another_token(row: PlatformConnection, connection: PlatformConnection) -> bool:
    try:
        return not grants.holds(row, readable(connection.access_token))
    except CredentialUnreadable:
        return False


def _locked(connection: PlatformConnection) -> PlatformConnection | None:
    """The row as it is now, held until the transaction ends; None where it was removed.

    Values are compared in Python then: MariaDB takes “cafe” and “café” for the same.
    """
    return PlatformConnection.objects.select_for_update().filter(pk=connection.pk).first()


def clear_attention(connection: PlatformConnection, actor: User) -> None:
    """Somebody has looked and lets the work go on, by the other connections to the account, too. Raises NotAllowed."""
    _require_manager(connection, actor)
    rows = PlatformConnection.objects.filter(pk=connection.pk).exclude(attention=None).exclude(attention="")
    with transaction.atomic():
        if rows.update(attention=None, attention_about=""):
            audit.record("platform_attention_cleared", actor=actor, entity=connection, reason=connection.attention)
    connection.refresh_from_db(fields=["attention", "attention_about"])


def set_options(connection: PlatformConnection, actor: User, **options: Any) -> None:
    """Which posts a scan takes: some of `platforms.wanted.OPTIONS` by name. The next scan reads everything again.

    Raises NotAllowed for everybody but the owner.
    """
    if unknown := set(options) - set(OPTIONS):
        raise TypeError(f"No options of a connection: {sorted(unknown)}")
    if not may_choose_posts(connection, actor):
        raise NotAllowed(_("Only the owner of a connection may choose which of its posts are scanned."))
    with transaction.atomic():
        row = _locked(connection)
        if row is not None and any(getattr(row, name) != value for name, value in options.items()):
            PlatformConnection.objects.filter(pk=row.pk).update(**options, **FORGET_SCANS)
            audit.record("platform_options_changed", actor=actor, entity=connection, **options)
    connection.refresh_from_db(fields=[*options, *FORGET_SCANS])


def forget_scans(connection: PlatformConnection, actor: User) -> None:
    """Have the next scan read the whole account, not only what is new. Raises NotAllowed."""
    _require_manager(connection, actor)
    PlatformConnection.objects.filter(pk=connection.pk).update(**FORGET_SCANS)
    connection.refresh_from_db(fields=list(FORGET_SCANS))


def set_active(connection: PlatformConnection, actor: User, *, active: bool) -> None:
    """Let work on a connection rest, or go on. Raises NotAllowed."""
    _require_manager(connection, actor)
    action = "platform_activated" if active else "platform_deactivated"
    with transaction.atomic():
        if PlatformConnection.objects.filter(pk=connection.pk, is_active=not active).update(is_active=active):
            audit.record(action, actor=actor, entity=connection)
    connection.refresh_from_db(fields=["is_active"])


def remove(connection: PlatformConnection, actor: User) -> Revoked:
    """Forget a connection with its token, posts, drafts and decisions; what is published stays where it is.

    The access is revoked at the server first, which may fail: what became of it is returned. The owner's oldest other
    connection becomes the default one in its place. Raises NotAllowed.
    """
    _require_sharer(connection, actor)
    grant = _readable_grant(connection)
    url = connection.instance_url
    revoked = grants.revoke(url, grant, besides=connection.pk) if grant else Revoked.FAILED
    with transaction.atomic():
        owner = User.objects.select_for_update().get(pk=connection.user_id)
        row = _locked(connection)
        stored = _readable_grant(row) if row else None
        audit.record(
            "platform_removed",
            actor=actor,
            entity=connection,
            name=connection.name,
            account=connection.address,
            revoked=revoked.value,
        )
        was_default = connection.is_default
        connection.delete()
        oldest = PlatformConnection.objects.filter(user=owner).order_by("pk").first()
        if was_default and oldest is not None:
            PlatformConnection.objects.filter(pk=oldest.pk).update(is_default=True)
    if grant and stored and stored.token != grant.token:  # renewed, or signed in again, while the server was asked
        return grants.revoke(url, stored)
    return revoked


def add_member(connection: PlatformConnection, user: User, role: str, actor: User) -> PlatformMember:
    """Let `user` see (viewer) or decide on (reviewer) this connection's posts; a second time changes the role.

    Their own role in Vedfolnir still bounds what they may do. Raises NotAllowed and MemberRefused.
    """
    _require_sharer(connection, actor)
    if role not in MEMBER_ROLES:
        raise MemberRefused(_("A member is a reviewer or a viewer."), "role")
    if user.pk == connection.user_id:
        raise MemberRefused(_("That is the owner of the connection already."), "username")
    with transaction.atomic():
        member, _created = PlatformMember.objects.update_or_create(
            platform_connection=connection, user=user, defaults={"role": role}
        )
        audit.record("platform_member_added", actor=actor, entity=connection, member=user.pk, role=role)
    return member


def remove_member(connection: PlatformConnection, user: User, actor: User) -> None:
    """Take a membership back; nothing happens if there is none. Raises NotAllowed."""
    _require_sharer(connection, actor)
    with transaction.atomic():
        removed, _by_model = PlatformMember.objects.filter(platform_connection=connection, user=user).delete()
        if removed:
            audit.record("platform_member_removed", actor=actor, entity=connection, member=user.pk)


def _require_manager(connection: PlatformConnection, actor: User) -> None:
    if not may_manage(connection, actor):
        raise NotAllowed(_("Only the owner of a connection and moderators may do that."))


def _require_sharer(connection: PlatformConnection, actor: User) -> None:
    if not may_share(connection, actor):
        raise NotAllowed(_("Only the owner of a connection and admins may do that."))
