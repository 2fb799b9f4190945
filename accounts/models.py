"""Users, sessions, the audit log, runtime settings, requests for an account.

`users` and `user_sessions` mirror the documented schema column by column; docs/schema.md shows the result.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.roles import Ability, Role, allows, allows_admin
from vedfolnir.lib.fields import LongNameIndex, enum_check
from vedfolnir.lib.querysets import TouchingQuerySet

username_is_plain = RegexValidator(
    r"\A[A-Za-z0-9_.-]{3,64}\Z", _("Use 3 to 64 of the letters A to Z, digits, full stop, hyphen and underscore.")
)


class UserManager(BaseUserManager["User"]):
    def working(self) -> "models.QuerySet[User]":
        """Who may sign in."""
        return self.filter(is_active=True, is_approved=True)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username_key=(username or "").lower())

    def by_login(self, name: str) -> "User | None":
        """The person whom `name`, a user name or an email address in any case, signs in. One query, by an index."""
        key = "email_key" if "@" in name else "username_key"  # no user name has an @
        name = name.strip().lower()
        user = self.filter(**{key: name}).first()
        # MySQL's collation also finds "admin" by "ádmin".
        return user if user is not None and getattr(user, key).lower() == name else None

    def create_user(
        self, username: str, email: str, password: str | None = None, *, role: str = Role.VIEWER, **fields: Any
    ) -> "User":
        """A checked and saved user. Raises ValidationError when the name or the address is bad or taken."""
        user = self.model(username=username, email=self.normalize_email(email), role=role, **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(username, email, password, **{"role": Role.ADMIN, "is_approved": True, **fields})


class User(AbstractBaseUser):
    """A person who signs in. `role` decides everything that they may do (`accounts.roles`)."""

    # The documented `password_hash` holds Django's format ("algorithm$iterations$salt$hash").
    password = models.CharField(_("password"), max_length=256, db_column="password_hash")
    username = models.CharField(_("user name"), max_length=64, unique=True, validators=[username_is_plain])
    email = models.EmailField(_("email address"), max_length=120, unique=True)
    # Unique without regard to case on every database, whatever its collation.
    username_key = models.GeneratedField(
        expression=Lower("username"), output_field=models.CharField(max_length=64), db_persist=True, unique=True
    )
    email_key = models.GeneratedField(
        expression=Lower("email"), output_field=models.CharField(max_length=120), db_persist=True, unique=True
    )
    role = models.CharField(
        _("role"), max_length=20, choices=Role.choices, default=Role.VIEWER, db_default=Role.VIEWER.value
    )
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    is_approved = models.BooleanField(_("approved"), default=False, db_default=False)
    email_verified_at = models.DateTimeField(_("email verified at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_default=Now(), editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "users"
        verbose_name = _("user")
        constraints = [enum_check("role", Role, "ck_users_role")]

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        """Addresses are kept in lower case: SQLite's LOWER, which makes the unique key, knows ASCII only."""
        super().clean()
        self.email = self.email.lower()

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """Names and addresses are unique whatever their case. Django cannot ask generated columns before they exist."""
        super().validate_unique({*(exclude or ()), "username", "email", "username_key", "email_key"})
        others = User.objects.exclude(pk=self.pk)
        taken = {}
        if "username" not in (exclude or ()) and others.filter(username_key=self.username.lower()).exists():
            taken["username"] = _("This user name is taken.")
        if "email" not in (exclude or ()) and others.filter(email_key=self.email.lower()).exists():
            taken["email"] = _("This address has an account.")
        if taken:
            raise ValidationError(taken)

    def can(self, ability: Ability) -> bool:
        """Whether this person may: inactive or unapproved people may nothing."""
        return self.is_active and self.is_approved and allows(self.role, ability)

    @property
    def is_staff(self) -> bool:
        return self.can(Ability.STAFF)

    @property
    def is_superuser(self) -> bool:
        return self.can(Ability.MANAGE_PEOPLE)

    # What Django's admin asks; there are no groups and no single permissions.
    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        return self.can(Ability.STAFF) and allows_admin(self.role, perm)

    def has_perms(self, perm_list: Iterable[str], obj: models.Model | None = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.can(Ability.STAFF)


class UserSessionQuerySet(TouchingQuerySet["UserSession"]):
    def alive(self, now: datetime | None = None) -> Self:
        return self.filter(is_active=True, expires_at__gt=now or timezone.now())

    def end(self) -> int:
        """End these sessions at once, wherever they are open; how many were active."""
        return self.filter(is_active=True).update(is_active=False, session_data="")


class UserSession(models.Model):
    """One signed-in session: the session store itself (`accounts.sessions`). Anonymous visitors have no row."""

    # A digest of the cookie's value, so that a copy of the database opens no session.
    session_id = models.CharField(max_length=255, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    active_platform = models.ForeignKey(
        "platforms.PlatformConnection", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now(), db_index=True)
    last_activity = models.DateTimeField(default=timezone.now, db_default=Now(), db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    is_active = models.BooleanField(default=True, db_default=True, db_index=True)
    session_fingerprint = models.TextField(null=True, blank=True)
    user_agent = models.TextField(null=True, blank=True)
    ip_address = models.CharField(max_length=45, null=True, blank=True)
    session_data = models.TextField(default="", editable=False)

    objects = UserSessionQuerySet.as_manager()

    class Meta:
        db_table = "user_sessions"
        verbose_name = _("session")
        indexes = [
            LongNameIndex(fields=["last_activity", "is_active"], name="idx_user_sessions_last_activity"),
            models.Index(fields=["expires_at", "is_active"], name="idx_user_sessions_expires_at"),
            models.Index(fields=["user", "is_active", "last_activity"], name="idx_user_sessions_user_active"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"


class AuditLog(models.Model):
    """Who did what to which thing, from where. Written by `accounts.audit.record`, never changed."""

    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, db_index=False)
    action = models.CharField(_("action"), max_length=100)
    entity_type = models.CharField(_("kind of object"), max_length=50, null=True, blank=True)
    entity_id = models.CharField(_("object"), max_length=100, null=True, blank=True)
    details = models.JSONField(_("details"), null=True, blank=True)
    ip_address = models.CharField(_("address"), max_length=45, null=True, blank=True)
    user_agent = models.TextField(_("browser"), null=True, blank=True)
    created_at = models.DateTimeField(_("time"), default=timezone.now, db_default=Now())

    class Meta:
        db_table = "audit_logs"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes = [
            models.Index(fields=["user"], name="idx_audit_logs_user_id"),
            models.Index(fields=["created_at"], name="idx_audit_logs_created_at"),
            models.Index(fields=["action"], name="idx_audit_logs_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type or ''} {self.entity_id or ''}".strip()


class Setting(models.Model):
    """A runtime setting. The keys that exist come with the code that reads them."""

    key = models.CharField(max_length=100, primary_key=True)
    value = models.TextField()
    description = models.TextField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = TouchingQuerySet["Setting"].as_manager()

    class Meta:
        db_table = "settings"
        verbose_name = _("setting")

    def __str__(self) -> str:
        return self.key


class SystemRequestStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")


class SystemRequest(models.Model):
    """A person asks for an account or for more rights; staff decide."""

    Status = SystemRequestStatus

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="system_requests")
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.PENDING, db_default=Status.PENDING.value
    )
    admin_notes = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects = TouchingQuerySet["SystemRequest"].as_manager()

    class Meta:
        db_table = "system_requests"
        verbose_name = _("request")
        constraints = [enum_check("status", SystemRequestStatus, "ck_system_requests_status")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.status}"
