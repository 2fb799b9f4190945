"""What apps above this one show on a connection's page: they register here when they start."""

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.safestring import SafeString

from platforms.models import PlatformConnection

Panel = Callable[[HttpRequest, PlatformConnection], SafeString | None]

_panels: list[Panel] = []


def register(panel: Panel) -> None:
    """Let `panel` be asked for each connection's page; it returns rendered HTML, or None when it has nothing to say."""
    if panel not in _panels:
        _panels.append(panel)


def of(request: HttpRequest, connection: PlatformConnection) -> list[SafeString]:
    """What is to be shown about `connection`, which the caller has found to be visible to the reader."""
    return [html for panel in _panels if (html := panel(request, connection)) is not None]
