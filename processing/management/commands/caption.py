import json
import re
import threading
import time
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import get_language_info

from captions.checks import Around, Finding, check, score, why_special
from processing.engines import (
    Chain,
    EngineAnswer,
    EngineConfig,
    EngineError,
    EngineRequest,
    EngineUnavailable,
    engine_chain,
)
from processing.engines.config import engine_config
from processing.preparation import MAX_BYTES, PictureRefused, PreparationUnavailable, pool
from vedfolnir.lib.outbound import OutboundError, Timeout, fetch

DAY = 24 * 3600  # seconds
SECONDS = 180  # for one picture: who waits at a terminal wants an end sooner than a worker does
PATIENCE = 10.0  # seconds until a person at a terminal is told that the engine still works, and again and again

_LANGUAGE = re.compile(r"[a-z]{2,8}(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|(?:about|blob|data|file|ftp|javascript|mailto):", re.IGNORECASE)

HELP = """Describe pictures now and print the alt text, what is wrong with it, and how long it took.

Needs no account, no database and no running server. Nothing is stored.

  manage.py caption holiday.jpg scan.png
  manage.py caption --engine basic --language de https://example.org/picture.jpg
  manage.py caption --json *.png | jq .text
  manage.py caption --check --engine ollama

--json prints one JSON object per picture and line, in the order given: name, text, language, engine, model, category,
needs_special_review and why (special), score, findings (code, severity, message, span and, where there is more to say,
detail), notes, seconds; for a picture that failed,
name and error. Failures are told on standard error, one line each, while the rest go on. The exit status is 1 if any
picture failed or got a text that nobody could use (a finding of severity blocker: a refusal, a placeholder, nothing,
more than --max-length), and 0 otherwise.

In a chain of engines, the next is asked only when one refuses a picture. An engine that is down, busy or too slow is no
refusal: the server's workers wait for it, and this command fails."""


class _Failure(Exception):
    """Why one picture has no description: a sentence for a person."""


@dataclass(frozen=True)
class _Result:
    name: str
    answer: EngineAnswer
    findings: list[Finding]
    special: list[str]  # why it needs special review
    seconds: float  # from reading the file to the checks

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "text": self.answer.text,
            "language": self.answer.language,
            "engine": self.answer.engine,
            "model": self.answer.model,
            "category": self.answer.category,
            "needs_special_review": self.answer.needs_special_review or bool(self.special),
            "special": self.special,
            "score": score(self.findings),
            "findings": [finding.as_json() for finding in self.findings],
            "notes": list(self.answer.notes),
            "seconds": round(self.seconds, 3),
        }

    def as_text(self) -> str:
        checks = "; ".join(f"{finding.code} ({finding.severity}): {_said(finding)}" for finding in self.findings)
        lines = [
            self.name,
            *(f"  {line}" for line in self.answer.text.splitlines()),
            f"  checks: {checks or 'nothing found'}",
            f"  score {score(self.findings)} of 100, {self.seconds:.1f} s, {self.answer.engine} ({self.answer.model})",
            *(f"  look closely: {reason}" for reason in self.special),
            *(f"  note: {note}" for note in self.answer.notes),
        ]
        return "\n".join(lines)


