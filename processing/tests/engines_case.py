"""What the tests of asking engines share: a server that speaks like Ollama, and one picture that is to be drafted."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

from django.test import override_settings
from pytest_httpserver import HTTPServer
from werkzeug import Response

from captions.models import Image
from processing import asking
from processing.describing import Result, caption_image
from processing.models import EngineAttempt
from processing.tests.fake_servers import FakeOllama, answer, error
from processing.tests.tasks_case import TasksCase, only_image

Says = Callable[[dict[str, Any]], Response]

TEXT = "A lighthouse on a rock, with waves around it and a grey sky above."


class EnginesCase(TasksCase):
    """CAPTION_ENGINE is "ollama", whose server is `ollama`; quick retries are made, and take no time."""

    ollama: FakeOllama

    def setUp(self) -> None:
        super().setUp()
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.server = stack.enter_context(HTTPServer(host="127.0.0.1"))
        self.ollama = FakeOllama(self.server)
        self.ollama.chat = lambda body: answer(TEXT)
        stack.enter_context(override_settings(CAPTION_ENGINE="ollama", OLLAMA_URL=self.ollama.url, OLLAMA_MODEL=""))
        stack.enter_context(mock.patch.object(asking, "QUICK_RETRIES", 2))
        stack.enter_context(mock.patch.object(asking, "RETRY_FIRST", 0.0))

    def found(self, **status: Any) -> Image:
        """One picture of a new post, due."""
        self.sandbox.add_status(**{"language": "en", **status})
        self.run_task(self.start())
        return only_image()

    def says(self, *answers: Says | str | int) -> None:
        """The next answers of the server, the last of them for ever: a text, a status of failure, or a function."""
        left = list(answers)

        def chat(body: dict[str, Any]) -> Response:
            each = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(each, str):
                return answer(each)
            return error(each, "no room") if isinstance(each, int) else each(body)

        self.ollama.chat = chat

    def draft(self, image: Image) -> Result:
        """By the chain of the settings."""
        result = caption_image(image.pk)
        image.refresh_from_db()
        return result

    def attempts(self) -> list[tuple[str, str]]:
        """Engine and outcome of each call, in order."""
        return list(EngineAttempt.objects.order_by("pk").values_list("engine", "outcome"))

    def go_down(self) -> None:
        """Nobody listens any more."""
        self.server.stop()

    def come_back(self) -> None:
        """The same server at the same address."""
        self.server.start()
