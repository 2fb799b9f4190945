"""What engines have in common whose model runs on a server: one picture described, frames, health, identity."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from processing.engines.answers import Reply, answer_from
from processing.engines.base import (
    EngineAnswer,
    EngineConfig,
    EngineError,
    EngineMisconfigured,
    EngineRefused,
    EngineRequest,
    EngineUnavailable,
)
from processing.engines.http import Declined, Failed, ModelServer
from processing.engines.probe import PROBE_REQUEST, probe_picture
from processing.engines.prompts import build_prompt
from processing.preparation import PreparedImage

TEMPERATURE = 0.2  # alt text should be the same tomorrow; the servers' defaults are lively
ANSWER_TOKENS = 1024  # the longest alt text is 1500 characters

# Only where EngineConfig.structured asks for it: small models write better plain text.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"alt_text": {"type": "string"}, "decorative": {"type": "boolean"}},
    "required": ["alt_text", "decorative"],
    "additionalProperties": False,
}
_AS_JSON = (
    'Give the answer as a JSON object with the alt text as "alt_text" and with "decorative", which is true only if a '
    "reader would miss nothing without the picture."
)


_PERHAPS_TOO_MANY = frozenset({200, 400, 413, 422, 500})  # how servers were seen to refuse several pictures


@dataclass(frozen=True)
class Model:
    """A model of a server. `revision` changes when other weights get the same name; empty where nobody says."""

    name: str
    revision: str = ""
    thinks: bool = False


@dataclass(frozen=True)
class Question:
    """What a model is asked: always about at least one picture, for without any it would invent one."""

    prompt: str
    pictures: Sequence[bytes]  # JPEG files, in the order of the animation
    temperature: float
    schema: dict[str, Any] | None = None  # of the JSON that is asked for; None: plain text

    def __post_init__(self) -> None:
        if not self.pictures or not all(picture.startswith(b"\xff\xd8\xff") for picture in self.pictures):
            raise EngineRefused("There is no picture to describe.")


class ServedEngine(ABC):
    """Asks a model on a server. Safe to share between threads: what it learns is replaced whole."""

    name: str
    follows_instructions = True

    def __init__(self, server: ModelServer, config: EngineConfig) -> None:
        self._server = server
        self._config = config
        self._model: Model | None = None  # the one that was found, until the server declines to use it
        self._one_picture = False  # the server was seen to take no second one

    @abstractmethod
    def find_model(self) -> Model:
        """Look whether the server has a model that sees, within the short time limit and without asking the model.

        Raises as `describe` does.
        """

    @abstractmethod
    def _ask(self, model: Model, question: Question) -> Reply:
        """Ask once. Raises as `describe` does."""

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        """Ask the model about the picture. An answer cut by the token limit is refused: half a sentence says nothing.

        Of an animation all prepared frames are sent, and the first alone to a server that takes only one.
        """
        started = time.monotonic()
        model = self._known_model()
        try:
            question, reply = self._asked(model, image, request)
        except Declined:
            self._model = None  # it may have been removed: look again before the next picture
            raise
        return answer_from(
            reply,
            request,
            engine=self.name,
            model=model.name,
            prompt=question.prompt,
            temperature=self._temperature_sent(question),
            started=started,
        )

    def health(self) -> None:
        """Have a small picture of our own described; a list of models proves nothing.

        A model that must be loaded first may take minutes, for which the time limit is that of a description.
        """
        self.describe(probe_picture(), PROBE_REQUEST)

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        """The server, the model with its revision, the frames that are there, and how it is asked.

        What the server takes of that, it shows only when asked: so the identity is the same before and after.
        """
        model = self._known_model()
        question = self._question(image, request)
        known = [self.name, self._server.origin, model.name, model.revision, len(question.pictures)]
        asked = [question.temperature, question.schema is not None, request.language, request.max_length]
        return json.dumps([*known, *asked, question.prompt], ensure_ascii=False)

    def _known_model(self) -> Model:
        model = self._model or self.find_model()
        self._model = model
        return model

    def _asked(self, model: Model, image: PreparedImage, request: EngineRequest) -> tuple[Question, Reply]:
        """What was asked in the end, and the reply."""
        question = self._question(_first_frame(image) if self._one_picture else image, request)
        try:
            return question, self._ask(model, question)
        except (Declined, Failed) as error:
            if len(question.pictures) == 1 or error.status not in _PERHAPS_TOO_MANY:
                raise
        question = self._question(_first_frame(image), request)
        reply = self._ask(model, question)
        self._one_picture = True
        return question, reply

    def _without_model(self, named: str, reason: str) -> EngineError:
        """The error where a server has not the model it was asked for, looked for anew before the next picture.

        Nothing of it is about the picture: a model that was `named` in the settings is a mistake in them or waits to
        be fetched; one that was found there and has gone since may have a successor.
        """
        self._model = None
        return EngineMisconfigured(reason) if named else EngineUnavailable(reason)

    def _question(self, image: PreparedImage, request: EngineRequest) -> Question:
        prompt = build_prompt(image, request)
        return Question(
            prompt=f"{prompt}\n\n{_AS_JSON}" if self._config.structured else prompt,
            pictures=(image.jpeg, *image.more_frames),
            temperature=TEMPERATURE if request.temperature is None else request.temperature,
            schema=SCHEMA if self._config.structured else None,
        )

    def _temperature_sent(self, question: Question) -> float | None:
        return question.temperature


def _first_frame(image: PreparedImage) -> PreparedImage:
    return replace(image, more_frames=())
