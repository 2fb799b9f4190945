"""What is somebody else's does not exist: the same answer as for a number that nobody has, and no word of it anywhere.

Goes over every address of `ACCESS` as everybody in `cast`, with the row of one's own, somebody else's, and none.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import models
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from accounts.models import User, UserSession
from accounts.roles import Ability, Role
from accounts.tests.people import make_user
from captions.models import CaptionVersion, Image, Post, Publication
from captions.queue import State
from platforms.fields import EncryptedTextField
from vedfolnir.tests.cast import OUR_APPS, Cast, everything, make_cast, make_rows
from vedfolnir.tests.test_access import ACCESS, ADDRESSES, NAMED_IN_THE_FORM, browser, is_sign_in

pytestmark = pytest.mark.once

NOBODYS = 999_999_999
NOBODYS_TASK = str(uuid4())
CANARY = "kanarienvogel"
OF_OBJECTS = {"findings", "parts"}  # of objects that pages read
KEYS = {"password", "batch_id", "session_id"}  # text that is not free
LISTS = ("dashboard", "captions:queue", "captions:next", "tasks:list", "publications:list", "platforms:list")

ABOUT_A_ROW = [name for name in ADDRESSES if ADDRESSES[name]]
each_row_address = pytest.mark.parametrize("name", ABOUT_A_ROW)
# What changes with every answer, whatever it is about.
CHANGING = re.compile(r'nonce="[^"]*"|value="[A-Za-z0-9]{64}"|nonce-[^\']*')


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def theirs(cast: Cast) -> Cast:
    """Somebody's whose texts, all of them, have the canary: only moderators and admins may come across it."""
    before = {model: set(model._default_manager.values_list("pk", flat=True)) for model in our_models()}
    stranger = make_user(f"stranger-{CANARY}", role=Role.REVIEWER)
    theirs = make_rows(cast.people, stranger, make_user(f"friend-{CANARY}", role=Role.VIEWER))
    for number, status in enumerate(Image.Status.values, start=2):
        post = Post.objects.create(
            post_id=str(number), author_id="1", post_url="x", platform_connection=theirs.connection
        )
        image = Image.objects.create(
            post=post,
            platform_connection=theirs.connection,
            image_post_id=str(number),
            attachment_index=0,
            status=status,
            captioned_at=theirs.image.captioned_at,
        )
        CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.FINAL, text="x")
    for number, status in enumerate(Publication.Status.values, start=2):
        post = Post.objects.get(platform_connection=theirs.connection, post_id=str(number))
        Publication.objects.create(post=post, platform_connection=theirs.connection, status=status)
    for model in our_models():
        for row in model._default_manager.exclude(pk__in=before[model]):
            put_canaries(row)
    return theirs


def our_models() -> Iterator[type[models.Model]]:
    for app in OUR_APPS:
        yield from apps.get_app_config(app).get_models()


def put_canaries(row: models.Model) -> None:
    """Into every column that holds free text or JSON."""
    changes: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        free = isinstance(field, models.CharField | models.TextField) and not field.choices and not field.primary_key
        if isinstance(field, models.JSONField):
            changes[field.name] = [] if field.name in OF_OBJECTS else {CANARY: CANARY}
        elif not free or isinstance(field, models.GeneratedField | EncryptedTextField) or field.name in KEYS:
            continue
        elif "url" in field.name or field.name == "uri":
            changes[field.name] = f"https://{CANARY}.example/{row.pk}"
        elif field.name.endswith("_json"):
            changes[field.name] = "{}"
        else:
            changes[field.name] = f"{CANARY}-{row.pk}"[: field.max_length]
    if changes:
        type(row)._default_manager.filter(pk=row.pk).update(**changes)


def address(name: str, rows: Cast | None) -> str:
    """The address of a row of `rows`, or of one that nobody has."""
    pks: dict[str, int | str] = {
        "tasks": rows.task.pk if rows else NOBODYS_TASK,
        "captions": rows.image.pk if rows else NOBODYS,
        "publications": rows.publication.pk if rows else NOBODYS,
        "platforms": rows.connection.pk if rows else NOBODYS,
        "style": rows.connection.pk if rows else NOBODYS,
    }
    values = {
        "pk": pks.get(name.partition(":")[0]),
        "member": rows.membership.pk if rows else NOBODYS,
        "entry": rows.entry.pk if rows else NOBODYS,
    }
    return reverse(name, kwargs={argument: values[argument] for argument in ADDRESSES[name]})


