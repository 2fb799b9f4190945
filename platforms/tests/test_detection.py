"""Which software a server runs: only what is proven is written to."""

import re
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from platforms.clients.api import Api
from platforms.clients.base import Instance, PlatformRefused, PlatformUnavailable
from platforms.clients.detection import MASTODON, UNKNOWN, Detected, capabilities_of, detect, family_of
from platforms.clients.families import FAMILIES
from platforms.clients.profile import Profile, Way, release
from platforms.models import Family
from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.tests.cast import host_of

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/"


def detected(url: str) -> Detected:
    with Api(url, allow=[host_of(url)]) as api:
        return detect(api)


class Server:
    """A server that says what a test wants it to say; everything else is 404."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self._server = httpserver
        self.url = httpserver.url_for("").rstrip("/")
        httpserver.expect_request(re.compile(".*")).respond_with_json({"error": "Not found"}, status=404)

    def says(self, path: str, data: Any, **options: Any) -> None:
        self._server.expect_oneshot_request(path).respond_with_json(data, **options)

    def has_nodeinfo(self, name: str, version: str, *, host: str = "https://elsewhere.example") -> None:
        links = [{"rel": SCHEMA + "2.0", "href": f"{host}/nodeinfo/2.0?x=1"}]
        self.says("/.well-known/nodeinfo", {"links": links})
        self.says("/nodeinfo/2.0", {"software": {"name": name, "version": version}})

    @property
    def asked(self) -> list[str]:
        return [request.full_path.rstrip("?") for request, _answer in self._server.log]


@pytest.fixture
def server(httpserver: HTTPServer) -> Server:
    return Server(httpserver)


def test_the_sandbox_is_a_mastodon_that_is_written_to(sandbox: SandboxHandle) -> None:
    found = detected(sandbox.url)
    assert (found.family, found.instance.software, found.instance.alt_text_limit) == (MASTODON, "mastodon", 1500)
    assert found.capabilities.can_write
    assert found.capabilities.notifies


@pytest.mark.parametrize(
    ("version", "can_write"),
    [
        ("4.1.0", True),
        ("4.5.0+glitch", True),
        ("4.10.2", True),
        ("v4.3.1", True),
        ("10.0", True),
        ("4.0.15", False),
        ("3.5.3", False),
        ("4", False),
        ("", False),
        ("nightly", False),
    ],
)
def test_only_a_mastodon_of_4_1_and_newer_is_written_to(server: Server, version: str, can_write: bool) -> None:
    server.has_nodeinfo("Mastodon", version)
    found = detected(server.url)
    assert found.family == MASTODON
    assert found.capabilities.can_write is can_write
    assert can_write or "by hand" in found.capabilities.reason


@pytest.mark.parametrize(
    "name", ["hometown", "misskey", "mastodon-like", "mastodon+kmyblue", "kmyblue", "rebased", "writefreely", "unknown"]
)
def test_a_software_that_nobody_proved_is_named_and_never_written_to(server: Server, name: str) -> None:
    server.has_nodeinfo(name, "4.4.0")
    found = detected(server.url)
    assert found.family == UNKNOWN
    assert not found.capabilities.can_write
    assert name in found.capabilities.reason
    assert "by hand" in found.capabilities.reason


@pytest.mark.parametrize(
    ("name", "version", "family", "way"),
    [
        ("gotosocial", "0.20.0", "gotosocial", Way.EDIT),
        ("gotosocial", "0.20.0-rc1 git-57cb4fe", "gotosocial", Way.EDIT),
        ("gotosocial", "0.19.0", "gotosocial", Way.EDIT),
        ("gotosocial", "0.19.0-rc2", "gotosocial", Way.MEDIA),
        ("gotosocial", "0.18.3", "gotosocial", Way.MEDIA),
        ("gotosocial", "0.7.1", "gotosocial", Way.MEDIA),
        ("gotosocial", "unknown", "gotosocial", Way.NONE),
        ("pixelfed", "0.11.13", "pixelfed", Way.MEDIA),
        ("pixelfed", "0.12.5", "pixelfed", Way.MEDIA),
        ("pixelfed", "0.11.4", "pixelfed", Way.NONE),
        ("pixelfed", "4.4.0", "pixelfed", Way.MEDIA),
        ("takahe", "0.11.0", "takahe", Way.MEDIA),
        ("takahe", "0.10.1", "takahe", Way.NONE),
        ("pleroma", "2.6.0", "pleroma", Way.MEDIA_AND_EDIT),
        ("pleroma", "2.9.1-12-gabcdef", "pleroma", Way.MEDIA_AND_EDIT),
        ("pleroma", "2.4.5", "pleroma", Way.NONE),
        ("akkoma", "3.10.4", "pleroma", Way.NONE),
        ("snac", "2.96", "snac", Way.EDIT),
        ("snac", "2.96-dev", "snac", Way.NONE),
        ("snac", "2.75", "snac", Way.NONE),
        ("mastodon", "4.1.0rc1", "mastodon", Way.NONE),
        ("mastodon", "4.4.0-alpha.2+glitch", "mastodon", Way.EDIT),
    ],
)
def test_each_family_is_written_to_from_the_version_that_is_proven(
    server: Server, name: str, version: str, family: str, way: Way
) -> None:
    server.has_nodeinfo(name, version)
    found = detected(server.url)
    assert (found.family, found.instance.version) == (family, version)
    assert (found.capabilities.way, found.capabilities.can_write) == (way, way is not Way.NONE)
    assert found.capabilities.can_write or (
        "by hand" in found.capabilities.reason and version in found.capabilities.reason
    )


@pytest.mark.parametrize("like", ["mastodon", "gotosocial", "pixelfed", "takahe", "pleroma", "snac"])
def test_every_sandbox_is_known_for_what_it_is(tmp_path: Path, like: str) -> None:
    with running_sandbox(tmp_path, with_samples=False, like=like) as sandbox:
        found = detected(sandbox.url)
    assert (found.family, found.instance.software) == (like, like)
    assert found.capabilities.can_write


def test_a_number_that_is_not_the_softwares_own_is_not_compared(server: Server) -> None:
    """Pixelfed says that it is like Mastodon 3.5.3, snac that it is like 4.0.0."""
    server.has_nodeinfo("pixelfed", "0.11.13")
    server.says("/api/v2/instance", {"version": "3.5.3 (compatible; Pixelfed 0.11.13)"})
    found = detected(server.url)
    assert (found.instance.version, found.capabilities.way) == ("0.11.13", Way.MEDIA)


def test_of_two_versions_of_the_same_software_the_lower_one_counts(server: Server) -> None:
    server.has_nodeinfo("snac", "2.96")
    server.says("/api/v1/instance", {"version": "4.0.0 (not true; really snac/2.75)"})
    assert not detected(server.url).capabilities.can_write


@pytest.mark.parametrize(
    ("software", "version", "added"),
    [
        ("mastodon", "4.2.10+hometown-1.1.1", "+hometown-1.1.1"),
        ("mastodon", "4.2.8-hometown", "-hometown"),
        ("mastodon", "4.3.0+kmyblue.5", "+kmyblue.5"),
        ("mastodon", "4.3.0+chuckya", "+chuckya"),
        ("mastodon", "4.5.0+polyam", "+polyam"),
        ("mastodon", "4.5.0-alpha.1+polyam", "+polyam"),
        ("mastodon", "4.5.0+glitchfork", "+glitchfork"),
        ("mastodon", "4.5.0%s", "%s"),
        ("mastodon", "4.5.0-developed", "-developed"),
        ("pleroma", "2.9.1+soapbox", "+soapbox"),
        ("pleroma", "2.9.1-12-gabcdef-rebased", "-12-gabcdef-rebased"),
        ("gotosocial", "0.20.0 slopsocial", "slopsocial"),
        ("pixelfed", "0.12.4-glitch.1.9.0", "-glitch.1.9.0"),
        ("takahe", "0.11.0+mine", "+mine"),
        ("snac", "2.96+x", "+x"),
    ],
)
@pytest.mark.parametrize("told_by", ["nodeinfo", "instance"])
def test_a_fork_that_keeps_the_name_is_known_by_its_version_and_only_read(
    server: Server, software: str, version: str, added: str, told_by: str
) -> None:
    server.has_nodeinfo(software, version if told_by == "nodeinfo" else release_of(version))
    if told_by == "instance":
        shown = {
            "pleroma": "2.7.2 (compatible; Pleroma {})",
            "pixelfed": "3.5.3 (compatible; Pixelfed {})",
            "takahe": "takahe/{}",
            "snac": "4.0.0 (not true; really snac/{})",
        }
        if software == "gotosocial":
            pytest.skip("its instance object is not compared")
        server.says("/api/v2/instance", {"version": shown.get(software, "{}").format(version)})
    found = detected(server.url)
    assert (found.family, found.capabilities.can_write) == (software, False)
    assert f"“{added}”" in found.capabilities.reason
    assert "by hand" in found.capabilities.reason


@pytest.mark.parametrize("profile", [one.profile for one in FAMILIES.values()], ids=lambda profile: profile.family)
def test_every_build_that_a_profile_names_is_its_own(profile: Profile) -> None:
    for version in ["4.5.0", "4.5.0rc1", "4.5.0-beta.2", "4.5.0-nightly.2025-08-01", "4.5-dev", "0.20.0-SNAPSHOT"]:
        assert profile.fork_in(version) == ""
    for build in profile.builds:
        assert profile.fork_in(build.example) == ""
        assert profile.fork_in(build.example + "+another") != "" or "glitch" in build.example


def release_of(version: str) -> str:
    return ".".join(str(number) for number in release(version))


def test_the_limit_of_pleroma_is_read_where_it_stands(server: Server) -> None:
    server.has_nodeinfo("pleroma", "2.7.0")
    server.says("/api/v1/instance", {"version": "2.7.2 (compatible; Pleroma 2.7.0)", "description_limit": 777})
    assert detected(server.url).instance.alt_text_limit == 777
    assert "/api/v2/instance" not in server.asked


@pytest.mark.parametrize(
    ("name", "limit"), [("pixelfed", 1000), ("gotosocial", 1500), ("takahe", None), ("snac", None)]
)
def test_a_family_has_the_limit_that_it_is_known_for(server: Server, name: str, limit: int | None) -> None:
    server.has_nodeinfo(name, "9.9")
    assert detected(server.url).capabilities.alt_text_limit == limit


def test_nodeinfo_is_asked_on_the_same_host_whatever_it_links_to(server: Server) -> None:
    server.has_nodeinfo("mastodon", "4.4.0", host="https://evil.example")
    assert detected(server.url).instance.software == "mastodon"
    assert "/nodeinfo/2.0?x=1" in server.asked


def test_the_newest_nodeinfo_counts(server: Server) -> None:
    links = [{"rel": SCHEMA + version, "href": f"/nodeinfo/{version}"} for version in ("1.0", "2.1", "2.0")]
    server.says("/.well-known/nodeinfo", {"links": [*links, {"rel": "other", "href": "/x"}]})
    server.says("/nodeinfo/2.1", {"software": {"name": "mastodon", "version": "4.4.0"}})
    assert detected(server.url).family == MASTODON


@pytest.mark.parametrize(
    ("instance", "software", "family"),
    [
        ({"version": "4.5.0+glitch", "source_url": "https://github.com/glitch-soc/mastodon"}, "mastodon", MASTODON),
        ({"version": "4.4.1", "source_url": "https://github.com/mastodon/mastodon"}, "mastodon", MASTODON),
        ({"version": "4.4.1"}, "", UNKNOWN),
        ({"version": "4.4.1", "source_url": None}, "", UNKNOWN),
        (
            {"version": "0.20.0", "source_url": "https://codeberg.org/superseriousbusiness/gotosocial"},
            "gotosocial",
            "gotosocial",
        ),
        ({"version": "2.7.2 (compatible; Pleroma 2.6)"}, "pleroma", "pleroma"),
        ({"version": "2.7.2 (compatible; Akkoma 3.10.4)"}, "akkoma", "pleroma"),
        ({"version": "3.5.3 (compatible; Pixelfed 0.11.13)"}, "pixelfed", "pixelfed"),
        ({"version": "takahe/0.11.0"}, "takahe", "takahe"),
        ({"version": "4.0.0 (not true; really snac/2.96)"}, "snac", "snac"),
        ({}, "", UNKNOWN),
    ],
)
def test_without_nodeinfo_the_instance_names_itself(
    server: Server, instance: dict[str, Any], software: str, family: str
) -> None:
    server.says("/api/v2/instance", instance)
    found = detected(server.url)
    assert (found.instance.software, found.family) == (software, family)


@pytest.mark.parametrize(
    "instance",
    [
        {"source_url": "https://github.com/someone/mastodon"},
        {"source_url": "https://github.com/someone/Mastodon/"},
        {"source_url": "mastodon"},
        {"source_url": "https://github.com/someone/gotosocial"},
        {"source_url": "https://github.com/Mastodon/mastodon"},
        {"version": "mastodon/4.4.0"},
        {"version": "4.4.0 (compatible; Mastodon 4.4.0)"},
    ],
)
def test_a_copy_of_mastodon_is_not_taken_for_mastodon(server: Server, instance: dict[str, Any]) -> None:
    server.says("/api/v2/instance", {"version": "4.4.1"} | instance)
    found = detected(server.url)
    assert found.family == UNKNOWN
    assert found.instance.software != MASTODON
    assert not capabilities_of(found.instance, MASTODON).can_write
    assert "by hand" in found.capabilities.reason


@pytest.mark.parametrize(
    ("version", "software"),
    [
        ("2.7.2 (compatible; Pleroma 2.6.0)", "pleroma"),
        ("takahe/0.11.0", "takahe"),
        ("3.5.3 (compatible; Pixelfed 0.11.13)", "pixelfed"),
    ],
)
@pytest.mark.parametrize("api_version", ["v1", "v2"])
def test_a_nodeinfo_that_the_instance_contradicts_is_not_believed(
    server: Server, version: str, software: str, api_version: str
) -> None:
    server.has_nodeinfo("mastodon", "4.4.0")
    server.says(f"/api/{api_version}/instance", {"version": version})
    found = detected(server.url)
    assert (found.family, found.instance.software) == (UNKNOWN, software)
    assert software in found.capabilities.reason


@pytest.mark.parametrize("version", ["3.5.3", "nightly", "Akkoma 3.10"])
def test_of_two_versions_the_one_that_allows_less_counts(server: Server, version: str) -> None:
    server.has_nodeinfo("mastodon", "4.4.0")
    server.says("/api/v2/instance", {"version": version})
    found = detected(server.url)
    assert found.instance.version == version
    assert not found.capabilities.can_write


@pytest.mark.parametrize("version", ["4.4.0", "4.5.0+glitch", "4.4.0+glitch.main", "", None, 4.4])
def test_a_version_that_does_not_contradict_changes_nothing(server: Server, version: Any) -> None:
    server.has_nodeinfo("mastodon", "4.4.0")
    server.says("/api/v2/instance", {"version": version})
    assert detected(server.url).capabilities.can_write


HREFS: list[Any] = ["https://[bad", "http://x]/", None, 7, {}, "https://x/\x1b", "https://x/\ud800", "https://x/\x00"]


@pytest.mark.parametrize("href", HREFS)
def test_a_hostile_link_of_nodeinfo_is_passed_over(server: Server, href: Any) -> None:
    server.says("/.well-known/nodeinfo", {"links": [{"rel": SCHEMA + "2.1", "href": href}]})
    with pytest.raises(PlatformRefused, match="no nodeinfo that we understand"):
        detected(server.url)


@pytest.mark.parametrize("odd", [None, 7, "link", [], {}, {"rel": None, "href": "/x"}, {"rel": 2, "href": 3}])
def test_odd_links_do_not_hide_the_good_one(server: Server, odd: Any) -> None:
    good = {"rel": SCHEMA + "2.0", "href": "/nodeinfo/2.0"}
    server.says("/.well-known/nodeinfo", {"links": [odd, good, {"rel": SCHEMA + "2.1", "href": "https://[bad"}]})
    server.says("/nodeinfo/2.0", {"software": {"name": "mastodon", "version": "4.4.0"}})
    assert detected(server.url).family == MASTODON


@pytest.mark.parametrize(
    ("software", "named"),
    [
        ({"name": "mastodon", "version": 4.4}, "mastodon"),
        ({"name": "mastodon"}, "mastodon"),
        ({"name": "mastodon", "version": None}, "mastodon"),
        ({"name": 7, "version": "4.4.0"}, "gotosocial"),
        ({"name": "", "version": "4.4.0"}, "gotosocial"),
        ("mastodon", "gotosocial"),
    ],
)
def test_an_odd_software_in_nodeinfo_is_not_written_to(server: Server, software: Any, named: str) -> None:
    server.says("/.well-known/nodeinfo", {"links": [{"rel": SCHEMA + "2.0", "href": "/nodeinfo/2.0"}]})
    server.says("/nodeinfo/2.0", {"software": software})
    server.says("/api/v2/instance", {"source_url": "https://codeberg.org/superseriousbusiness/gotosocial"})
    found = detected(server.url)
    assert found.instance.software == named
    assert not found.capabilities.can_write


def test_an_odd_instance_object_does_not_end_detection(server: Server) -> None:
    server.says("/api/v2/instance", {"version": 4.4, "source_url": ["x"], "title": {}, "configuration": 7})
    assert detected(server.url).instance == Instance("", "")


def test_what_the_server_calls_itself_is_cleaned_and_cut(server: Server) -> None:
    server.has_nodeinfo("evil\x1b[2J\u202e\nsoft", "1.0\r\n" + "9" * 200)
    server.says("/api/v2/instance", {"title": "Our\x1b\n\u2066place"})
    found = detected(server.url)
    assert found.instance.software == "evil[2j soft"
    assert found.instance.title == "Our place"
    assert len(found.instance.version) == 100
    assert found.capabilities.reason.isprintable()


def test_a_server_without_version_2_is_asked_for_version_1(server: Server) -> None:
    server.says("/api/v1/instance", {"version": "2.7.2 (compatible; Pleroma 2.6)", "description_limit": 5000})
    found = detected(server.url)
    assert (found.instance.software, found.instance.version, found.instance.alt_text_limit) == ("pleroma", "2.6", 5000)


@pytest.mark.parametrize(
    ("configuration", "limit"),
    [
        ({"media_attachments": {"description_limit": 777}}, 777),
        ({"media_attachments": {"description_limit": "777"}}, 1500),
        ({"media_attachments": {"description_limit": -1}}, 1500),
        ({"media_attachments": {"description_limit": True}}, 1500),
        ({"media_attachments": []}, 1500),
        (None, 1500),
    ],
)
def test_a_mastodon_that_states_no_limit_has_1500(server: Server, configuration: Any, limit: int) -> None:
    server.has_nodeinfo("mastodon", "4.2.0")
    server.says("/api/v2/instance", {"configuration": configuration, "title": "Ours"})
    found = detected(server.url).instance
    assert (found.alt_text_limit, found.title) == (limit, "Ours")


def test_another_software_without_a_limit_has_none(server: Server) -> None:
    server.has_nodeinfo("takahe", "0.11.0")
    assert detected(server.url).instance.alt_text_limit is None


def test_a_web_site_is_no_server_of_the_fediverse(httpserver: HTTPServer) -> None:
    httpserver.expect_request(re.compile(".*")).respond_with_data("<h1>Hello</h1>", content_type="text/html")
    with pytest.raises(PlatformRefused, match="web page"):
        detected(httpserver.url_for("").rstrip("/"))


def test_a_server_that_says_nothing_is_refused(server: Server) -> None:
    with pytest.raises(PlatformRefused, match="does not say which software"):
        detected(server.url)


def test_a_server_that_redirects_is_named(httpserver: HTTPServer) -> None:
    away = Response(status=301, headers={"Location": "https://social.example/"})
    httpserver.expect_request(re.compile(".*")).respond_with_handler(lambda _request: away)
    with pytest.raises(PlatformRefused, match=r"sends us on to social\.example"):
        detected(httpserver.url_for("").rstrip("/"))


@pytest.mark.parametrize("path", ["/.well-known/nodeinfo", "/api/v2/instance"])
def test_trouble_that_may_pass_is_not_taken_for_an_answer(server: Server, path: str) -> None:
    if path != "/.well-known/nodeinfo":
        server.has_nodeinfo("mastodon", "4.4.0")
    server.says(path, {"error": "busy"}, status=503)
    with pytest.raises(PlatformUnavailable):
        detected(server.url)


def test_a_stored_family_that_does_not_fit_the_software_is_not_written_to() -> None:
    assert not capabilities_of(Instance("mastodon", "4.4.0"), UNKNOWN).can_write
    assert not capabilities_of(Instance("pixelfed", "4.4.0"), MASTODON).can_write


def test_the_families_are_those_of_the_model() -> None:
    assert set(FAMILIES) == set(Family.values)
    assert family_of(Instance("", "")) == UNKNOWN
