"""Ringing for work. A message that gets lost, comes twice or late changes nothing: the sweep rings again."""

import logging
from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import ChannelError, KombuError

logger = logging.getLogger(__name__)

IO, CAPTIONS = "io", "captions"
NOBODY_THERE = (KombuError, ChannelError, OSError, ConnectionError)


def task(task_id: str) -> None:
    """There is something to do for a task. After the transaction in hand, if there is one."""
    _after_commit("run_task", task_id)


def images(ids: Sequence[int]) -> None:
    _after_commit("caption_images", list(ids))


def publication(pk: int) -> None:
    _after_commit("publish", pk)


def waiting(queue: str) -> int | None:
    """How many messages nobody has taken yet; None when the broker cannot be asked."""
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        return 0  # nobody has made the queue yet
    except NOBODY_THERE as error:
        logger.warning("The broker does not answer: %s", error)
        return None


def _after_commit(name: str, argument: Any) -> None:
    transaction.on_commit(lambda: _ring(name, argument))


def _ring(name: str, argument: Any) -> None:
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
            queue = settings.CELERY_TASK_ROUTES.get(f"processing.tasks.{name}", {}).get("queue", IO)
            current_app.send_task(
                f"processing.tasks.{name}", args=[argument], queue=queue, connection=connection, retry=False
            )
    except NOBODY_THERE as error:
        # The row is due; whoever sweeps finds it once the broker is back.
        logger.warning("Nobody was told that there is work (%s): the broker does not answer: %s", name, error)
