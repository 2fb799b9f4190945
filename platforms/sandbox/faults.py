"""Faults on demand: what goes wrong on real servers, made to happen when a test asks for it.

A fault is a row, so that another process can set it. It waits for requests whose method and path fit, lets the first
`skip` of them pass, then hits `times` of them (None: all, until cleared).

| kind | what happens | options |
|---|---|---|
| status | the request is refused with this HTTP status | `status` (429, 503, 401, 404, …); `retry_after` seconds; |
| | | `retry_after_date` seconds from now, sent as a date; with both, two headers; `reset_after` seconds, sent as |
| | | X-RateLimit-Reset in the shape `reset_shape` (`iso`, `epoch`, `delta`) |
| slow | the answer comes late | `delay_ms` (1000) |
| reset | the connection is reset instead of an answer | `after` |
| html | a web page with status 200 instead of the answer | `status` (200), `after` |
| truncated | the request is carried out, but half of the answer's body is missing | |
| conflict | somebody else edits the post: after a GET was answered, before anything else is | `text`, `status_id` |
| drop_alt | an edit silently loses the first alt text that it sets, PUT media the one that it sends | |
| drop_image | an edit silently loses the last picture | |

`after` true means that the request is carried out and only the answer is lost, as when a proxy gives up.
"""

import json
import sqlite3
from dataclasses import dataclass
from time import time
from typing import Any

from platforms.sandbox.traffic import Shape, Wait, reset_header, retry_headers
from platforms.sandbox.wire import Request, Response, json_response

OPTIONS: dict[str, frozenset[str]] = {
    "status": frozenset({"status", "retry_after", "retry_after_date", "reset_after", "reset_shape"}),
    "slow": frozenset({"delay_ms"}),
    "reset": frozenset({"after"}),
    "html": frozenset({"status", "after"}),
    "truncated": frozenset(),
    "conflict": frozenset({"text", "status_id"}),
    "drop_alt": frozenset(),
    "drop_image": frozenset(),
}
MESSAGES = {
    401: "The access token was revoked",
    403: "This action is not allowed",
    404: "Record not found",
    422: "Validation failed",
    429: "Too many requests",
    503: "There was a temporary problem serving your request, please try again",
}
PAGE = (
    "<!DOCTYPE html><html lang=en><title>Please wait</title><h1>Checking your browser</h1><p>This takes a moment.</p>"
)


@dataclass(frozen=True)
class Fault:
    """A fault that hits the request at hand."""

    kind: str
    options: dict[str, Any]

    @property
    def lets_work_happen(self) -> bool:
        """Whether the request is carried out although its answer is spoilt."""
        return self.kind not in ("status", "reset", "html") or bool(self.options.get("after"))


def add(
    db: sqlite3.Connection,
    kind: str | int,
    *,
    method: str = "",
    path_prefix: str = "/",
    times: int | None = 1,
    skip: int = 0,
    **options: Any,
) -> None:
    """Set a fault; a number as `kind` is a status. Raises ValueError for a kind or an option that does not exist."""
    if str(kind).isdigit():
        kind, options = "status", {"status": int(kind), **options}
    known = OPTIONS.get(str(kind))
    if known is None:
        raise ValueError(f"No fault is called {kind}. There are: {', '.join(OPTIONS)}, or a status code.")
    if unknown := set(options) - known:
        raise ValueError(f"The fault {kind} has no option {', '.join(sorted(unknown))}.")
    Shape(options.get("reset_shape", Shape.ISO))
    db.execute(
        "INSERT INTO faults (kind, method, path_prefix, times, skip, options) VALUES (?, ?, ?, ?, ?, ?)",
        (kind, method.upper(), path_prefix, -1 if times is None else times, skip, json.dumps(options)),
    )


def clear(db: sqlite3.Connection) -> None:
    """Remove every fault."""
    db.execute("DELETE FROM faults")


def waiting(db: sqlite3.Connection) -> bool:
    """Whether any fault is set at all: cheap, and asked for each request."""
    return db.execute("SELECT 1 FROM faults WHERE times != 0 LIMIT 1").fetchone() is not None


def take(db: sqlite3.Connection, method: str, path: str) -> list[Fault]:
    """Faults that hit this request, used up by it: any number of slow ones, and the oldest of the others."""
    rows = db.execute(
        "SELECT * FROM faults WHERE times != 0 AND method IN ('', ?)"
        " AND substr(?, 1, length(path_prefix)) = path_prefix ORDER BY id",
        (method, path),
    ).fetchall()
    taken: list[Fault] = []
    for row in rows:
        if row["skip"]:
            db.execute("UPDATE faults SET skip = skip - 1 WHERE id = ?", (row["id"],))
            continue
        if row["kind"] != "slow" and any(one.kind != "slow" for one in taken):
            continue
        db.execute("UPDATE faults SET times = times - 1 WHERE id = ? AND times > 0", (row["id"],))
        taken.append(Fault(row["kind"], json.loads(row["options"])))
    return taken


def refusal(fault: Fault) -> Response:
    """The answer of a `status` fault."""
    status = int(fault.options.get("status", 503))
    response = json_response({"error": MESSAGES.get(status, "Something went wrong")}, status)
    if "retry_after" in fault.options:
        response.more.append(("Retry-After", str(fault.options["retry_after"])))
    if "retry_after_date" in fault.options:
        response.more += retry_headers(Wait.DATE, time() + fault.options["retry_after_date"])
    if "reset_after" in fault.options:
        shape = Shape(fault.options.get("reset_shape", Shape.ISO))
        response.headers |= {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset_header(shape, time() + fault.options["reset_after"]),
        }
    return response


def web_page(fault: Fault) -> Response:
    """The answer of an `html` fault."""
    status = int(fault.options.get("status", 200))
    return Response(status, PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"})


def lose(fault: Fault, request: Request) -> None:
    """Take out of an edit what a `drop_alt` or `drop_image` fault loses."""
    if fault.kind == "drop_image" and isinstance(request.params.get("media_ids"), list):
        request.params["media_ids"] = request.params["media_ids"][:-1]
    if fault.kind == "drop_alt":
        if request.path.startswith("/api/v1/media/"):
            request.params.pop("description", None)
        attributes = request.params.get("media_attributes")
        for given in attributes if isinstance(attributes, list) else []:
            if isinstance(given, dict) and given.pop("description", None) is not None:
                return
