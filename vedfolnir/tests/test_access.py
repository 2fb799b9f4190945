"""Who gets in where: every address but the admin's, for a visitor and for everybody in `cast`.

The addresses come from the URL configuration. A new one fails here until it has its line in `ACCESS`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from accounts.roles import Ability
from vedfolnir.tests.cast import Cast, everything, make_cast

pytestmark = pytest.mark.once

ANYBODY = "anybody"
Who = Ability | str | None  # None: the method is not offered


@dataclass(frozen=True)
class Access:
    """Who may read (GET) and who may write (POST), and their `relation` to the row: by default, to see it."""

    read: Who = None
    write: Who = None
    relation: Callable[[Cast, str], bool] = Cast.sees


PAGE = Access(read=Ability.READ)
DECISION = Access(write=Ability.DECIDE)
WORK = Access(write=Ability.GENERATE)
MANAGING = Access(write=Ability.CONNECT, relation=Cast.manages)
STYLING = Access(read=Ability.DECIDE, write=Ability.DECIDE, relation=Cast.decides)
STYLED = Access(write=Ability.DECIDE, relation=Cast.decides)
SHARING = Access(write=Ability.CONNECT, relation=Cast.shares)

ACCESS = {
    "healthz": Access(read=ANYBODY),
    "health": Access(read=ANYBODY),
    "account_login": Access(read=ANYBODY, write=ANYBODY),
    "account_signup": Access(read=ANYBODY, write=ANYBODY),  # closed, and says so
    "account_logout": Access(read=Ability.READ, write=Ability.READ),
    "account_change_password": Access(read=Ability.READ, write=Ability.READ),
    "account": PAGE,
    "dashboard": PAGE,
    "tasks:list": PAGE,
    "tasks:detail": PAGE,
    "tasks:progress": PAGE,
    "tasks:start": WORK,
    "tasks:retry_errors": WORK,
    "tasks:cancel": WORK,
    "tasks:requeue": WORK,
    "publications:list": PAGE,
    "publications:detail": PAGE,
    "publications:retry": DECISION,
    "publications:undo": DECISION,
    "captions:queue": PAGE,
    "captions:next": PAGE,
    "captions:figures": Access(read=Ability.SEE_ALL),
    "captions:review": PAGE,
    "captions:picture": PAGE,
    "captions:approve": DECISION,
    "captions:reject": DECISION,
    "captions:skip": DECISION,
    "captions:hold": DECISION,
    "captions:publish_now": DECISION,
    "captions:reopen": DECISION,
    "captions:requeue": DECISION,
    "captions:redraft": DECISION,
    "captions:put_away": DECISION,
    "captions:drafting": PAGE,
    "captions:decorative": DECISION,
    "style:guide": STYLING,
    "style:add_term": STYLED,
    "style:edit_term": STYLING,
    "style:remove_term": STYLED,
    "platforms:list": PAGE,
    "platforms:switch": Access(write=Ability.READ),
    "platforms:connect": Access(read=Ability.CONNECT, write=Ability.CONNECT),
    "platforms:authorize": Access(read=Ability.CONNECT, relation=lambda cast, who: False),  # of one session alone
    "platforms:oauth_return": Access(read=Ability.READ),  # who may not connect is sent on, without the code
    "platforms:sign_in_again": Access(write=Ability.CONNECT, relation=Cast.owns),
    "platforms:detail": PAGE,
    "platforms:test": MANAGING,
    "platforms:remove": Access(read=Ability.CONNECT, write=Ability.CONNECT, relation=Cast.shares),
    "platforms:options": Access(write=Ability.CONNECT, relation=Cast.owns),
    "platforms:rescan": MANAGING,
    "platforms:clear_attention": MANAGING,
    "platforms:add_member": SHARING,
    "platforms:remove_member": SHARING,
}
# Not about one row by their address; the form names the connection.
NAMED_IN_THE_FORM = {"tasks:start", "tasks:retry_errors", "platforms:switch"}


def addresses(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every address but the admin's, as its full name and the names of its arguments."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace != "admin":
                yield from addresses(entry, f"{namespace}{entry.namespace}:" if entry.namespace else namespace)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}", tuple(entry.pattern.converters)


ADDRESSES = dict(addresses(get_resolver()))
each_address = pytest.mark.parametrize("name", ADDRESSES)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def address(name: str, cast: Cast) -> str:
    rows: dict[str, int | str] = {
        "tasks": cast.task.pk,
        "captions": cast.image.pk,
        "publications": cast.publication.pk,
        "platforms": cast.connection.pk,
        "style": cast.connection.pk,
    }
    values = {"pk": rows.get(name.partition(":")[0]), "member": cast.membership.pk, "entry": cast.entry.pk}
    return reverse(name, kwargs={argument: values[argument] for argument in ADDRESSES[name]})


def browser(person: User | None) -> Client:
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def is_sign_in(response: HttpResponseBase) -> bool:
    return response.status_code == 302 and response["Location"].startswith(reverse(settings.LOGIN_URL))


def leads_to_the_picture(response: HttpResponseBase, url: str) -> bool:
    """Whether the address of a form sends whoever looks at it to the page of the picture, which asks who they are."""
    return response.status_code == 302 and response["Location"] == url[: url.rindex("/") + 1]


def may(who: str, needed: Who, name: str, cast: Cast) -> bool:
    """What the table says of one person: their role, and where the address is about a row, whether they see it."""
    if needed == ANYBODY:
        return True
    about_a_row = bool(ADDRESSES[name]) or name in NAMED_IN_THE_FORM
    if not isinstance(needed, Ability) or not cast.people[who].can(needed):
        return False
    return not about_a_row or ACCESS[name].relation(cast, who)


def test_every_address_says_who_gets_in() -> None:
    assert set(ADDRESSES) == set(ACCESS)


@each_address
def test_a_visitor_is_sent_to_the_door(name: str, cast: Cast) -> None:
    url, client = address(name, cast), browser(None)
    for method, needed in ((client.get, ACCESS[name].read), (client.post, ACCESS[name].write)):
        response = method(url)
        if needed == ANYBODY:
            assert response.status_code in {200, 503}
        elif needed is None:
            assert response.status_code == 405 or is_sign_in(response)
        else:
            assert is_sign_in(response)


@each_address
def test_reading_is_for_those_whom_the_table_names(name: str, cast: Cast) -> None:
    url, needed = address(name, cast), ACCESS[name].read
    for who, person in cast.people.items():
        response = browser(person).get(url)
        list(getattr(response, "streaming_content", ()))  # a picture is an open file until it was read
        if needed is not None and may(who, needed, name, cast):
            assert response.status_code in {200, 302, 503}, who
            assert not is_sign_in(response), who
        elif not person.can(Ability.READ):  # not approved, or switched off: a visitor
            assert response.status_code == 405 or is_sign_in(response), who
        elif needed is None:
            assert response.status_code == 405 or leads_to_the_picture(response, url), who
        else:
            assert response.status_code in {403, 404}, who


@each_address
def test_writing_is_refused_to_everybody_else_and_changes_nothing(name: str, cast: Cast) -> None:
    url, needed = address(name, cast), ACCESS[name].write
    answer = {
        "connection": str(cast.connection.pk),
        "text": "Mine now.",
        "reason": "Mine.",
        "username": "admin",
        "user": str(cast.people["admin"].pk),
        "role": "reviewer",
        "include_private": "on",
    }
    clients = {who: browser(person) for who, person in cast.people.items()}
    before = everything()
    for who, client in clients.items():
        if needed is not None and may(who, needed, name, cast):
            continue
        response = client.post(url, answer)
        if not cast.people[who].can(Ability.READ):
            assert response.status_code == 405 or is_sign_in(response), who
        elif needed is None:
            assert response.status_code == 405, who
        else:
            assert response.status_code == 302 or 400 <= response.status_code < 500, who
        assert everything() == before, who
