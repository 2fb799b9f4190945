"""What `test_rebinding` runs in a network of its own. Nothing is replaced: resolver, sockets and certificates are real.

The machine there has public addresses and private ones, a web server on each, and the name server that
/etc/resolv.conf names. Not collected by itself: it needs that network.
"""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image as Picture

from captions.models import Image
from platforms import actions
from processing import pictures
from vedfolnir.lib.outbound import HttpClient, OutboundRefused, OutboundUnavailable, Timeout, fetch
from vedfolnir.tests.internet import LIMIT, OTHER_PUBLIC, PUBLIC, TOKEN, server_context
from vedfolnir.tests.nameserver import NameServer
from vedfolnir.tests.signposts import Signposts, running
from vedfolnir.tests.test_ssrf_corpus import INSIDE, PICTURE_DOORS, as_client, as_picture, for_each, someone

PRIVATE = ("127.0.0.1", "10.0.0.5", "169.254.169.254", "::1")
CERTIFICATE = Path(os.environ.get("FOLDER", ""), "rebind.example.pem")  # the only one that is trusted there
FLIPS = 40

pytestmark = pytest.mark.django_db


@dataclass
class World:
    dns: NameServer
    public: Signposts
    secure: Signposts
    inside: list[Signposts]

    @property
    def reached(self) -> list[tuple[str, str, str, str]]:
        """What came to a server that nobody outside may reach."""
        return [request for server in self.inside for request in server.asked]


@pytest.fixture(scope="module")
def network() -> Iterator[World]:
    dns = NameServer()
    dns.start()
    context = server_context(CERTIFICATE, [])
    with ExitStack() as stack:
        public, secure, _sixth = (
            stack.enter_context(running(server))
            for server in (Signposts((PUBLIC, 80)), Signposts((PUBLIC, 443), context), Signposts((OTHER_PUBLIC, 80)))
        )
        inside = [stack.enter_context(running(Signposts((address, 80)))) for address in PRIVATE]
        inside += [stack.enter_context(running(Signposts((address, 443), context))) for address in PRIVATE]
        yield World(dns, public, secure, inside)


@pytest.fixture
def world(network: World) -> World:
    """The network with nothing in it but http://a.example, and names that lead inside."""
    network.dns.forget()
    network.dns.names |= {"a.example": [[PUBLIC]], "inside.example": [["10.0.0.5"]]}
    network.dns.names["mixed.example"] = [[PUBLIC, "127.0.0.1"]]
    for server in (network.public, network.secure, *network.inside):
        server.leads.clear()
        server.asked.clear()
    network.public.body = png()
    return network


def png() -> bytes:
    written = io.BytesIO()
    Picture.new("RGB", (8, 8), "teal").save(written, "PNG")
    return written.getvalue()


def test_the_network_is_real(world: World) -> None:
    assert fetch("http://a.example/a.png", max_bytes=LIMIT).body == png()
    assert pictures.download(Image(image_url="http://a.example/a.png")).width == 8
    assert world.public.asked == [(PUBLIC, "a.example", "/a.png", "")] * 2
    assert world.dns.asked == {"a.example": 2}
    with HttpClient("http://inside.example", allow=["inside.example:80"]) as client:  # an operator named it
        assert client.get("/").status == 200
    assert [request[0] for request in world.reached] == ["10.0.0.5"]


def refused_everywhere(host: str) -> None:
    for door in PICTURE_DOORS:
        with pytest.raises(OutboundRefused, match=INSIDE):
            door(f"http://{host}/a.png")
    with pytest.raises(OutboundRefused, match=INSIDE):
        as_client(f"https://{host}")
    with pytest.raises(actions.ConnectRefused, match=INSIDE):
        actions.plan_connection(someone(), name="x", instance_url=host, token=TOKEN)


@for_each("hosts_inside")
def test_an_address_inside_is_refused_however_it_is_written(world: World, entry: str) -> None:
    refused_everywhere(entry)
    assert world.reached == []


@for_each("dns_answers")
def test_a_name_with_any_address_inside_is_refused(world: World, entry: list[str]) -> None:
    world.dns.names["name.example"] = [entry]
    refused_everywhere("name.example")
    assert (world.reached, world.public.asked, world.secure.asked) == ([], [], [])


