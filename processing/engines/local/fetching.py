"""Fetching a model from the hub: only what is needed to use it, each file checked against the hub's own list.

The hub's interface as of November 2026: `GET /api/models/OWNER/NAME/tree/REVISION` lists files with size and hash,
`GET /OWNER/NAME/resolve/REVISION/PATH` gives one, mostly by a redirect to another server. Large files are fetched in
pieces by HTTP ranges, so that what an interruption left is gone on with. Nothing about this installation is told.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit

from processing.engine_models import COMPLETE, HubModel
from vedfolnir.lib.outbound import HttpClient, OutboundError, OutboundRefused, OutboundUnavailable, Response, Timeout

PIECE = 8 * 1024 * 1024  # bytes of one request
TRIES = 4  # of one piece
SPARE = 200 * 1024 * 1024  # bytes that stay free on the disk
TIMEOUT = Timeout(connect=10.0, read=60.0, total=600.0)  # seconds for one piece: 14 kB/s are enough
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
LIST_BYTES = 4 * 1024 * 1024
_KEPT = "What has arrived is kept: the same command goes on from there."

# Weights in a format that cannot hold code, and what belongs to them. Repositories also have the same weights for other
# software, in folders and formats of their own.
_WANTED_ENDINGS = (".safetensors", ".safetensors.index.json", ".json", ".txt", ".jinja", ".model")


class FetchFailed(Exception):
    """The model could not be fetched. The text says why and what to do; what has arrived is kept."""


class Progress(Protocol):
    """Is told of bytes as they arrive."""

    def __call__(self, count: int, /) -> object: ...


@dataclass(frozen=True)
class RemoteFile:
    """A file in the hub's list."""

    path: str
    size: int  # bytes
    sha256: str  # of files in the large file storage; else empty
    git_id: str  # SHA-1 of "blob SIZE\0" and the content, as Git counts

    def is_content_of(self, path: Path) -> bool:
        """Whether the file at `path` is this one, byte for byte."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        if self.sha256:
            digest = hashlib.sha256()
            expected = self.sha256
        else:
            digest = hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)
            expected = self.git_id
        with path.open("rb") as content:
            while block := content.read(1024 * 1024):
                digest.update(block)
        return digest.hexdigest() == expected


@dataclass(frozen=True)
class Plan:
    """What is to be fetched and where to."""

    model: HubModel
    folder: Path
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole model."""
        return sum(file.size for file in self.files)

    @property
    def here(self) -> int:
        """Bytes of it that are there already."""
        return sum(min(file.size, _size_of(self.folder, file)) for file in self.files)


