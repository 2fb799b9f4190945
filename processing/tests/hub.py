"""A hub of our own on loopback, which speaks as much of the hub's interface as fetching a model takes.

It answers as huggingface.co does (looked up in November 2026): the list with Git's and the large file storage's hashes,
files by a redirect to another path, HTTP ranges.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from processing.engine_models import HubModel

REVISION = "0123456789abcdef0123456789abcdef01234567"
TINY = HubModel("somebody/tiny", REVISION)


@dataclass
class OwnHub:
    """Files by name; what was asked; and how many bytes it still gives before it breaks."""

    server: HTTPServer
    files: dict[str, bytes]
    model: HubModel = TINY
    asked: list[str] = field(default_factory=list)
    given: int = 0  # bytes of files
    breaks_after: int | None = None  # bytes; then it answers 503
    changed: dict[str, bytes] = field(default_factory=dict)  # what it sends instead of what it lists
    ranges: bool = True

    def __post_init__(self) -> None:
        self.server.expect_request(re.compile("/api/models/.*")).respond_with_handler(self._list)
        self.server.expect_request(re.compile("/[^/]+/[^/]+/resolve/.*")).respond_with_handler(self._redirect)
        self.server.expect_request(re.compile("/storage/.*")).respond_with_handler(self._file)

    @property
    def url(self) -> str:
        return self.server.url_for("").rstrip("/")

    def _list(self, request: Request) -> Response:
        self.asked.append(request.path)
        if request.path != f"/api/models/{self.model.repository}/tree/{self.model.revision}":
            return Response(json.dumps({"error": "Repository not found"}), 404, content_type="application/json")
        folder = {"type": "directory", "oid": "0" * 40, "size": 0, "path": "onnx"}
        entries = [folder, *(_entry(name, content) for name, content in self.files.items())]
        return Response(json.dumps(entries), content_type="application/json")

    def _redirect(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        if name not in self.files:
            return Response("Entry not found", 404)
        return Response("", 302, headers={"Location": f"/storage/{name}?signature=x%2Fy"})

    def _file(self, request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        content = self.changed.get(name, self.files[name])
        wanted = request.headers.get("Range", "")
        self.asked.append(f"{name} {wanted}")
        if self.breaks_after is not None and self.given >= self.breaks_after:
            return Response("overloaded", 503)
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        if not match or not self.ranges:
            self.given += len(content)
            return Response(content)
        begin, end = int(match[1]), min(int(match[2]), len(content) - 1)
        piece = content[begin : end + 1]
        self.given += len(piece)
        return Response(piece, 206, headers={"Content-Range": f"bytes {begin}-{end}/{len(content)}"})


def _entry(name: str, content: bytes) -> dict[str, Any]:
    blob = b"blob %d\0" % len(content)
    entry: dict[str, Any] = {
        "type": "file",
        "oid": hashlib.sha1(blob + content).hexdigest(),  # noqa: S324  (Git's own)
        "size": len(content),
        "path": name,
    }
    if name.endswith(".safetensors"):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