def test_aliases_are_followed_to_their_end(world: World) -> None:
    chain = {"one.example": "two.example", "two.example": "three.example"}
    for last in ("inside.example", "mixed.example"):
        world.dns.aliases = chain | {"three.example": last}
        refused_everywhere("one.example")
    assert (world.reached, world.public.asked) == ([], [])
    world.dns.aliases = chain | {"three.example": "a.example"}
    assert fetch("http://one.example/", max_bytes=LIMIT).status == 200


def test_a_short_name_that_the_search_list_completes_is_refused(world: World) -> None:
    world.dns.names["metadata.corp.example"] = [["169.254.169.254"]]
    refused_everywhere("metadata")
    assert world.dns.asked["metadata.corp.example"] > 0
    assert world.reached == []


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.5", "::1", "::ffff:127.0.0.1"])
def test_a_picture_s_name_that_changes_its_answer(world: World, private: str) -> None:
    world.dns.names["rebind.example"] = [[PUBLIC], [private]]
    picture = Image(image_url="http://rebind.example/a.png")
    assert pictures.download(picture).width == 8
    assert world.dns.asked == {"rebind.example": 1}  # looked up once; what was checked is what was dialled
    with pytest.raises(OutboundRefused, match=INSIDE):
        pictures.download(picture)
    assert world.reached == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_name_that_changes_its_answer_between_redirects(world: World, status: int) -> None:
    for hops in (1, 2, 3):
        world.dns.forget()
        world.dns.names["rebind.example"] = [*[[PUBLIC]] * hops, ["127.0.0.1"]]
        world.public.leads = {f"/{hop}": (status, f"http://rebind.example/{hop + 1}") for hop in range(hops)}
        with pytest.raises(OutboundRefused, match=INSIDE):
            fetch("http://rebind.example/0", max_bytes=LIMIT)
        assert len(world.public.asked) == hops
        world.public.asked.clear()
    assert world.reached == []


def test_an_instance_s_name_that_changes_its_answer(world: World) -> None:
    world.dns.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    with HttpClient("https://rebind.example", token=TOKEN) as client:
        assert client.get("/api/v1/instance").status == 200
        with pytest.raises(OutboundRefused, match=INSIDE):
            client.get("/api/v1/accounts/verify_credentials")
    assert world.secure.asked == [(PUBLIC, "rebind.example", "/api/v1/instance", f"Bearer {TOKEN}")]
    assert world.reached == []


@pytest.mark.parametrize("before", range(4))
def test_a_name_that_changes_its_answer_while_an_account_is_connected(world: World, before: int) -> None:
    world.dns.names["rebind.example"] = [*[[PUBLIC]] * before, ["10.0.0.5"]]
    with pytest.raises(actions.ConnectRefused):
        actions.plan_connection(someone(), name="x", instance_url="rebind.example", token=TOKEN)
    assert world.reached == []


def test_a_name_that_never_stays_the_same(world: World) -> None:
    world.dns.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"], [PUBLIC, "::1"], [OTHER_PUBLIC]] * (FLIPS // 4)
    fetched = refused = 0
    for _number in range(FLIPS):
        try:
            as_picture("http://rebind.example/a.png")
            fetched += 1
        except OutboundRefused:
            refused += 1
    assert (fetched, refused) == (FLIPS // 2, FLIPS // 2)
    assert world.reached == []


@for_each("locations")
def test_no_redirect_leads_inside(world: World, entry: str) -> None:
    for status in (301, 302, 303, 307, 308):
        world.public.leads = {"/0": (status, "/1"), "/1": (status, entry)}
        with pytest.raises(OutboundRefused):
            as_picture("http://a.example/0")
    assert len(world.public.asked) == 10
    assert world.reached == []


def test_a_name_server_that_says_nothing_costs_no_more_than_the_time_for_it(world: World) -> None:
    world.dns.silent.add("silent.example")
    with pytest.raises(OutboundUnavailable, match="No server named"):
        fetch("http://silent.example/", max_bytes=LIMIT, timeout=Timeout(connect=0.2, read=1, total=1))