@dataclass
class Hub:
    """A server that has models, by the hub's interface. `allow` as for `HttpClient`."""

    url: str
    allow: Collection[str] = ()
    pause: Callable[[float], object] = time.sleep  # seconds, between two attempts
    _clients: dict[str, HttpClient] = field(default_factory=dict, repr=False)

    def plan(self, model: HubModel, models: Path) -> Plan:
        """What the model consists of. Raises FetchFailed."""
        path = f"/api/models/{quote(model.repository)}/tree/{model.revision}"
        response = self._get(f"{self.url.rstrip('/')}{path}", {}, LIST_BYTES)
        if response.status != 200:
            raise FetchFailed(self._refusal(response, model.pinned))
        try:
            listed = response.json()
            files = tuple(file for file in map(_remote_file, listed) if _is_wanted(file.path))
        except (OutboundRefused, KeyError, TypeError, ValueError, AttributeError) as error:
            raise FetchFailed(f"{self.url} does not answer like the hub. Check HF_ENDPOINT.") from error
        if not any(file.path.endswith(".safetensors") for file in files):
            raise FetchFailed(
                f"{model.label} has no weights in the safetensors format, and no other is taken: others may hold code. "
                "Choose another model."
            )
        return Plan(model, model.folder(models), files)

    def fetch(self, plan: Plan, progress: Progress) -> Path:
        """Fetch what is missing and check it all; returns the folder. `progress` counts new bytes only.

        Raises FetchFailed: no network, the hub is down, too little space, a file that differs from the hub's list,
        another fetch under way.
        """
        try:
            plan.folder.mkdir(parents=True, exist_ok=True)
            with _alone(plan.folder):
                _require_space(plan)
                for file in plan.files:
                    self._fetch_file(plan, file, progress)
                _note_complete(plan)
        except OSError as error:
            raise FetchFailed(f"{error.filename or plan.folder}: {error.strerror or error}.") from error
        return plan.folder

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _fetch_file(self, plan: Plan, file: RemoteFile, progress: Progress) -> None:
        target = plan.folder / file.path
        if target.is_file() and target.stat().st_size == file.size:
            return  # it got its name only after it had been checked
        partial = _partial(plan.folder, file)
        url = f"{self.url.rstrip('/')}/{quote(plan.model.repository)}/resolve/{plan.model.revision}/{quote(file.path)}"
        with partial.open("ab") as out:
            if out.tell() > file.size:
                out.truncate(0)
            while (begin := out.seek(0, os.SEEK_END)) < file.size:
                piece = self._piece(url, file, begin)
                out.write(piece)
                progress(len(piece))
        if not file.is_content_of(partial):
            partial.unlink()
            raise FetchFailed(
                f"{file.path} arrived with another content than the hub's list says, and was removed. Try again; if it "
                f"happens again, something between here and {urlsplit(self.url).hostname} changes files."
            )
        partial.rename(target)

    def _piece(self, url: str, file: RemoteFile, begin: int) -> bytes:
        """Some bytes from `begin` on, at least one."""
        end = min(begin + PIECE, file.size)
        headers = {"Range": f"bytes={begin}-{end - 1}", "Accept": "*/*", "Accept-Encoding": "identity"}
        response = self._get(url, headers, max(PIECE, LIST_BYTES), _KEPT)
        whole = response.status == 200 and len(response.body) == file.size
        if whole:
            return response.body[begin:]
        if response.status != 206:
            raise FetchFailed(self._refusal(response, file.path))
        if len(response.body) != end - begin:
            raise FetchFailed(f"{file.path}: the server sent another part of the file than was asked for. Try again.")
        return response.body

    def _get(self, url: str, headers: dict[str, str], max_bytes: int, then: str = "") -> Response:
        """The answer after all redirects; outages and errors of servers are tried again. `then` ends a failure."""
        for number in range(1, TRIES + 1):
            try:
                response = self._redirected(url, headers, max_bytes)
            except OutboundUnavailable as error:
                if number == TRIES:
                    raise FetchFailed(
                        f"{error.reason} Is there a way from this machine to the hub? {then}".rstrip()
                    ) from error
            except OutboundError as error:
                raise FetchFailed(error.reason) from error
            else:
                if number == TRIES or (response.status < 500 and response.status not in {408, 429}):
                    return response
            self.pause(2.0**number)
        raise AssertionError("unreachable")

    def _redirected(self, url: str, headers: dict[str, str], max_bytes: int) -> Response:
        for _hop in range(MOST_REDIRECTS + 1):
            parts = urlsplit(url)
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            client = self._client(f"{parts.scheme}://{parts.netloc}")
            response = client.get(path, headers=headers, max_bytes=max_bytes)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                return response
            url = _joined(url, response.headers["Location"])
        raise OutboundRefused("The hub redirected more than %(count)s times.", count=MOST_REDIRECTS)

    def _client(self, origin: str) -> HttpClient:
        """The hub itself is the operator's own choice; where it redirects to must be a public server."""
        if origin not in self._clients:
            own = urlsplit(self.url)
            exempt = origin == f"{own.scheme}://{own.netloc}"
            self._clients[origin] = HttpClient(origin, allow=self.allow, exempt=exempt, timeout=TIMEOUT)
        return self._clients[origin]

    def _refusal(self, response: Response, what: str) -> str:
        host = urlsplit(self.url).hostname
        if response.status in {401, 403}:
            return (
                f"{host} does not give {what} to everybody (status {response.status}): there is none of that name, or "
                "its makers want consent first. Choose another model, or fetch it yourself and name its folder as "
                "TRANSFORMERS_MODEL."
            )
        if response.status == 404:
            return f"{host} has no {what}. Check the name and the commit."
        return f"{host} answered {response.status} when asked for {what}. Try again later."


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    """One of the hub's list. Raises KeyError, TypeError and ValueError for what is none."""
    path, size, lfs = str(entry["path"]), int(entry["size"]), entry.get("lfs") or {}
    if entry["type"] != "file":
        return RemoteFile("", 0, "", "")
    if "/" in path or "\\" in path or path in {".", ".."} or size < 0:
        raise ValueError(path)
    return RemoteFile(path, size, str(lfs.get("oid", "")), str(entry["oid"]))


def _is_wanted(path: str) -> bool:
    return path.endswith(_WANTED_ENDINGS) and not path.startswith(".")


def _joined(url: str, location: str) -> str:
    following = urljoin(url, location)
    if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
        raise OutboundRefused("The hub redirects from https to plain http, which is not safe.")
    return following


def _partial(folder: Path, file: RemoteFile) -> Path:
    return folder / f"{file.path}.partial"


def _size_of(folder: Path, file: RemoteFile) -> int:
    for path in (folder / file.path, _partial(folder, file)):
        if path.is_file():
            return path.stat().st_size
    return 0


def _require_space(plan: Plan) -> None:
    wanted = plan.size - plan.here + SPARE
    free = shutil.disk_usage(plan.folder).free
    if free < wanted:
        raise FetchFailed(
            f"{wanted / 1e9:.1f} GB are needed in {plan.folder}, and {free / 1e9:.1f} GB are free. Make room, or set "
            "MODEL_FOLDER to a folder on a larger disk."
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that write the same file would spoil it. Raises FetchFailed if another process is at it."""
    with (folder / ".lock").open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise FetchFailed("Another process is fetching this model. Wait for it to end.") from error
        yield


def _note_complete(plan: Plan) -> None:
    """Say that all is there. Only now is the model used."""
    known = {file.path: {"size": file.size, "sha256": file.sha256, "git": file.git_id} for file in plan.files}
    draft = plan.folder / f".{COMPLETE}"
    draft.write_text(json.dumps({"model": plan.model.pinned, "files": known}, indent=1), encoding="utf-8")
    draft.replace(plan.folder / COMPLETE)
