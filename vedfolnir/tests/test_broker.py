import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection

from vedfolnir import broker


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    broker.register()
    folder = str(tmp_path / "messages")
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control")}
    with Connection("vedfolnir-files://localhost//", transport_options=options) as opened:  # type: ignore[no-untyped-call]
        yield opened


def channel_of(connection: Any) -> broker.Channel:
    channel = connection.channel()
    assert isinstance(channel, broker.Channel)
    return channel


def test_messages_come_back_in_their_order_and_once(connection: Any) -> None:
    channel = channel_of(connection)
    for number in range(5):
        channel._put("io", {"number": number})
    channel._put("captions", {"number": 99})
    assert channel._size("io") == 5
    assert [channel._get("io")["number"] for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(Empty):
        channel._get("io")
    assert channel._size("captions") == 1


def test_the_folders_are_for_this_user_only(connection: Any, tmp_path: Path) -> None:
    channel_of(connection)._put("io", {})
    channel_of(connection)._queue_bind("exchange", "key", "", "io")
    for name in ("messages", "control"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o700


def test_an_unfinished_message_is_not_there(connection: Any, tmp_path: Path) -> None:
    """What a writer that was killed leaves behind is never read, and what it wrote whole is."""
    channel = channel_of(connection)
    channel._put("io", {"number": 1})
    (message,) = (tmp_path / "messages").iterdir()
    (tmp_path / "messages" / f".{message.name}.new").write_bytes(message.read_bytes()[:5])
    assert channel._size("io") == 1
    assert channel._get("io") == {"number": 1}
    with pytest.raises(Empty):
        channel._get("io")


def test_readers_and_writers_at_once_lose_nothing_and_take_nothing_twice(connection: Any) -> None:
    wanted, taken, failures = 400, list[int](), list[BaseException]()
    done = threading.Event()

    def write(start: int) -> None:
        channel = channel_of(connection)
        for number in range(start, start + wanted // 2):
            channel._put("io", {"number": number, "filling": "x" * 20_000})

    def read() -> None:
        channel = channel_of(connection)
        try:
            while not done.is_set():
                try:
                    taken.append(channel._get("io")["number"])
                except Empty:
                    if len(taken) >= wanted:
                        done.set()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=read) for _ in range(3)]
    threads += [threading.Thread(target=write, args=(start,)) for start in (0, wanted // 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert sorted(taken) == list(range(wanted))


def test_queues_bound_at_once_are_all_in_the_table(connection: Any) -> None:
    def bind(number: int) -> None:
        channel_of(connection)._queue_bind("exchange", "key", "", f"queue-{number}")

    threads = [threading.Thread(target=bind, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row.queue for row in channel_of(connection).get_table("exchange")} == {f"queue-{n}" for n in range(10)}


def test_an_exchange_cannot_lead_out_of_its_folder(connection: Any) -> None:
    with pytest.raises(Exception, match="Invalid exchange name"):
        channel_of(connection).get_table(f"..{os.sep}secrets")


def test_purging_empties_one_queue(connection: Any) -> None:
    channel = channel_of(connection)
    for queue in ("io", "io", "captions"):
        channel._put(queue, {})
    assert channel._purge("io") == 2
    assert (channel._size("io"), channel._size("captions")) == (0, 1)
