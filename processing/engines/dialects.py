"""In what servers differ that all call themselves OpenAI-compatible, and how to find it out by their errors.

As measured against transformers serve 5.23, llama_cpp.server 0.3.36 and llama-server: a JSON schema is ignored by the
first, refused with status 500 by the second and kept by the third. OpenAI's newer models want `max_completion_tokens`,
no temperature of one's own and no log-probabilities; they say so with status 400.
"""

import base64
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from processing.engines.served import ANSWER_TOKENS, Question

THINKING_TOKENS = 4096  # models that want max_completion_tokens count what they think, too

_SCHEMA_REFUSED = re.compile(r"response_format|json_schema|json_object|input should be 'text'|grammar|guided")
_NO_SUCH_MODEL = re.compile(
    r"model\b.*(?:not found|does ?n[o']t exist|not exist|unknown|no such|not available)|server is pinned to", re.DOTALL
)
# llama-server (seen with build 1-0c1e570, status 500), where a question and an earlier one part right behind a picture,
# as one about the first of several frames does.
_CACHE_FAILS = "chunk not found"
_BLIND = re.compile(
    r"image input is not supported|(?:not|n't) support (?:image|vision|multimodal)|not a multimodal|mmproj"
)


class Structure(Enum):
    """How a server is told that the answer shall be JSON."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"  # with a schema beside it, which llama_cpp.server keeps to
    NONE = "none"


_NEXT = {Structure.SCHEMA: Structure.OBJECT, Structure.OBJECT: Structure.NONE}


@dataclass(frozen=True)
class Dialect:
    """What one server was found to take. Begins with everything; each error that names something takes that away."""

    limit: str = "max_tokens"  # or "max_completion_tokens"
    temperature: bool = True
    logprobs: bool = True
    structure: Structure = Structure.SCHEMA
    cache: bool = True  # False: llama-server is told to leave its cache of prompts alone

    def body(self, model: str, question: Question) -> dict[str, Any]:
        """The body of POST /chat/completions.

        The pictures stand before the text: servers that keep the beginnings of prompts (vLLM, llama-server) then read
        a picture once for all questions about it.
        """
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": _data_uri(picture)}} for picture in question.pictures
        ]
        content.append({"type": "text", "text": question.prompt})
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "stream": False,
            self.limit: ANSWER_TOKENS if self.limit == "max_tokens" else THINKING_TOKENS,
        }
        if self.temperature:
            body["temperature"] = question.temperature
        if self.logprobs:
            body["logprobs"] = True
        if not self.cache:
            body["cache_prompt"] = False
        if question.schema and self.structure is not Structure.NONE:
            body["response_format"] = self._response_format(question.schema)
        return body

    def after(self, said: str, question: Question) -> "Dialect | None":
        """What to try next when the server said this; None if it is about something else."""
        said = said.lower()
        if self.limit in said and self.limit == "max_tokens" and "too large" not in said:
            return replace(self, limit="max_completion_tokens")
        if self.logprobs and "logprobs" in said:
            return replace(self, logprobs=False)
        if self.temperature and "temperature" in said:
            return replace(self, temperature=False)
        if self.cache and _CACHE_FAILS in said:
            return replace(self, cache=False)
        if question.schema and self.structure in _NEXT and _SCHEMA_REFUSED.search(said):
            return replace(self, structure=_NEXT[self.structure])
        return None

    def _response_format(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.structure is Structure.SCHEMA:
            named = {"name": "alt_text", "strict": True, "schema": schema}
            return {"type": "json_schema", "json_schema": named}
        return {"type": "json_object", "schema": schema}


def is_about_the_model(said: str) -> bool:
    """Whether a server says that it has no such model."""
    return bool(_NO_SUCH_MODEL.search(said.lower()))


def is_blind(said: str) -> bool:
    """Whether a server says that its model takes no pictures."""
    return bool(_BLIND.search(said.lower()))


def _data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
