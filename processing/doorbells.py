"""Ringing for work. A message that gets lost, comes twice or late changes nothing: the sweep rings again."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import ChannelError, KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

IO, CAPTIONS = "io", "captions"
NOBODY_THERE = (KombuError, ChannelError, RedisError, OSError)
# A page must not wait for a broker that is gone or stuck (seconds).
PATIENCE = {"socket_connect_timeout": 1, "socket_timeout": 2}


def task(task_id: str) -> None:
    """There is something to do for a task. After the transaction in hand, if there is one."""
    _after_commit("run_task", task_id)


def images(ids: Sequence[int]) -> None:
    _after_commit("caption_images", list(ids))


def publication(pk: int) -> None:
    _after_commit("publish", pk)


def renewal(connection_id: int) -> None:
    """A connection's token is about to end."""
    _after_commit("renew_token", connection_id)


def heartbeat() -> None:
    """A worker is there: let it show that messages reach it."""
    _ring("heartbeat")


def waiting(queue: str) -> int | None:
    """How many messages nobody has taken yet; None when the broker cannot be asked."""
    try:
        with broker() as connection:
            # Not `passive`: kombu 5.7 looks for the queue without the key prefix and finds none on Redis.
            return int(connection.default_channel.queue_declare(queue).message_count)
    except NOBODY_THERE as error:
        logger.warning("The broker does not answer: %s", error)
        return None


@contextmanager
def broker() -> Iterator[Any]:
    """A connection to the broker, tried once. Raises one of NOBODY_THERE."""
    with current_app.connection_for_write(transport_options=PATIENCE) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        yield connection


def _after_commit(name: str, argument: Any) -> None:
    transaction.on_commit(lambda: _ring(name, argument))


def _ring(name: str, *arguments: Any) -> None:
    path = f"processing.tasks.{name}"
    queue = settings.CELERY_TASK_ROUTES.get(path, {}).get("queue", IO)
    try:
        with broker() as connection:
            current_app.send_task(path, args=arguments, queue=queue, connection=connection, retry=False)
    except NOBODY_THERE as error:
        # The row is due; whoever sweeps finds it once the broker is back.
        logger.warning("Nobody was told that there is work (%s): the broker does not answer: %s", name, error)
