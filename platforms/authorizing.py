"""Connecting an account by OAuth: a person goes to their server, says yes there, and comes back.

In between, the row of `SignIn` waits for them. It belongs to one session of one person, is taken away before the code
is used, and lasts ten minutes; several may wait. On snac each sign-in has an OAuth client of its own, elsewhere
everybody shares the one of their server.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.models import User, UserSession
from platforms import actions, grants
from platforms.actions import ConnectRefused, NotAllowed, checked_wish
from platforms.clients import oauth
from platforms.clients.api import Api
from platforms.clients.base import Capabilities, Instance, PlatformError
from platforms.clients.detection import Detected, capabilities_of, detect
from platforms.clients.families import family
from platforms.clients.oauth import LONGEST_SCOPES, ClientRefused, OAuthClient, Tokens
from platforms.fields import CredentialUnreadable, readable
from platforms.grants import Grant
from platforms.identity import PATIENCE, QUICK
from platforms.models import SIGN_IN_LASTS, AttentionAbout, PlatformApp, PlatformConnection, SignIn
from platforms.traffic import doors

NAME = "Vedfolnir"  # what people read at their server
WAITING = 5  # sign-ins of one session at once; the oldest gives way
UNUSED_FOR = timedelta(days=1)  # Mastodon before 4.3 forgets clients without a token after it
LONGEST_RETURN = 255  # characters of our own address, the column's length
LONGEST_CODE = 4096  # characters

WORDS: Mapping[str, object] = {
    "read": gettext_lazy("read everything in your account: this server knows no smaller permission"),
    "read:accounts": gettext_lazy("see which account it is"),
    "read:statuses": gettext_lazy(
        "read your posts with their pictures, also those for followers only and direct messages"
    ),
    "read:media": gettext_lazy("look at your pictures"),
    "write": gettext_lazy("change everything in your account: this server knows no smaller permission"),
    "write:statuses": gettext_lazy("edit your posts, to add the alt texts that were approved"),
    "write:media": gettext_lazy("change the alt texts of your pictures"),
}


class SignInRefused(ConnectRefused):
    """Somebody came back without what they left for. `sign_in` is what they had begun, if it is known."""

    def __init__(self, reason: str, sign_in: SignIn | None = None) -> None:
        super().__init__(reason)
        self.sign_in = sign_in


class Denied(SignInRefused):
    """They said no."""


@dataclass(frozen=True)
class Returned:
    """What the address says to which a server sent somebody back. Empty where nothing was said."""

    code: str = field(default="", repr=False)
    state: str = field(default="", repr=False)
    error: str = ""
    issuer: str = ""


@dataclass(frozen=True)
class Finished:
    """What became of a sign-in; `is_new` is false where the account was connected before, and got a new access."""

    connection: PlatformConnection
    is_new: bool


def start(
    user: User,
    session: UserSession,
    *,
    name: str,
    instance_url: str,
    redirect_uri: str,
    connection: PlatformConnection | None = None,
) -> SignIn:
    """Get ready to send somebody to their server, for a new connection or for a new access of one that they own.

    Asks the server what it is, and registers there if need be: ten seconds at most.

    Raises:
        NotAllowed: the user's role does not allow it, or the connection is somebody else's.
        ConnectRefused: the server cannot be used or not reached, or lets no apps sign in.
    """
    name, base_url = checked_wish(user, name=name, instance_url=instance_url)
    if connection is None:
        _require_free_name(user, name, base_url)
    elif not actions.may_choose_posts(connection, user):
        raise NotAllowed(_("Only the owner of a connection can sign in again."))
    detected, app, client = _known_there(base_url, redirect_uri)
    _make_room(session)
    return SignIn.objects.create(
        session=session,
        user=user,
        connection=connection,
        name=name,
        instance_url=base_url,
        platform_type=detected.family,
        software=detected.instance.software,
        software_version=detected.instance.version,
        app=app,
        client_id=client.id,
        client_secret=client.secret,
        redirect_uri=redirect_uri,
        scopes=" ".join(detected.capabilities.scopes),
        state=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
    )


def _known_there(base_url: str, redirect_uri: str) -> tuple[Detected, PlatformApp | None, OAuthClient]:
    """What the server is, and who we are there. Raises ConnectRefused."""
    if len(redirect_uri) > LONGEST_RETURN:
        raise ConnectRefused(_("The address of this installation is too long to come back to. Paste an access token."))
    try:
        with _asking(base_url) as api:
            detected = detect(api)
            return detected, *_client_for(api, base_url, redirect_uri, detected)
    except PlatformError as error:
        raise ConnectRefused(error.reason, "instance_url") from error


def _make_room(session: UserSession) -> None:
    """For one more sign-in of this session."""
    grants.forget_expired_sign_ins()
    waiting = SignIn.objects.of(session).order_by("-pk")
    SignIn.objects.filter(pk__in=list(waiting.values_list("pk", flat=True)[WAITING - 1 :])).delete()


def _require_free_name(user: User, name: str, base_url: str) -> None:
    """The name may be that of the same account, which nobody knows yet; not that of one at another server."""
    if PlatformConnection.objects.filter(user=user, name=name).exclude(instance_url=base_url).exists():
        text = _("There is another connection called “%(name)s”. Choose another name.")
        raise ConnectRefused(text % {"name": name}, "name")


def _asking(base_url: str) -> Api:
    return Api(
        base_url,
        allow=settings.OUTBOUND_ALLOW,
        timeout=QUICK,
        deadline=time.monotonic() + PATIENCE,
        traffic=doors.for_person(base_url),
    )


def _client_for(
    api: Api, base_url: str, redirect_uri: str, detected: Detected
) -> tuple[PlatformApp | None, OAuthClient]:
    """Our client at that server, registered now if there is none that will do."""
    profile = family(detected.family).profile
    register = partial(
        oauth.register,
        api,
        name=NAME,
        redirect_uri=redirect_uri,
        scopes=profile.all_scopes,
        website=redirect_uri.removesuffix(urlsplit(redirect_uri).path),
    )
    if profile.signing_in.own_client:
        return None, register()
    known = PlatformApp.objects.filter(instance_url=base_url, redirect_uri=redirect_uri).first()
    client = _usable(known, detected.capabilities.scopes) if known else None
    if known and client:
        return known, client
    client = register()
    app = _stored_app(base_url, redirect_uri, client, " ".join(profile.all_scopes), instead_of=known)
    return app, OAuthClient(app.client_id, readable(app.client_secret))


def _usable(app: PlatformApp, needed: Sequence[str]) -> OAuthClient | None:
    """None where it was not registered for what is needed, cannot be read, or the server may have forgotten it."""
    is_forgotten = app.created_at < timezone.now() - UNUSED_FOR and not app.connections.exists()
    if is_forgotten or oauth.missing(needed, app.scopes.split()):
        return None
    try:
        return OAuthClient(app.client_id, readable(app.client_secret))
    except CredentialUnreadable:
        return None


def _stored_app(
    base_url: str, redirect_uri: str, client: OAuthClient, scopes: str, *, instead_of: PlatformApp | None
) -> PlatformApp:
    """Ours, or that of somebody who was quicker. Connections keep the client that their token was given to."""
    try:
        with transaction.atomic():
            if instead_of is not None:
                PlatformApp.objects.filter(pk=instead_of.pk).delete()
            return PlatformApp.objects.create(
                instance_url=base_url,
                redirect_uri=redirect_uri,
                client_id=client.id,
                client_secret=client.secret,
                scopes=scopes[:LONGEST_SCOPES],
            )
    except IntegrityError:
        return PlatformApp.objects.get(instance_url=base_url, redirect_uri=redirect_uri)


def link(sign_in: SignIn) -> str:
    """Where the person goes on. Raises CredentialUnreadable."""
    return oauth.authorize_url(
        sign_in.instance_url,
        sign_in.client_id,
        redirect_uri=sign_in.redirect_uri,
        scopes=sign_in.scopes,
        state=readable(sign_in.state),
        verifier=readable(sign_in.verifier),
        asks_who=sign_in.connection_id is None,  # else the server takes whoever is signed in, and allowed us once
    )


def permissions(sign_in: SignIn) -> list[str]:
    """What is asked for, in plain words."""
    asked = [str(WORDS.get(scope, scope)) for scope in sign_in.scopes.split()]
    if family(sign_in.platform_type).profile.signing_in.ignores_scopes:
        asked.append(_("and do everything else in your account: this server takes no notice of what is asked for"))
    return asked


def can_revoke(sign_in: SignIn) -> bool:
    """Whether we can have the access ended there."""
    return family(sign_in.platform_type).profile.signing_in.revokes


def capabilities(sign_in: SignIn) -> Capabilities:
    """What will be possible there."""
    return capabilities_of(Instance(sign_in.software, sign_in.software_version), sign_in.platform_type)


@sensitive_variables()
def finish(user: User, session: UserSession, returned: Returned) -> Finished:
    """Somebody came back: turn their code into a connection.

    An account that they have connected already gets the new access, and keeps its name. An access that lacks something
    does not replace one that has it. Asks the server (fifteen seconds at most, and three for what is given back).

    Raises:
        SignInRefused: this session did not begin it, or it was used, or took too long; Denied where they said no.
        ConnectRefused: the server cannot be used or not reached, the name is taken, it is another account.
    """
    sign_in = _taken(session, returned.state)
    if timezone.now() - sign_in.created_at > SIGN_IN_LASTS:
        raise SignInRefused(_("That took longer than ten minutes. Nothing was connected: connect once more."), sign_in)
    _require_yes(sign_in, returned)
    tokens, client = _exchanged(sign_in, returned.code)
    grant = Grant.given(tokens, client, sign_in.scopes, sign_in.app_id, timezone.now())
    try:
        plan = actions.plan_connection(
            user,
            name=sign_in.name,
            instance_url=sign_in.instance_url,
            token=grant.token,
            again=sign_in.connection,
            keeps_name=True,
        )
        if plan.known is not None:
            _require_better(plan.known, plan.identity.capabilities.scopes, grant)
        return Finished(actions.store(user, plan, grant), is_new=plan.known is None)
    except ConnectRefused as error:
        grants.revoke(sign_in.instance_url, grant)
        reason = error.reason
    raise SignInRefused(reason, sign_in)


def _require_better(connection: PlatformConnection, needed: Sequence[str], grant: Grant) -> None:
    """Raises ConnectRefused where `grant` lacks something that the access of `connection` is known to have."""
    lack = grants.lacking(needed, grant)
    has_all = bool(connection.scopes) and grants.lacking(needed, connection) is None
    has_ended = connection.token_expires_at is not None and connection.token_expires_at <= timezone.now()
    is_refused = connection.attention_about == AttentionAbout.CREDENTIALS
    if lack is not None and has_all and not has_ended and not is_refused:
        text = _("The access that “%(name)s” had is kept, since the new one allows less. %(reason)s")
        raise ConnectRefused(text % {"name": connection.name, "reason": lack.reason})


@sensitive_variables()
def _taken(session: UserSession, state: str) -> SignIn:
    """The sign-in of that state, which nobody can use any more from now on."""
    waiting = list(SignIn.objects.of(session).select_related("connection"))
    found = next((one for one in waiting if secrets.compare_digest(_state(one), state.encode())), None)
    if found is None or not SignIn.objects.take(found.pk):
        raise SignInRefused(
            _(
                "This sign-in does not wait here any more, or was not begun here: it was used already, you signed in "
                "anew or changed your password meanwhile, you began more than five, or its connection was removed. If "
                "the account does not stand in the list, connect once more, in one and the same browser."
            )
        )
    return found


def _state(sign_in: SignIn) -> bytes:
    try:
        return str(readable(sign_in.state)).encode()
    except CredentialUnreadable:
        return secrets.token_bytes()  # nobody's


def _require_yes(sign_in: SignIn, returned: Returned) -> None:
    """Raises SignInRefused where the server did not say yes, or another one says so (RFC 9207)."""
    host = urlsplit(sign_in.instance_url).netloc
    if returned.issuer and returned.issuer.rstrip("/").lower() != sign_in.instance_url.rstrip("/").lower():
        raise SignInRefused(
            _("The answer came from another server than %(host)s. Nothing was connected.") % {"host": host}, sign_in
        )
    if returned.error == "access_denied":
        raise Denied(_("You did not allow it. Nothing was connected."), sign_in)
    if returned.error in ("server_error", "temporarily_unavailable"):
        raise SignInRefused(_("%(host)s is in trouble. Try again later.") % {"host": host}, sign_in)
    if returned.error or not 0 < len(returned.code) <= LONGEST_CODE:
        raise SignInRefused(
            _("%(host)s did not give access. Nothing was connected: connect once more.") % {"host": host}, sign_in
        )


@sensitive_variables()
def _exchanged(sign_in: SignIn, code: str) -> tuple[Tokens, OAuthClient]:
    try:
        client = OAuthClient(sign_in.client_id, readable(sign_in.client_secret))
        with _asking(sign_in.instance_url) as api:
            tokens = oauth.exchange(
                api, client, code=code, redirect_uri=sign_in.redirect_uri, verifier=readable(sign_in.verifier)
            )
    except ClientRefused as error:
        PlatformApp.objects.filter(instance_url=sign_in.instance_url, client_id=sign_in.client_id).delete()
        raise SignInRefused(error.reason, sign_in) from error
    except PlatformError as error:
        raise SignInRefused(error.reason, sign_in) from error
    except CredentialUnreadable as error:
        raise SignInRefused(str(error), sign_in) from error
    return tokens, client