def answer(named: int | str) -> dict[str, str]:
    """A form that fits every address, about the connection `named`."""
    return {
        "connection": str(named),
        "text": "Mine now.",
        "seen": "0",
        "reason": "Mine.",
        "username": "viewer",
        "role": "reviewer",
        "include_private": "on",
        "include_direct": "on",
    }


def told(response: HttpResponseBase) -> tuple[int, str, str, str]:
    """All that an answer says, without what changes with every answer."""
    body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    policy = CHANGING.sub("", response.headers.get("Content-Security-Policy", ""))
    return response.status_code, CHANGING.sub("", body.decode()), response.headers.get("Location", ""), policy


def everybody_else(cast: Cast) -> dict[str, Client]:
    """All who may not see what is a stranger's, a visitor among them."""
    people = {who: person for who, person in cast.people.items() if not person.can(Ability.SEE_ALL)}
    return {"visitor": browser(None)} | {who: browser(person) for who, person in people.items()}


@each_row_address
def test_another_s_row_answers_as_no_row_and_stays_as_it_is(name: str, cast: Cast, theirs: Cast) -> None:
    clients, before = everybody_else(cast), everything()  # signing in is written down
    for who, client in clients.items():
        person = cast.people.get(who)
        for ask, needed in ((client.get, ACCESS[name].read), (client.post, ACCESS[name].write)):
            their = ask(address(name, theirs), answer(theirs.connection.pk))
            nobodys = ask(address(name, None), answer(NOBODYS))
            if is_sign_in(their):
                assert is_sign_in(nobodys), who
                assert person is None or not person.can(Ability.READ), who
                continue
            assert told(their) == told(nobodys), (who, ask)
            lacks = isinstance(needed, Ability) and person is not None and not person.can(needed)
            refusals = {405} if needed is None else {403, 404} if lacks else {404}
            assert their.status_code in refusals, (who, ask, their.status_code)
    assert everything() == before


@each_row_address
def test_a_row_that_nobody_has_is_not_there_for_anybody(name: str, cast: Cast) -> None:
    for who, person in cast.people.items():
        if not person.can(Ability.READ):
            continue
        client = browser(person)
        for ask, needed in ((client.get, ACCESS[name].read), (client.post, ACCESS[name].write)):
            lacks = isinstance(needed, Ability) and not person.can(needed)
            refusals = {405} if needed is None else {403, 404} if lacks else {404}
            assert ask(address(name, None), answer(NOBODYS)).status_code in refusals, (who, ask)


@pytest.mark.parametrize("name", sorted(NAMED_IN_THE_FORM))
def test_a_form_that_names_another_s_connection_answers_as_one_that_names_none(
    name: str, cast: Cast, theirs: Cast
) -> None:
    clients, before = everybody_else(cast), everything()  # signing in is written down
    for who, client in clients.items():
        their = client.post(reverse(name), answer(theirs.connection.pk))
        assert told(their) == told(client.post(reverse(name), answer(NOBODYS))), who
        assert their.status_code == 404 or is_sign_in(their), who
    assert everything() == before
    assert not UserSession.objects.filter(active_platform=theirs.connection).exists()


def test_another_s_member_is_not_reached_through_a_connection_of_one_s_own(cast: Cast, theirs: Cast) -> None:
    client, before = browser(cast.people["owner"]), everything()
    mine = {"pk": cast.connection.pk}
    their = client.post(reverse("platforms:remove_member", kwargs=mine | {"member": theirs.membership.pk}))
    nobodys = client.post(reverse("platforms:remove_member", kwargs=mine | {"member": NOBODYS}))
    assert told(their) == told(nobodys)
    assert their.status_code == 404
    assert everything() == before


