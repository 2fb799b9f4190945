"""What the tests of tasks share: a sandbox, a connection to it, and an engine that says what it is told to."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.models import User
from captions.models import Image
from platforms.models import PlatformConnection, TrafficState
from platforms.sandbox.testing import SandboxHandle
from platforms.traffic import doors
from processing import actions, asking
from processing.describing import Result, caption_image
from processing.engines import EngineAnswer, EngineRequest
from processing.models import CaptionGenerationTask
from processing.preparation import PreparedImage
from processing.running import run_task
from processing.tests import cast


@dataclass
class FakeEngine:
    """Stands at the outside edge where the engine is not what is tested. `says` may raise."""

    says: Callable[[], str] = lambda: "A lighthouse on a rock, waves around it."
    asked: list[EngineRequest] = field(default_factory=list)
    name: str = "fake"
    follows_instructions: bool = True

    def health(self) -> None:
        """It is well as long as the test is."""

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """No two calls are the same: each is made."""
        return ""

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        self.asked.append(request)
        return EngineAnswer(text=self.says(), engine=self.name, model="fake-1", prompt_version="test/1", seconds=0.01)


class TasksCase(TestCase):
    sandbox: SandboxHandle
    owner: User
    connection: PlatformConnection
    engine: FakeEngine
    media: Path

    def setUp(self) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.sandbox = stack.enter_context(cast.open_sandbox())
        self.media = Path(stack.enter_context(TemporaryDirectory()))
        stack.enter_context(override_settings(MEDIA_ROOT=self.media, EXAMINE_PICTURES=False))
        self.owner = cast.make_user("olga")
        self.connection = cast.connect(self.owner, self.sandbox)
        self.engine = FakeEngine()
        # A call that fails is made once, and the test goes on without waiting.
        stack.enter_context(mock.patch.object(asking, "QUICK_RETRIES", 0))

    def start(self, **limits: Any) -> CaptionGenerationTask:
        return actions.start_task(self.connection, self.owner, **{"processing_delay": 0.0, **limits})

    def run_task(self, task: CaptionGenerationTask, **options: Any) -> CaptionGenerationTask:
        run_task(task.pk, **options)
        task.refresh_from_db()
        return task

    def describe_due(self, engine: FakeEngine | None = None) -> list[Result]:
        return [
            caption_image(pk, engine=engine or self.engine) for pk in Image.objects.due().values_list("pk", flat=True)
        ]

    def complete(self, task: CaptionGenerationTask) -> CaptionGenerationTask:
        self.run_task(task)
        self.describe_due()
        return self.run_task(task)

    def rest(self) -> None:
        """Time passes: an engine that did not work may be asked again."""
        TrafficState.objects.all().delete()
        doors.everybodys().forget()

    def lapse(self, row: Image | CaptionGenerationTask) -> None:
        """Time passes: the row's lease, or its delay, is over."""
        type(row)._default_manager.filter(pk=row.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        row.refresh_from_db()


def only_image() -> Image:
    return Image.objects.select_related("post", "platform_connection").get()
