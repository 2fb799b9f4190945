"""The active platform: which of a person's connections the pages of their session are about.

It lives in the session's row, as a wish: it is looked up among what the person may see each time, so that a connection
which is gone, or which they are no member of any more, counts as all of them, without a word about it.
"""

from functools import cached_property
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from accounts.models import User
from accounts.sessions import SessionStore
from platforms.fields import EncryptedTextField
from platforms.models import PlatformConnection, PlatformConnectionQuerySet
from vedfolnir.lib.numbers import row_number

OFFERED = 100  # connections in the menu; the page of every other one has a button
# What no page needs, and a list would decrypt row by row.
SECRETS = tuple(field.name for field in PlatformConnection._meta.fields if isinstance(field, EncryptedTextField))


class Switcher:
    """The menu of one request. Templates have it as `switcher`; nothing is asked before somebody looks."""

    def __init__(self, request: HttpRequest) -> None:
        self._user: User | AnonymousUser = request.user
        self._session = request.session

    @property
    def visible(self) -> PlatformConnectionQuerySet:
        connections = PlatformConnection.objects.defer(*SECRETS)
        return connections.visible_to(self._user) if isinstance(self._user, User) else connections.none()

    @cached_property
    def offered(self) -> list[PlatformConnection]:
        """The first OFFERED by name, and the active one behind them if it is none of them."""
        return self._first if self.active is None or self.active in self._first else [*self._first, self.active]

    @cached_property
    def active(self) -> PlatformConnection | None:
        """The connection to show; None for all."""
        pk = self._session.active_platform_id if isinstance(self._session, SessionStore) else None
        if pk is None:
            return None
        listed = next((connection for connection in self._first if connection.pk == pk), None)
        return listed or (self.visible.filter(pk=pk).first() if len(self._first) == OFFERED else None)

    @property
    def is_of_use(self) -> bool:
        return len(self.offered) > 1 or self.active is not None

    @cached_property
    def _first(self) -> list[PlatformConnection]:
        return list(self.visible.order_by("name", "pk")[:OFFERED])


def switcher(request: HttpRequest) -> Switcher:
    """The same one for the whole of a request."""
    known = vars(request)
    if "switcher" not in known:
        known["switcher"] = Switcher(request)
    found: Switcher = known["switcher"]
    return found


def context(request: HttpRequest) -> dict[str, Any]:
    """The template context processor. Pages for errors may be made before anybody was looked for."""
    return {"switcher": switcher(request)} if hasattr(request, "user") else {}


def chosen(request: HttpRequest) -> PlatformConnection | None:
    """What a list is about: the connection that `?connection=` names (empty: all), else the active one; None for all.

    Raises Http404 if the address names one that this person may not see.
    """
    named = request.GET.get("connection")
    if named == "":
        return None
    number = row_number(named or "")
    if number is None:
        return switcher(request).active
    return get_object_or_404(switcher(request).visible, pk=number)


@transaction.atomic
def switch(request: HttpRequest, pk: int | None) -> PlatformConnection | None:
    """Make a connection the active one of this session, or all of them (None).

    Raises Http404 for one that this person may not see.
    """
    visible = switcher(request).visible.select_for_update()  # it is not removed between the look and the reference
    connection = get_object_or_404(visible, pk=pk) if pk is not None else None
    if isinstance(request.session, SessionStore):
        request.session.set_active_platform(connection.pk if connection else None)
    return connection
