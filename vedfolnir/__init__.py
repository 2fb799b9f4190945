"""The project. `celery_app` is there for `celery -A vedfolnir`, loaded when it is asked for."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "celery_app":
        from vedfolnir.celery import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
