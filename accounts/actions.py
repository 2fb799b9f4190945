"""What is done to people's accounts: the only way in for the admin, the commands and the pages.

`actor` is who does it; None stands for the operator at the command line, who may everything. Whoever lacks
`Ability.MANAGE_PEOPLE` is refused, and the last admin who can sign in stays one.
"""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.models import User, UserSession
from accounts.roles import Ability, Role

LAST_ADMIN = gettext_lazy("This is the last admin who can sign in. Make somebody else an admin first.")


class PeopleRefused(Exception):
    """Not done; the text says why, to a person."""


class NotAllowed(PeopleRefused):
    """The actor may not manage people."""


class LastAdmin(PeopleRefused):
    """Nobody could manage this installation afterwards."""


def create_user(
    *, username: str, email: str, password: str, role: str = Role.VIEWER, actor: User | None, is_approved: bool = True
) -> User:
    """A new account, approved unless said otherwise.

    Raises:
        NotAllowed: the actor may not.
        ValidationError: the name, the address, the role or the password is bad, or the first two are taken.
    """
    _require_manager(actor)
    validate_password(password, User(username=username, email=email))
    with transaction.atomic():
        user = User.objects.create_user(username, email, password, role=role, is_approved=is_approved)
        audit.record("user_created", actor=actor, entity=user, role=user.role, approved=is_approved)
    return user


def set_role(user: User, role: str, *, actor: User | None) -> None:
    """Give `user` another role. Raises NotAllowed, LastAdmin, or ValidationError for a role that does not exist."""
    _require_manager(actor)
    if role not in Role.values:
        raise ValidationError(_("There is no role %(role)s."), params={"role": role})
    with transaction.atomic():
        if role != Role.ADMIN:
            _keep_an_admin(user)
        before = User.objects.select_for_update().values_list("role", flat=True).get(pk=user.pk)
        if before != role:
            User.objects.filter(pk=user.pk).update(role=role)
            audit.record("role_changed", actor=actor, entity=user, before=before, after=role)
    user.role = role


def set_active(user: User, active: bool, *, actor: User | None) -> None:
    """Let `user` in again, or out: then their sessions end at once. Raises NotAllowed, LastAdmin."""
    _require_manager(actor)
    with transaction.atomic():
        if not active:
            _keep_an_admin(user)
        if User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
            audit.record("user_activated" if active else "user_deactivated", actor=actor, entity=user)
        if not active:
            UserSession.objects.filter(user=user).end()
    user.is_active = active


def set_identity(user: User, *, username: str, email: str, actor: User | None) -> None:
    """Another user name or address. Raises NotAllowed, or ValidationError when one is bad or taken."""
    _require_manager(actor)
    with transaction.atomic():
        stored = User.objects.select_for_update().get(pk=user.pk)
        before = {"username": stored.username, "email": stored.email}
        stored.username, stored.email = username, email
        stored.full_clean()
        if changed := [name for name, value in before.items() if getattr(stored, name) != value]:
            stored.save(update_fields=changed)
            audit.record("user_renamed", actor=actor, entity=stored, fields=changed)
    user.username, user.email = stored.username, stored.email


def approve_user(user: User, *, actor: User | None) -> None:
    """Let in somebody who waits for approval. Raises NotAllowed."""
    _require_manager(actor)
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_approved=False).update(is_approved=True):
            audit.record("user_approved", actor=actor, entity=user)
    user.is_approved = True


def set_password(user: User, password: str, *, actor: User | None) -> None:
    """A new password, one's own or (for those who manage people) somebody else's; all sessions of `user` end.

    The page that a person changes their own password on opens a new session for them right after.

    Raises:
        NotAllowed: somebody else's password, and the actor may not.
        ValidationError: the password is too weak.
    """
    if actor != user:
        _require_manager(actor)
    validate_password(password, user)
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        UserSession.objects.filter(user=user).end()
        audit.record("password_changed", actor=actor, entity=user)


def end_session(session: UserSession, *, actor: User | None) -> bool:
    """End somebody's session, or one's own; False if it had ended already. Raises NotAllowed."""
    if actor is None or actor.pk != session.user_id:
        _require_manager(actor)
    with transaction.atomic():
        ended = UserSession.objects.filter(pk=session.pk).end()
        if ended:
            audit.record("session_ended", actor=actor, entity=session, user=session.user_id)
    return bool(ended)


def is_last_admin(user: User) -> bool:
    """Whether nobody could manage this installation without `user`: for forms, which ask before they act."""
    return list(_admins().values_list("pk", flat=True)[:2]) == [user.pk]


def _require_manager(actor: User | None) -> None:
    if actor is not None and not actor.can(Ability.MANAGE_PEOPLE):
        raise NotAllowed(_("Only an admin may manage people."))


def _keep_an_admin(user: User) -> None:
    """Raises LastAdmin if `user` is the only admin who can sign in.

    Locks all of them, in one order: of two admins who remove each other at once, the second waits and is refused.
    """
    admins = _admins().select_for_update().order_by("pk")
    if list(admins.values_list("pk", flat=True)) == [user.pk]:
        raise LastAdmin(str(LAST_ADMIN))


def _admins() -> QuerySet[User]:
    return User.objects.working().filter(role=Role.ADMIN)
