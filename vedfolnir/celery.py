"""The Celery app: doorbells for work that the database knows of (processing/tasks.py).

celery -A vedfolnir worker --queues io          scans, publications, sweep, heartbeat
celery -A vedfolnir worker --queues captions    the engines
celery -A vedfolnir beat                        one, and only one, per installation
"""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

from vedfolnir import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vedfolnir.settings")

broker.register()
app = Celery("vedfolnir")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["processing"])


@celeryd_init.connect  # type: ignore[untyped-decorator]
def refuse_wrong_keys(**_: Any) -> None:
    """A worker whose PLATFORM_ENCRYPTION_KEY opens no stored credential does not start."""
    from django.db import connections

    from platforms.credentials import require_readable_credentials
    from platforms.fields import CredentialUnreadable

    try:
        require_readable_credentials()
    except CredentialUnreadable as error:
        raise SystemExit(f"Vedfolnir does not start: {error}") from error  # Celery only logs other exceptions here
    connections.close_all()  # what the worker forks must not share