@pytest.mark.parametrize("name", [*LISTS, "captions:review", "tasks:detail", "publications:detail"])
@pytest.mark.parametrize("parameter", ["connection", "after"])
def test_a_parameter_that_names_another_s_row_answers_as_one_that_names_none(
    name: str, parameter: str, cast: Cast, theirs: Cast
) -> None:
    row = theirs.connection if parameter == "connection" else theirs.image
    their, nobodys = str(row.pk), str(NOBODYS)
    number = re.compile(rf"(?<!\d)({their}|{nobodys})(?!\d)")
    for who, client in everybody_else(cast).items():
        url = address(name, cast)
        answers = [told(client.get(url, {parameter: named})) for named in (their, nobodys)]
        # Both numbers may stand in links back to the page; that is all that may differ.
        theirs_told, nobodys_told = ([number.sub("#", str(part)) for part in parts] for parts in answers)
        assert theirs_told == nobodys_told, who


def open_pages(cast: Cast) -> Iterator[str]:
    """Every page that is read, as it opens and with every filter."""
    for name, access in ACCESS.items():
        if access.read is not None:
            yield address(name, cast)
    for state in State.values:
        for query in (f"?state={state}", f"?state={state}&connection=", f"?state={state}&after=1.1"):
            yield reverse("captions:queue") + query
            yield reverse("captions:next") + query
    for status in Publication.Status.values:
        yield reverse("publications:list") + f"?status={status}&before={NOBODYS}"
    yield reverse("tasks:list") + "?before=2999-01-01T00:00:00Z"
    yield reverse("tasks:progress", args=[cast.task.pk]) + "?place=card"
    yield "/nothing/"


def pages_with_canaries(client: Client, cast: Cast) -> list[str]:
    found = []
    for url in open_pages(cast):
        response = client.get(url, follow=True)
        assert response.status_code < 500 or url.startswith("/health"), url
        body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        if CANARY.encode() in body.lower() or CANARY in str(response.headers).lower():
            found.append(url)
    return found


@pytest.mark.parametrize("who", ["visitor", "owner", "reader", "colleague", "viewer", "reviewer", "unapproved"])
def test_no_page_has_a_word_of_what_is_another_s(who: str, cast: Cast, theirs: Cast) -> None:
    client = browser(cast.people.get(who))
    UserSession.objects.update(active_platform=theirs.connection)  # even if the session said so
    assert pages_with_canaries(client, cast) == []


def test_what_moderators_see_shows_that_the_canaries_sing(cast: Cast, theirs: Cast) -> None:
    found = pages_with_canaries(browser(cast.people["moderator"]), cast)
    for name in ("dashboard", "captions:queue", "tasks:list", "publications:list", "platforms:list"):
        assert reverse(name) in found
    assert {f"/review/?state={state}" for state in State.values} <= set(found)


@pytest.mark.parametrize("who", ["owner", "reader", "colleague", "viewer"])
def test_counts_are_of_what_one_may_see(who: str, cast: Cast, theirs: Cast) -> None:
    client = browser(cast.people[who])
    sees = cast.sees(who)
    assert client.get("/review/").context["page"].count == int(sees)
    for state in ("approved", "posted", "rejected", "error"):
        assert client.get(f"/review/?state={state}").context["page"].count == 0
    cards = client.get("/").context["cards"]
    assert [card.connection for card in cards] == [cast.connection] * sees
    assert [card.counts.awaiting for card in cards] == [1] * sees
    assert (
        len(client.get("/tasks/").context["tasks"]) == len(client.get("/publications/").context["publications"]) == sees
    )


def test_every_way_to_many_rows_knows_whose_they_are(cast: Cast, theirs: Cast) -> None:
    """Whatever has a `visible_to` gives outsiders nothing, members theirs, and people who may not sign in nothing."""
    visible = [model for model in our_models() if hasattr(model._default_manager, "visible_to")]
    assert {model._meta.model_name for model in visible} >= {
        "platformconnection",
        "post",
        "image",
        "publication",
        "captiongenerationtask",
    }

    def seen(model: type[models.Model], person: User) -> set[int]:
        rows = model._default_manager.visible_to(person)  # type: ignore[attr-defined]
        name = "pk" if model._meta.model_name == "platformconnection" else "platform_connection"
        return set(rows.values_list(name, flat=True))

    for model in visible:
        everywhere = {cast.connection.pk, theirs.connection.pk}
        for who, person in cast.people.items():
            expected = everywhere if person.can(Ability.SEE_ALL) else {cast.connection.pk} if cast.sees(who) else set()
            assert seen(model, person) == expected, (model, who)
