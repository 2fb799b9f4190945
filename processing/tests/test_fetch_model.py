"""Fetching a model from a hub on loopback: whole, interrupted, spoilt, refused."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from pytest_httpserver import HTTPServer

from processing.engine_models import COMPLETE, CPU_MODEL, GPU_MODEL, FolderModel, HubModel, ModelMissing, parse_model
from processing.engines.local import fetching
from processing.engines.local.fetching import FetchFailed, Hub
from processing.tests.hub import REVISION, OwnHub

WEIGHTS = os.urandom(100_000)


@pytest.fixture
def own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnHub]:
    monkeypatch.setattr(fetching, "PIECE", 10_000)
    files = {
        ".gitattributes": b"*.safetensors filter=lfs",
        "README.md": b"# Tiny",
        "config.json": b"{}",
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"code",
    }
    with HTTPServer(host="127.0.0.1") as server:
        yield OwnHub(server, files)


def hub(own: OwnHub) -> Hub:
    return Hub(own.url, pause=lambda seconds: None)


def fetch(own: OwnHub, models: Path) -> tuple[Path, int]:
    """The folder, and how many bytes it was told of."""
    counted: list[int] = []
    client = hub(own)
    try:
        return client.fetch(client.plan(own.model, models), counted.append), sum(counted)
    finally:
        client.close()


def test_only_weights_that_cannot_hold_code_and_what_belongs_to_them_are_fetched(
    own_hub: OwnHub, tmp_path: Path
) -> None:
    folder, counted = fetch(own_hub, tmp_path)
    assert folder == tmp_path / "somebody--tiny" / REVISION
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", COMPLETE, ".lock"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert counted == len(WEIGHTS) + 2
    assert json.loads((folder / COMPLETE).read_text())["model"] == own_hub.model.pinned
    assert own_hub.model.require(tmp_path) == folder


def test_an_interrupted_fetch_goes_on_where_it_ended(own_hub: OwnHub, tmp_path: Path) -> None:
    own_hub.breaks_after = 50_000
    with pytest.raises(FetchFailed, match="answered 503"):
        fetch(own_hub, tmp_path)
    with pytest.raises(ModelMissing, match="Fetch it with"):
        own_hub.model.require(tmp_path)
    arrived = own_hub.given
    assert hub(own_hub).plan(own_hub.model, tmp_path).here == arrived

    own_hub.breaks_after = None
    folder, counted = fetch(own_hub, tmp_path)
    assert counted == len(WEIGHTS) + 2 - arrived
    assert own_hub.given == len(WEIGHTS) + 2, "something was fetched twice"
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_one_bad_moment_of_the_server_ends_nothing(own_hub: OwnHub, tmp_path: Path) -> None:
    own_hub.breaks_after = 30_000
    waited: list[float] = []

    def recover(seconds: float) -> None:
        waited.append(seconds)
        own_hub.breaks_after = None

    client = Hub(own_hub.url, pause=recover)
    client.fetch(client.plan(own_hub.model, tmp_path), lambda count: None)
    assert waited == [2.0]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_not_the_listed_one_is_removed(own_hub: OwnHub, tmp_path: Path, name: str) -> None:
    content = own_hub.files[name]
    own_hub.changed[name] = bytes([content[0] ^ 1]) + content[1:]
    with pytest.raises(FetchFailed, match="another content than the hub's list says"):
        fetch(own_hub, tmp_path)
    folder = own_hub.model.folder(tmp_path)
    assert not (folder / name).exists()
    assert not (folder / f"{name}.partial").exists()
    own_hub.changed.clear()
    assert fetch(own_hub, tmp_path)[0] == folder


def test_a_model_that_is_not_there_is_named(own_hub: OwnHub, tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match=r"has no nobody/nothing@0123456789abcdef.*Check the name and the commit"):
        hub(own_hub).plan(HubModel("nobody/nothing", REVISION), tmp_path)


def test_a_model_without_safe_weights_is_not_taken(own_hub: OwnHub, tmp_path: Path) -> None:
    del own_hub.files["model.safetensors"]
    with pytest.raises(FetchFailed, match="no other is taken"):
        hub(own_hub).plan(own_hub.model, tmp_path)


def test_a_server_that_is_no_hub_is_said(tmp_path: Path, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("hello")
    httpserver.expect_request(f"/api/models/a/b/tree/{REVISION}").respond_with_data("<html>", content_type="text/html")
    with pytest.raises(FetchFailed, match="Check HF_ENDPOINT"):
        Hub(httpserver.url_for("")).plan(HubModel("a/b", REVISION), tmp_path)


def test_a_list_that_leads_out_of_the_folder_is_refused(tmp_path: Path, httpserver: HTTPServer) -> None:
    entry = {"type": "file", "path": "../model.safetensors", "size": 1, "oid": "0" * 40}
    httpserver.expect_request(f"/api/models/a/b/tree/{REVISION}").respond_with_json([entry])
    with pytest.raises(FetchFailed, match="does not answer like the hub"):
        Hub(httpserver.url_for("")).plan(HubModel("a/b", REVISION), tmp_path)


def test_without_a_way_to_the_hub_it_says_so(tmp_path: Path) -> None:
    with HTTPServer(host="127.0.0.1") as server:
        url = server.url_for("")
    waited: list[float] = []
    with pytest.raises(FetchFailed, match="Is there a way from this machine to the hub"):
        Hub(url, pause=waited.append).plan(HubModel("a/b", REVISION), tmp_path)
    assert len(waited) == fetching.TRIES - 1


def test_a_full_disk_is_said_before_anything_is_fetched(
    own_hub: OwnHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    with pytest.raises(FetchFailed, match=r"0\.2 GB are needed .* Make room"):
        fetch(own_hub, tmp_path)
    assert own_hub.given == 0


def test_a_second_fetch_of_the_same_model_does_not_interfere(own_hub: OwnHub, tmp_path: Path) -> None:
    plan = hub(own_hub).plan(own_hub.model, tmp_path)
    plan.folder.mkdir(parents=True)
    with fetching._alone(plan.folder), pytest.raises(FetchFailed, match="Another process is fetching"):
        hub(own_hub).fetch(plan, lambda count: None)


def test_small_files_come_from_servers_without_ranges_too(own_hub: OwnHub, tmp_path: Path) -> None:
    own_hub.ranges = False
    assert fetch(own_hub, tmp_path)[0].is_dir()


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(own_hub: OwnHub, tmp_path: Path, settings: SimpleNamespace) -> OwnHub:
    settings.HF_ENDPOINT, settings.MODEL_FOLDER = own_hub.url, tmp_path
    return own_hub


def say(**options: object) -> str:
    out = io.StringIO()
    call_command("fetch_model", stdout=out, **options)
    return out.getvalue()


def test_the_command_says_size_and_place_and_fetches_nothing_twice(here: OwnHub, tmp_path: Path) -> None:
    assert "Nothing was fetched" in say(model=here.model.pinned, dry_run=True)
    assert here.given == 0
    said = say(model=here.model.pinned)
    assert "somebody/tiny@0123456789ab: 2 files, 0.1 MB" in said
    assert f"Fetched and checked: {tmp_path}" in said
    here.asked.clear()
    assert "is there" in say(model=here.model.pinned)
    assert here.asked == []


def test_the_command_fails_with_what_to_do(here: OwnHub) -> None:
    with pytest.raises(CommandError, match=r"nobody/nothing@0123456789ab could not be fetched.*Check the name"):
        say(model=f"nobody/nothing@{REVISION}")


@pytest.mark.parametrize("model", ["somebody/tiny", "somebody/tiny@main", "somebody/tiny@0123456"])
def test_a_model_without_its_commit_is_refused(model: str) -> None:
    with pytest.raises(CommandError, match=r"^--model is set wrongly.*names no revision"):
        say(model=model)


def test_a_wrong_setting_is_named(settings: SimpleNamespace) -> None:
    settings.TRANSFORMERS_MODEL = "somebody/tiny"
    with pytest.raises(CommandError, match=r"^TRANSFORMERS_MODEL is set wrongly\."):
        say(model="somebody/tiny")


def test_without_a_way_to_the_hub_nothing_is_said_to_be_kept(
    here: OwnHub, settings: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HF_ENDPOINT = "http://127.0.0.1:9"
    monkeypatch.setattr(fetching, "TRIES", 1)
    with pytest.raises(CommandError, match=r"Is there a way from this machine to the hub\?$"):
        say(model=here.model.pinned, dry_run=True)


def test_a_folder_of_ones_own_needs_no_fetching(tmp_path: Path) -> None:
    assert "nothing to fetch" in say(model=str(tmp_path))
    assert parse_model(str(tmp_path)) == FolderModel(tmp_path)


@pytest.mark.parametrize("model", [CPU_MODEL, GPU_MODEL])
def test_the_defaults_are_pinned(model: str) -> None:
    assert isinstance(parse_model(model), HubModel)
