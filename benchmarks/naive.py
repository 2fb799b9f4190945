"""The comparator: a publisher as they are usually written. `python -m benchmarks.naive QUEUE ORDERS`.

It marks a post as done and then sends what it wants to change, as a queue that acknowledges early does; it sends no
more than that (the publisher that Vedfolnir replaces did so), and does not look at what became of it. Where servers
take alt texts picture by picture it sends just that, so there it can only lose and not damage.

The queue is an SQLite file: `posts` (id, family, url, token, body as JSON, done). Standard library and requests only.
"""

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import requests

from benchmarks import orders

STEPS = ("taken", "marked", "sent")


def create(queue: Path) -> None:
    """An empty queue."""
    with sqlite3.connect(queue) as db:
        db.execute("CREATE TABLE posts (id TEXT, family TEXT, url TEXT, token TEXT, texts TEXT, done INTEGER)")


def add(queue: Path, rows: list[tuple[str, str, str, str, dict[str, str]]]) -> None:
    """Posts: id, family, address, token, and what each picture (by id) shall be described as."""
    with sqlite3.connect(queue) as db:
        db.executemany("INSERT INTO posts VALUES (?, ?, ?, ?, ?, 0)", [(*row[:4], json.dumps(row[4])) for row in rows])


def left(queue: Path) -> int:
    """How many posts are not marked as done."""
    with sqlite3.connect(queue) as db:
        return int(db.execute("SELECT count(*) FROM posts WHERE NOT done").fetchone()[0])


def work(queue: Path, folder: Path) -> None:
    """Publish until nothing is left."""
    db = sqlite3.connect(queue, isolation_level=None)
    with requests.Session() as session:
        while row := db.execute("SELECT rowid, * FROM posts WHERE NOT done ORDER BY rowid LIMIT 1").fetchone():
            number, status_id, family, url, token, texts, _done = row
            session.headers["Authorization"] = f"Bearer {token}"
            orders.take(folder, family, "taken")
            db.execute("UPDATE posts SET done = 1 WHERE rowid = ?", (number,))
            orders.take(folder, family, "marked")
            _send(session, family, url, status_id, json.loads(texts))
            orders.take(folder, family, "sent")
    db.close()


def _send(session: requests.Session, family: str, url: str, status_id: str, texts: dict[str, str]) -> None:
    if family in ("pixelfed", "takahe"):
        for picture, text in texts.items():
            session.put(f"{url}/api/v1/media/{picture}", json={"description": text}, timeout=30)
        return
    post: dict[str, Any] = session.get(f"{url}/api/v1/statuses/{status_id}/source", timeout=30).json()
    attributes = [{"id": picture, "description": text} for picture, text in texts.items()]
    body = {"status": post["text"], "media_ids": list(texts), "media_attributes": attributes}
    session.put(f"{url}/api/v1/statuses/{status_id}", json=body, timeout=30)


if __name__ == "__main__":
    work(Path(sys.argv[1]), Path(sys.argv[2]))
