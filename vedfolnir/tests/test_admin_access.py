"""Who does what in the admin: every address, action and filter of it, for everybody in `cast`."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from accounts.roles import Role, allows_admin
from captions.models import PromptTemplate
from vedfolnir.tests.cast import Cast, everything, make_cast
from vedfolnir.tests.test_access import browser, is_sign_in

pytestmark = pytest.mark.once

MODELS = {model._meta.label: model for model in admin.site._registry}
STAFF = ("moderator", "admin")
OTHERS = ("owner", "reader", "colleague", "viewer", "reviewer", "unapproved", "switched_off")
VERBS = {"changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete"}
# Beside the pages of the models. A new one fails here until it has its line: what staff of each role get.
SITE = {
    "index": {"moderator": 200, "admin": 200},
    "login": {"moderator": 302, "admin": 302},
    "logout": {"moderator": 405, "admin": 405},
    "password_change": {"moderator": 302, "admin": 302},
    "password_change_done": {"moderator": 200, "admin": 200},
    "autocomplete": {"moderator": 403, "admin": 403},  # without the field that asks
    "jsi18n": {"moderator": 200, "admin": 200},
    "view_on_site": {"moderator": 404, "admin": 404},  # no model of ours has a page outside
    "app_list": {"moderator": 200, "admin": 200},
    "auth_user_password_change": {"moderator": 403, "admin": 200},
    "captions_prompttemplate_preview": {"moderator": 200, "admin": 200},
}
OPEN_TO_ALL = {"login", "logout", "password_change"}  # they lead to pages of ours, which ask for themselves

each_model = pytest.mark.parametrize("label", MODELS)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def names(patterns: Any = None) -> Iterator[str]:
    """The name of every address of the admin."""
    for entry in patterns if patterns is not None else admin.site.get_urls():
        if isinstance(entry, URLResolver):
            yield from names(entry.url_patterns)
        elif isinstance(entry, URLPattern) and entry.name:
            yield entry.name


def is_refused(response: HttpResponseBase) -> bool:
    """403, or the way to a door behind which the 403 waits."""
    return response.status_code in {403, 404} or (
        response.status_code == 302
        and response["Location"].partition("?")[0] in {reverse("admin:login"), reverse(settings.LOGIN_URL)}
    )


def first(model: type[models.Model]) -> models.Model:
    row = model._default_manager.order_by("pk").first()
    assert row is not None, f"give the cast a row of {model._meta.label}"
    return row


def address(label: str, page: str) -> str:
    name = f"admin:{label.lower().replace('.', '_')}_{page}"
    try:
        return reverse(name)
    except NoReverseMatch:
        return reverse(name, args=[first(MODELS[label]).pk])


def site_address(name: str, cast: Cast) -> str:
    content_type = ContentType.objects.get_for_model(cast.image)
    arguments: dict[str, dict[str, Any]] = {
        "view_on_site": {"content_type_id": content_type.pk, "object_id": cast.image.pk},
        "app_list": {"app_label": "captions"},
        "auth_user_password_change": {"id": cast.people["owner"].pk},
        "captions_prompttemplate_preview": {"pk": first(PromptTemplate).pk},
    }
    return reverse(f"admin:{name}", kwargs=arguments.get(name, {}))


def allowed(role: str, verb: str, label: str) -> bool:
    app, model = label.lower().split(".")
    return allows_admin(role, f"{app}.{verb}_{model}")


def test_every_address_of_the_admin_is_known() -> None:
    of_models = {f"{label.lower().replace('.', '_')}_{page}" for label in MODELS for page in VERBS}
    assert set(names()) == of_models | set(SITE)


@each_model
def test_only_staff_enter(label: str, cast: Cast) -> None:
    clients = {who: browser(cast.people[who]) for who in OTHERS}
    before = everything()
    for url in (address(label, page) for page in VERBS):
        assert Client().get(url, follow=True).redirect_chain[-1][0].startswith(reverse(settings.LOGIN_URL))
        for who, client in clients.items():
            assert is_refused(client.get(url)), who
            assert is_refused(client.post(url, {"post": "yes", "_save": "1"})), who
            status = client.get(url, follow=True).status_code
            assert status == (200 if who in {"unapproved", "switched_off"} else 403), who  # to sign in, or no door
    assert everything() == before


@pytest.mark.parametrize("name", SITE)
def test_the_pages_beside_the_models_are_for_staff_too(name: str, cast: Cast) -> None:
    url = site_address(name, cast)
    for who in OTHERS:
        response = browser(cast.people[who]).get(url)
        assert is_refused(response) or (name in OPEN_TO_ALL and response.status_code in {302, 405}), who
    for who in STAFF:
        assert browser(cast.people[who]).get(url).status_code == SITE[name][who], who


@each_model
@pytest.mark.parametrize("role", STAFF)
def test_the_admin_opens_what_the_table_allows_and_no_more(label: str, role: str, cast: Cast) -> None:
    client = browser(cast.people[role])
    looks = allowed(role, "view", label) or allowed(role, "change", label)
    for page in ("changelist", "change", "history"):
        assert client.get(address(label, page)).status_code == (200 if looks else 403), page
    before = everything()
    if not allowed(role, "add", label):
        assert client.get(address(label, "add")).status_code == 403
        assert client.post(address(label, "add"), {}).status_code == 403
    if not allowed(role, "delete", label):
        assert client.get(address(label, "delete")).status_code == 403
        assert client.post(address(label, "delete"), {"post": "yes"}).status_code == 403
    if not allowed(role, "change", label):
        assert client.post(address(label, "change"), {}).status_code == 403
    assert everything() == before


@each_model
@pytest.mark.parametrize("role", STAFF)
def test_a_row_that_nobody_has_is_not_there(label: str, role: str, cast: Cast) -> None:
    client = browser(cast.people[role])
    for page in ("change", "history", "delete"):
        url = reverse(f"admin:{label.lower().replace('.', '_')}_{page}", args=["999999999"])
        for response in (client.get(url, follow=True), client.post(url, {"post": "yes"}, follow=True)):
            assert response.status_code in {200, 403}, page  # 200: the start page says that it is not there


@each_model
def test_actions_are_for_those_to_whom_they_are_offered(label: str, cast: Cast) -> None:
    model = MODELS[label]
    model_admin = admin.site._registry[model]
    offered = {who: actions_of(model_admin, cast, who) for who in STAFF}
    every = offered["admin"] | offered["moderator"] | {"delete_selected"}
    rows = list(model._default_manager.values_list("pk", flat=True))
    clients = {who: browser(cast.people[who]) for who in (*OTHERS, *STAFF)}
    before = everything()
    for who, client in clients.items():
        for action in every - offered.get(who, set()):
            form = {"action": action, "_selected_action": rows, "post": "yes", "select_across": "1", "index": "0"}
            response = client.post(address(label, "changelist"), form)
            assert who in STAFF or is_refused(response), (who, action)
            assert everything() == before, (who, action)


def actions_of(model_admin: admin.ModelAdmin[Any], cast: Cast, who: str) -> set[str]:
    request = RequestFactory().get("/")
    request.user = cast.people[who]
    return set(model_admin.get_actions(request)) if model_admin.has_view_permission(request) else set()


def test_a_moderator_grants_no_roles_and_ends_no_sessions(cast: Cast) -> None:
    client, before = browser(cast.people["moderator"]), everything()
    for page in ("changelist", "add", "change", "delete"):
        response = client.post(address("accounts.User", page), {"role": "admin", "is_active": "on", "username": "x"})
        assert response.status_code == 403
    for action in ("approve", "switch_off", "end_sessions", "delete_selected"):
        form = {"action": action, "_selected_action": [cast.people["moderator"].pk]}
        assert client.post(address("accounts.User", "changelist"), form).status_code == 403
    assert everything() == before


@each_model
def test_no_page_shows_a_secret(label: str, cast: Cast) -> None:
    client = browser(cast.people["admin"])
    for name in ("changelist", "change", "history"):
        page = client.get(address(label, name)).content.decode()
        assert "secret-token" not in page
        assert "gAAAA" not in page  # a Fernet token
        assert cast.people["owner"].password not in page


@each_model
@pytest.mark.parametrize("role", STAFF)
def test_a_list_is_filtered_only_by_what_it_shows(label: str, role: str, cast: Cast) -> None:
    """Or `?access_token__startswith=…` would tell a secret letter by letter, also through the rows it belongs to."""
    if not allowed(role, "view", label):
        return
    client, url = browser(cast.people[role]), address(label, "changelist")
    for lookup in lookups(MODELS[label]):
        response = client.get(url, {f"{lookup}__startswith": "g"})
        assert response.status_code == 400, lookup


def lookups(model: type[models.Model], depth: int = 2) -> Iterator[str]:
    """Every column that no page shows, of the rows themselves and of those that they belong to."""
    for field in model._meta.get_fields():
        if (
            field.is_relation
            and field.related_model not in {None, model}
            and depth
            and not isinstance(field.related_model, str)
        ):
            yield from (f"{field.name}__{further}" for further in lookups(field.related_model, depth - 1))
        elif not field.is_relation and field.name in SECRET:
            yield field.name


SECRET = {
    "password",
    "access_token",
    "refresh_token",
    "client_key",
    "client_secret",
    "session_data",
    "session_id",
    "session_fingerprint",
}


@pytest.mark.parametrize("term", ["o", "secret", "gAAAA"])
def test_looking_people_up_while_typing_is_for_those_who_may_see_them(term: str, cast: Cast) -> None:
    url = reverse("admin:autocomplete")
    for model, model_admin in admin.site._registry.items():
        for field in model_admin.autocomplete_fields:
            query = {
                "app_label": model._meta.app_label,
                "model_name": str(model._meta.model_name),
                "field_name": field,
                "term": term,
            }
            for who in OTHERS:
                assert is_refused(browser(cast.people[who]).get(url, query)), who
            moderator = browser(cast.people["moderator"]).get(url, query)
            assert moderator.status_code == (200 if field == "platform_connection" else 403)
            found = browser(cast.people["admin"]).get(url, query).json()["results"]
            assert bool(found) == (term == "o"), (model, field)


def test_the_admin_has_no_second_door() -> None:
    """Models of Django and allauth that would let somebody around the actions are not registered."""
    apps = {model._meta.app_label for model in admin.site._registry}
    assert apps <= {"accounts", "platforms", "captions", "processing"}


def test_roles_are_all_told_apart(cast: Cast) -> None:
    assert {person.role for person in cast.people.values()} == set(Role.values)
    assert is_sign_in(browser(cast.people["unapproved"]).get("/"))
