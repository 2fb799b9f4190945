"""Connections to accounts on other servers, and who may work with them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User, UserSession
from accounts.roles import Ability, Role
from platforms.fields import EncryptedTextField, HoldsSecrets, SealingQuerySet, Unreadable
from vedfolnir.lib.fields import RemoteIdField, active_marker, enum_check
from vedfolnir.lib.querysets import TouchingQuerySet


class Family(models.TextChoices):
    """The kinds of server that we can tell apart and speak to; every other one is UNKNOWN: read, never written."""

    MASTODON = "mastodon", _("Mastodon")
    GOTOSOCIAL = "gotosocial", _("GoToSocial")
    PIXELFED = "pixelfed", _("Pixelfed")
    TAKAHE = "takahe", _("Takahē")
    PLEROMA = "pleroma", _("Pleroma or Akkoma")
    SNAC = "snac", _("snac")
    UNKNOWN = "unknown", _("Unknown")


class AttentionAbout(models.TextChoices):
    """What would settle why a connection needs attention."""

    CREDENTIALS = "credentials", _("A new access token, or a test that goes well")
    OTHER = "other", _("A person who looks and says so")


class PlatformConnectionQuerySet(  # type: ignore[override]  # each base has an as_manager() of its own type
    SealingQuerySet["PlatformConnection"], TouchingQuerySet["PlatformConnection"]
):
    def visible_to(self, user: User) -> Self:
        """Own connections, those that one is a member of, and everything for moderators and admins."""
        if not user.can(Ability.READ):
            return self.none()
        if user.can(Ability.SEE_ALL):
            return self
        member = PlatformMember.objects.filter(user=user).values("platform_connection")
        return self.filter(models.Q(user=user) | models.Q(pk__in=member))

    def decidable_by(self, user: User) -> Self:
        """Where this person may decide on alt texts: by their role, and by their role on the connection."""
        if not user.can(Ability.DECIDE):
            return self.none()
        if user.can(Ability.SEE_ALL):
            return self
        member = PlatformMember.objects.filter(user=user, role__in=DECIDING_ROLES).values("platform_connection")
        return self.filter(models.Q(user=user) | models.Q(pk__in=member))

    def to_renew(self, now: datetime) -> Self:
        """Connections whose token is to be renewed now."""
        return self.filter(renew_at__lte=now)

    def of_same_account(self, pk: int) -> Self:
        """The connections to the account that connection `pk` is for: several people may have connected it."""
        known = PlatformConnection.objects.filter(pk=pk).values_list("instance_url", "account_id").first()
        if known is None or not known[1]:
            return self.filter(pk=pk)
        return self.filter(instance_url=known[0], account_id=known[1])

    def needing_a_person(self) -> Self:
        """Those where something went wrong that no new token settles."""
        quiet = models.Q(attention=None) | models.Q(attention="") | models.Q(attention_about=AttentionAbout.CREDENTIALS)
        return self.exclude(quiet)

    def of_stopped_accounts(self) -> Self:
        """Those to accounts that are not written to until a person has looked: something went wrong there.

        The connection by which it did needs attention; all others to the same account are stopped with it.
        """
        alarmed = PlatformConnection.objects.needing_a_person().exclude(account_id="")
        same = alarmed.filter(instance_url=models.OuterRef("instance_url"), account_id=models.OuterRef("account_id"))
        # The ids alone first: few are alarmed, and many accounts may be at one instance.
        return self.filter(models.Exists(same), account_id__in=alarmed.values("account_id"))


class PlatformApp(HoldsSecrets):
    """Vedfolnir as an OAuth client of one instance: registered there once for each address it comes back to."""

    instance_url = models.CharField(_("instance"), max_length=500)
    redirect_uri = models.CharField(_("comes back to"), max_length=255)
    client_id = models.CharField(max_length=500)
    client_secret = EncryptedTextField(server="instance_url")
    scopes = models.CharField(max_length=500, default="", db_default="", blank=True)  # registered; separated by spaces
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = SealingQuerySet["PlatformApp"].as_manager()

    class Meta:
        db_table = "platform_apps"
        verbose_name = _("OAuth client")
        constraints = [models.UniqueConstraint(fields=["instance_url", "redirect_uri"], name="uq_platform_app")]

    def __str__(self) -> str:
        return f"{self.instance_url} for {self.redirect_uri}"


class PlatformConnection(HoldsSecrets):
    """One account on one server, with the credentials to speak for it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connections", db_index=False
    )
    name = models.CharField(_("name"), max_length=100)
    platform_type = models.CharField(_("family"), max_length=50)
    instance_url = models.CharField(_("instance"), max_length=500)
    username = models.CharField(_("account"), max_length=200, null=True, blank=True)
    access_token = EncryptedTextField(server="instance_url")
    client_key = EncryptedTextField(server="instance_url", null=True, blank=True)
    client_secret = EncryptedTextField(server="instance_url", null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True, db_default=True)
    is_default = models.BooleanField(_("default"), default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())
    last_used = models.DateTimeField(_("last used"), null=True, blank=True)

    software = models.CharField(_("software"), max_length=100, default="", db_default="", blank=True)
    software_version = models.CharField(_("version"), max_length=100, default="", db_default="", blank=True)
    # When the server was last asked what it runs; empty where nobody knows.
    detected_at = models.DateTimeField(_("software seen"), default=timezone.now, null=True, blank=True, editable=False)
    account_id = RemoteIdField(max_length=200, default="", db_default="", blank=True)
    scopes = models.CharField(max_length=500, default="", db_default="", blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_token = EncryptedTextField(server="instance_url", null=True, blank=True)
    # The OAuth client that the token was given to; empty where the token was pasted.
    app = models.ForeignKey(PlatformApp, on_delete=models.SET_NULL, null=True, blank=True, related_name="connections")
    alt_text_limit = models.PositiveIntegerField(_("longest alt text"), null=True, blank=True)
    # The language that the account posts in by its own settings on the server; empty where it does not say.
    language = models.CharField(_("language"), max_length=20, default="", db_default="", blank=True, editable=False)
    # When the token is renewed with the refresh token; a worker that does it pushes this forward, which is its lease.
    renew_at = models.DateTimeField(null=True, blank=True, editable=False)
    # The server asked to be left alone until then (429 and the like): nothing is written to it meanwhile.
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    attention = models.TextField(_("needs attention"), null=True, blank=True)
    attention_about = models.CharField(
        max_length=20, choices=AttentionAbout.choices, default="", db_default="", blank=True, editable=False
    )
    include_private = models.BooleanField(_("include followers-only posts"), default=False, db_default=False)
    include_direct = models.BooleanField(_("include direct messages"), default=False, db_default=False)
    ignore_opt_out = models.BooleanField(_("include posts tagged #noai or #nobot"), default=False, db_default=False)
    include_unlisted = models.BooleanField(_("include quiet public posts"), default=True, db_default=True)
    include_replies = models.BooleanField(_("include replies"), default=True, db_default=True)
    oldest_days = models.PositiveIntegerField(_("oldest posts, in days"), null=True, blank=True)
    only_tags = models.CharField(_("only posts with these tags"), max_length=500, default="", db_default="", blank=True)
    opt_out_tags = models.CharField(
        _("tags that keep posts out"), max_length=500, default="", db_default="", blank=True
    )
    # Everything posted up to then was read by a scan that came to its end; the next one stops a little below.
    scanned_until = models.DateTimeField(_("scanned up to"), null=True, blank=True, editable=False)
    # The post below which nothing has been read yet, where the scans so far stopped; empty when they saw the oldest.
    scan_below = RemoteIdField(max_length=500, default="", db_default="", blank=True, editable=False)
    # How often it was asked for that all is read anew: a scan that began before that records nothing.
    scans_forgotten = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    default_marker = active_marker(models.Q(is_default=True))

    objects = PlatformConnectionQuerySet.as_manager()

    class Meta:
        db_table = "platform_connections"
        verbose_name = _("connection")
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="uq_user_platform_name"),
            models.UniqueConstraint(fields=["user", "instance_url", "username"], name="uq_user_instance_username"),
            models.UniqueConstraint(fields=["user", "default_marker"], name="uq_user_default_platform"),
        ]
        indexes = [
            models.Index(fields=["user", "is_active"], name="ix_platform_user_active"),
            models.Index(fields=["platform_type", "is_active"], name="ix_platform_type_active"),
            models.Index(fields=["instance_url", "platform_type"], name="ix_platform_instance_type"),
            models.Index(fields=["renew_at"], name="ix_platform_renew_at"),
            models.Index(fields=["name", "id"], name="ix_platform_name"),  # the menu of those who see all
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """`@name@host`, as people write it."""
        return f"@{self.username}@{self.instance_url.partition('://')[2]}"

    @property
    def is_pasted(self) -> bool:
        """Whether the token came without the OAuth client that it was given to: we can neither renew nor revoke it."""
        key = self.client_key
        return not key and not isinstance(key, Unreadable)

    def is_stopped_elsewhere(self) -> bool:
        """Whether something went wrong by another connection to the account, so that this one writes nothing either.

        What it was is for those to know who see that connection.
        """
        return not self.attention and PlatformConnection.objects.of_stopped_accounts().filter(pk=self.pk).exists()


SIGN_IN_LASTS = timedelta(minutes=10)


class SignInQuerySet(SealingQuerySet["SignIn"]):
    def of(self, session: UserSession) -> Self:
        """Those that this very session of this very person has begun."""
        return self.filter(session=session, user=session.user_id)

    def expired(self, now: datetime) -> Self:
        return self.filter(created_at__lte=now - SIGN_IN_LASTS)

    def take(self, pk: int) -> bool:
        """End a sign-in, for whoever comes back with it first; False for everybody after that."""
        return self.filter(pk=pk).delete()[0] == 1


class SignIn(HoldsSecrets):
    """Somebody is at their server, to let us speak for their account; it ends when they come back, once."""

    session = models.ForeignKey(UserSession, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # What gets the token; empty for a new connection.
    connection = models.ForeignKey(
        PlatformConnection, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=100)
    instance_url = models.CharField(max_length=500)
    platform_type = models.CharField(max_length=50)
    software = models.CharField(max_length=100, blank=True)
    software_version = models.CharField(max_length=100, blank=True)
    app = models.ForeignKey(PlatformApp, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # The app as it was: the row may be registered anew meanwhile.
    client_id = models.CharField(max_length=500)
    client_secret = EncryptedTextField(server="instance_url")
    redirect_uri = models.CharField(max_length=255)
    scopes = models.CharField(max_length=500)  # that are asked for; separated by spaces
    state = EncryptedTextField(server="instance_url")
    verifier = EncryptedTextField(server="instance_url")  # of PKCE
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = SignInQuerySet.as_manager()

    class Meta:
        db_table = "platform_sign_ins"
        verbose_name = _("sign-in at a server")
        indexes = [models.Index(fields=["created_at"], name="ix_platform_sign_in_created")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.instance_url}"


class TrafficState(models.Model):
    """What workers tell each other of a server when there is no Redis: `platforms.traffic` reads and writes it."""

    name = models.CharField(max_length=300, primary_key=True)  # "host example.org", "budget example.org 7"
    version = models.PositiveIntegerField(default=0, db_default=0)  # grows with every change
    state = models.TextField()  # a JSON object
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "platform_traffic"
        verbose_name = _("traffic")
        indexes = [models.Index(fields=["expires_at"], name="ix_traffic_expires")]

    def __str__(self) -> str:
        return self.name


class PlatformMember(models.Model):
    """Who besides the owner may see a connection's posts, and with which role there."""

    platform_connection = models.ForeignKey(PlatformConnection, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.REVIEWER, db_default=Role.REVIEWER.value)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "platform_members"
        verbose_name = _("member")
        constraints = [
            models.UniqueConstraint(fields=["platform_connection", "user"], name="uq_platform_member"),
            enum_check("role", Role, "ck_platform_members_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.platform_connection_id}"


DECIDING_ROLES: Sequence[str] = (Role.REVIEWER, Role.MODERATOR, Role.ADMIN)