def _said(finding: Finding) -> str:
    return f"{finding.message} {finding.detail}".strip()


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []  # the checks ask for keys and databases, which this does without

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "pictures", nargs="*", metavar="FILE|URL", help="picture files, or http(s) addresses of some"
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="have each engine describe a small built-in picture, and say whether it works; takes no pictures",
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON, one object per line")
        parser.add_argument(
            "--engine",
            metavar="NAME[,NAME]",
            help="which engines to ask, in this order; the next only after a refusal (default: CAPTION_ENGINE)",
        )
        parser.add_argument(
            "--language", type=_language, default="en", metavar="CODE", help="of the text: en, de, pt-br (default: en)"
        )
        parser.add_argument(
            "--max-length", type=int, default=1500, metavar="N", help="characters allowed (default: 1500, as Mastodon)"
        )
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=SECONDS,
            metavar="SECONDS",
            help=f"how long an engine's server may take for one picture (default: {SECONDS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["max_length"] < 1:
            raise CommandError("--max-length must be at least 1.")
        if options["check"] == bool(options["pictures"]):
            raise CommandError("Name pictures to describe, or else --check to see whether the engines work.")
        chain = self._chain(options["engine"], options["timeout"])
        if options["check"]:
            self._check(chain)
        else:
            self._describe_all(chain, options)

    def _describe_all(self, chain: Chain, options: dict[str, Any]) -> None:
        request = EngineRequest(language=options["language"], max_length=options["max_length"])
        if not _is_known(request.language):
            self._note(
                f"Note: “{request.language}” is no language that we know by name; the engine gets the code as it is."
            )
        failed = unusable = 0
        for name in options["pictures"]:
            try:
                with self._patience(name):
                    result = _describe(name, chain, request)
            except _Failure as failure:
                failed += 1
                self._note(f"{name}: {failure}")
                if options["as_json"]:
                    self._print_json({"name": name, "error": str(failure)})
            else:
                unusable += any(finding.severity == "blocker" for finding in result.findings)
                self._print(result, as_json=options["as_json"])
        self._judge(failed, unusable, len(options["pictures"]))

    def _check(self, chain: Chain) -> None:
        """Say of each engine whether it works. Raises CommandError unless all do."""
        failed = 0
        for engine in chain.engines:
            started = time.monotonic()
            try:
                with self._patience(engine.name):
                    engine.health()
            except EngineError as error:
                failed += 1
                self._note(f"{engine.name}: {error.reason}")
            else:
                self.stdout.write(f"{engine.name}: works ({time.monotonic() - started:.1f} s)")
        if failed:
            raise CommandError(f"{failed} of {len(chain.engines)} engines do not work.")

    def _judge(self, failed: int, unusable: int, count: int) -> None:
        """Raise CommandError unless every picture has a text that can be used."""
        said = [f"{failed} of {count} pictures could not be described."] if failed else []
        if unusable:
            said.append(f"{unusable} of {count} texts cannot be used: their checks name a blocker.")
        if said:
            raise CommandError(" ".join(said))

    def _chain(self, names: str | None, seconds: float) -> Chain:
        config = _hurried(engine_config(), seconds)
        try:
            chain = engine_chain(replace(config, chain=names) if names is not None else config)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if chain.reason:
            self._note(f"Note: {chain.reason}")
        return chain

    @contextmanager
    def _patience(self, name: str) -> Iterator[None]:
        """Tell a person at a terminal now and then that the picture is still being described."""
        if not self.stderr.isatty():
            yield
            return
        done = threading.Event()
        teller = threading.Thread(target=self._tell_until, args=(done, name), daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()

    def _tell_until(self, done: threading.Event, name: str) -> None:
        started = time.monotonic()
        while not done.wait(PATIENCE):
            self._note(f"{name}: still being described after {time.monotonic() - started:.0f} s …")

    def _note(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()

    def _print(self, result: _Result, *, as_json: bool) -> None:
        if as_json:
            self._print_json(result.as_json())
        else:
            self.stdout.write(result.as_text() + "\n")
            self.stdout.flush()  # seen at once, and before what standard error says next

    def _print_json(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False))
        self.stdout.flush()


def _describe(name: str, chain: Chain, request: EngineRequest) -> _Result:
    started = time.monotonic()
    data = _fetch(name) if name.lower().startswith(("http://", "https://")) else _read(name)
    try:
        answer = chain.describe(pool.prepare(data), request)
    except EngineUnavailable as error:
        only = " The next engine of the chain is asked only after a refusal, not after an outage."
        raise _Failure(error.reason + (only if len(chain.engines) > 1 else "")) from error
    except (PictureRefused, PreparationUnavailable, EngineError) as error:
        raise _Failure(error.reason) from error
    answer = replace(answer, language=answer.language or request.language)
    around = Around(
        limit=request.max_length,
        language=answer.language,
        visible_text=answer.visible_text,
        kind=answer.category,
        proposed_decorative=answer.proposed_decorative,
        engine=answer.engine,
        prompt=answer.prompt,
    )
    findings = check(answer.text, around)
    return _Result(name, answer, findings, why_special(findings, around), time.monotonic() - started)


def _fetch(url: str) -> bytes:
    try:
        response = fetch(url, max_bytes=MAX_BYTES, allow=settings.OUTBOUND_ALLOW, accept="image/*")
    except OutboundError as error:
        raise _Failure(error.reason) from error
    if response.status != 200:
        raise _Failure(f"The server answered {response.status} instead of a picture.")
    return response.body


def _read(name: str) -> bytes:
    path = Path(name)
    try:
        if not path.is_file():
            if _OTHER_SCHEME.match(name):
                raise _Failure("Only http and https addresses can be fetched.")
            raise _Failure("This is not a file." if path.exists() else "There is no such file.")
        if path.stat().st_size > MAX_BYTES:
            raise _Failure(f"The file is larger than {MAX_BYTES // 1024**2} MiB.")
        return path.read_bytes()
    except OSError as error:
        raise _Failure(f"The file cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a null byte in the name
        raise _Failure("This is not a file name.") from error


def _hurried(config: EngineConfig, seconds: float) -> EngineConfig:
    """The same with no answer of an engine's server taking longer than `seconds`."""

    def shorter(timeout: Timeout) -> Timeout:
        return Timeout(min(timeout.connect, seconds), min(timeout.read, seconds), min(timeout.total, seconds))

    return replace(
        config,
        describe_timeout=replace(shorter(config.describe_timeout), read=seconds, total=seconds),
        health_timeout=shorter(config.health_timeout),
    )


def _is_known(language: str) -> bool:
    try:
        get_language_info(language.lower().replace("_", "-"))
    except KeyError:
        return False
    return True


def _language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not a language code. Use one such as en, de or pt-br.")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= DAY:
        raise ArgumentTypeError(f"{text!r} is not a time. Use a number of seconds from 1 to {DAY}.")
    return seconds
