"""Numbers and dates that no table holds, in every address and parameter: an answer, never an error of ours."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from vedfolnir.tests.cast import Cast, make_cast
from vedfolnir.tests.test_access import ADDRESSES

pytestmark = pytest.mark.once

NUMBERS = ("9" * 18, str(2**63 - 1), str(2**63), "9" * 20, "9" * 5000, "0", "-1", "٣", "²", "1e9", "\x00", "")
MOMENTS = (
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999Z",
    "2026-11-21T12:00:00+23:59",
    "2026-02-30T00:00:00Z",
    "2026-11-21T12:00:00",  # without a zone
)
CURSORS = ("9" * 17 + ".1", "0.0", "." + "9" * 20, "9" * 20 + ".1", ".", "1.", ".1.1")
PARAMETERS = {
    "tasks:list": ("before",),
    "tasks:progress": ("seen", "place"),
    "publications:list": ("before", "status"),
    "captions:queue": ("connection", "after", "state"),
    "captions:next": ("connection", "after", "state"),
    "captions:review": ("connection",),
    "platforms:connect": ("instance_url", "name"),
}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def client(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.people["admin"])
    return client


@pytest.mark.parametrize("name", [name for name, arguments in ADDRESSES.items() if "pk" in arguments])
def test_a_row_that_cannot_be_is_not_found(client: Client, cast: Cast, name: str) -> None:
    arguments = dict.fromkeys(ADDRESSES[name], 1)
    for number in NUMBERS[:5]:
        url = reverse(name, kwargs=arguments).replace("/1/", f"/{number}/")
        assert client.get(url).status_code in {404, 405}, url[:80]
        assert client.post(url).status_code in {404, 405}, url[:80]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_that_makes_no_sense_is_left_aside(client: Client, cast: Cast, name: str) -> None:
    pk = {"tasks": cast.task.pk, "captions": cast.image.pk, "publications": cast.publication.pk}
    url = reverse(name, kwargs=dict.fromkeys(ADDRESSES[name], pk.get(name.partition(":")[0])))
    for parameter in PARAMETERS[name]:
        for value in (*NUMBERS, *MOMENTS, *CURSORS):
            assert client.get(url, {parameter: value}).status_code < 500, (parameter, value[:40])


def test_a_version_that_cannot_be_is_not_the_one_on_the_screen(client: Client, cast: Cast) -> None:
    for value in (*NUMBERS[:5], "-1", "²", ""):
        url = reverse("captions:approve", args=[cast.image.pk])
        response = client.post(url, {"text": "A text.", "seen": value}, QUERY_STRING=f"connection={value[:99]}")
        assert response.status_code in {409, 422}, value[:40]


@pytest.mark.parametrize("name", ["tasks:start", "tasks:retry_errors"])
def test_a_form_names_a_connection_that_cannot_be(client: Client, name: str) -> None:
    for value in NUMBERS[:10]:
        response = client.post(reverse(name), {"connection": value})
        assert response.status_code in {302, 404}, value[:40]


@pytest.mark.parametrize("label", [model._meta.label_lower for model in admin.site._registry])
def test_the_admin_bears_them_too(client: Client, label: str) -> None:
    start = f"admin:{label.replace('.', '_')}"
    for value in (*NUMBERS[2:5], "²", *MOMENTS[:1], *MOMENTS[2:3]):
        for parameter in ("q", "p", "id", "created_at__gte", "o"):
            response = client.get(reverse(f"{start}_changelist"), {parameter: value})
            assert response.status_code in {200, 302, 400}, (parameter, value[:40])
    for number in (*NUMBERS[2:5], "²"):
        for page in ("change", "history", "delete"):
            response = client.get(reverse(f"{start}_{page}", args=[number]))
            assert response.status_code in {302, 403, 404}, (page, number[:40])
