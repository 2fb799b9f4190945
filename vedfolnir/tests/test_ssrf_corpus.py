"""The corpus of addresses that lead inside (data/ssrf.json), at every door: the server's address and the picture's.

Names are looked up by the machine's own resolver; the small internet only records, and nobody inside may be dialled.
`test_rebinding` does the same with a name server, a network and redirects that are real.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import User
from accounts.tests.people import make_user
from captions.models import Image
from platforms import actions
from platforms.models import PlatformConnection
from processing import pictures
from vedfolnir.lib.outbound import HttpClient, OutboundError, OutboundRefused, fetch, normalise_instance_url
from vedfolnir.tests.internet import LIMIT, PUBLIC, Internet
from vedfolnir.tests.signposts import Signposts, running
from vedfolnir.tests.test_access import browser

CORPUS: dict[str, list[Any]] = json.loads((Path(__file__).parent / "data" / "ssrf.json").read_text(encoding="utf-8"))
REDIRECTS = (301, 302, 303, 307, 308)
INSIDE = "is not on the public internet"


pytestmark = pytest.mark.django_db  # how often a server may be asked is kept there


@pytest.fixture
def server(internet: Internet) -> Iterator[Signposts]:
    """A public server, http://a.example; the others of the corpus lead inside."""
    internet.names |= {"inside.example": [["10.0.0.1"]], "mixed.example": [[PUBLIC, "127.0.0.1"]]}
    with running(Signposts()) as server:
        internet.add("a.example", server.port)
        yield server


def for_each(group: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", CORPUS[group], ids=ascii)


def someone() -> User:
    """Who may connect accounts; not stored, because a refusal comes before anything is looked up in a table."""
    return User(username="alice", role="reviewer", is_active=True, is_approved=True)


def as_picture(url: str) -> None:
    fetch(url, max_bytes=LIMIT)


def as_picture_to_describe(url: str) -> None:
    pictures.download(Image(image_url=url))


def as_preview_to_describe(url: str) -> None:
    pictures.download(Image(preview_url=url))


def as_client(url: str) -> None:
    with HttpClient(normalise_instance_url(url), token="t0ken") as client:
        client.get("/api/v1/instance")


PICTURE_DOORS = (as_picture, as_picture_to_describe, as_preview_to_describe)


def refuse_everywhere(url: str, internet: Internet, reason: str = "") -> None:
    for door in PICTURE_DOORS:
        assert refusal_of(door, url, reason), door
    assert refusal_of(as_client, url.replace("http://", "https://", 1), reason)
    with pytest.raises(actions.ConnectRefused) as refused:
        actions.plan_connection(someone(), name="x", instance_url=url.replace("http://", "https://", 1), token="t0ken")
    assert reason in refused.value.reason
    assert internet.dialled == []


def refusal_of(door: Callable[[str], None], url: str, reason: str) -> str:
    """What the door says. Its refusal is for good; "again later" would be asked again and again."""
    with pytest.raises(OutboundRefused) as refused:
        door(url)
    assert reason in refused.value.reason
    return refused.value.reason


@for_each("hosts_inside")
def test_an_address_inside_is_refused_however_it_is_written(internet: Internet, entry: str) -> None:
    refuse_everywhere(f"http://{entry}/", internet, INSIDE)


@for_each("hosts_that_nobody_has")
def test_what_is_no_name_is_not_even_looked_up(internet: Internet, entry: str) -> None:
    refuse_everywhere(f"http://{entry}/", internet)
    assert internet.lookups == []


@for_each("look_alikes_of_localhost")
def test_a_name_that_only_looks_like_localhost_leads_nowhere(internet: Internet, entry: str) -> None:
    for door in (*PICTURE_DOORS, as_client):
        with pytest.raises(OutboundError):
            door(f"https://{entry}/")
    assert internet.dialled == []


@for_each("urls")
def test_an_odd_address_is_refused_before_anything_is_looked_up(internet: Internet, entry: str) -> None:
    internet.names["good.example"] = [[PUBLIC]]
    for door in PICTURE_DOORS[:2]:
        if entry.strip():
            assert refusal_of(door, entry, ""), door
    with pytest.raises(OutboundRefused):
        as_client(entry)
    with pytest.raises(actions.ConnectRefused):
        actions.plan_connection(someone(), name="x", instance_url=entry, token="t0ken")
    assert (internet.lookups, internet.dialled) == ([], [])


@for_each("dns_answers")
def test_a_name_with_any_address_inside_is_refused(internet: Internet, entry: list[str]) -> None:
    internet.names["name.example"] = [entry]
    refuse_everywhere("http://name.example/", internet, INSIDE)


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_no_redirect_leads_inside(internet: Internet, server: Signposts, status: int, hops: int) -> None:
    """Each location of the corpus stands at the end of so many hops on a public server."""
    for hop in range(hops - 1):
        server.leads[f"/{hop}"] = (status, f"/{hop + 1}")
    for number, location in enumerate(CORPUS["locations"]):
        server.leads[f"/{hops - 1}"] = (status, location)
        server.asked.clear()
        assert refusal_of(PICTURE_DOORS[number % len(PICTURE_DOORS)], "http://a.example/0", ""), location
        assert len(server.asked) == hops, location
        assert set(internet.dialled) == {(PUBLIC, 80)}, location


@for_each("locations_on_the_same_server")
def test_what_browsers_may_read_as_another_server_stays_on_this_one(
    internet: Internet, server: Signposts, entry: str
) -> None:
    server.leads["/0"] = (302, entry)
    assert fetch("http://a.example/0", max_bytes=LIMIT).url.startswith("http://a.example/")
    assert set(internet.dialled) == {(PUBLIC, 80)}
    assert set(internet.lookups) == {"a.example"}


@pytest.mark.parametrize("status", REDIRECTS)
def test_an_instance_that_redirects_is_not_followed(internet: Internet, server: Signposts, status: int) -> None:
    for location in CORPUS["locations"]:
        server.leads["/api/v1/instance"] = (status, location)
        with HttpClient("http://a.example", token="t0ken", allow=["a.example:80"]) as client:
            assert client.get("/api/v1/instance").status == status
    assert set(internet.dialled) == {(PUBLIC, 80)}


def test_the_page_and_the_command_refuse_them_too(internet: Internet, tmp_path: Path) -> None:
    client = browser(make_user("alice"))
    token = tmp_path / "token"
    token.write_text("t0ken")
    for host in CORPUS["hosts_inside"]:
        page = client.post(reverse("platforms:connect"), {"instance_url": host, "token": "t0ken", "name": "x"})
        assert page.status_code in {200, 422}, host
        with pytest.raises(CommandError):
            call_command("connect_platform", user="alice", name="x", instance=f"https://{host}", token_file=str(token))
    assert internet.dialled == []
    assert not PlatformConnection.objects.exists()
