import json
import time
from argparse import RawDescriptionHelpFormatter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from captions.checks import Finding, check, score
from processing.engines import Chain, EngineAnswer, EngineError, EngineRequest, engine_chain
from processing.engines.config import engine_config
from processing.preparation import MAX_BYTES, PictureRefused, prepare
from vedfolnir.lib.outbound import OutboundError, fetch

HELP = """Describe pictures now and print the alt text, what is wrong with it, and how long it took.

Needs no account, no database and no running server. Nothing is stored.

  manage.py caption holiday.jpg scan.png
  manage.py caption --engine basic --language de https://example.org/picture.jpg
  manage.py caption --json *.png | jq .text

--json prints one JSON object per picture and line, in the order given: name, text, language, engine, model, category,
needs_special_review, score, findings (code, severity, message, span), notes, seconds; for a picture that failed,
name and error. Failures are told on standard error, one line each, while the rest go on; the exit status is 1 if any
picture failed, and 0 otherwise."""


class _Failure(Exception):
    """Why one picture has no description: a sentence for a person."""


@dataclass(frozen=True)
class _Result:
    name: str
    answer: EngineAnswer
    findings: list[Finding]
    seconds: float  # from reading the file to the checks

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "text": self.answer.text,
            "language": self.answer.language,
            "engine": self.answer.engine,
            "model": self.answer.model,
            "category": self.answer.category,
            "needs_special_review": self.answer.needs_special_review,
            "score": score(self.findings),
            "findings": [
                {
                    "code": finding.code,
                    "severity": finding.severity,
                    "message": str(finding.message),
                    "span": finding.span,
                }
                for finding in self.findings
            ],
            "notes": list(self.answer.notes),
            "seconds": round(self.seconds, 3),
        }

    def as_text(self) -> str:
        checks = "; ".join(f"{finding.code} ({finding.severity}): {finding.message}" for finding in self.findings)
        lines = [
            self.name,
            *(f"  {line}" for line in self.answer.text.splitlines()),
            f"  checks: {checks or 'nothing found'}",
            f"  score {score(self.findings)} of 100, {self.seconds:.1f} s, {self.answer.engine} ({self.answer.model})",
            *(f"  note: {note}" for note in self.answer.notes),
        ]
        return "\n".join(lines)


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []  # the checks ask for keys and databases, which this does without

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "pictures", nargs="+", metavar="FILE|URL", help="picture files, or http(s) addresses of some"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON, one object per line")
        parser.add_argument(
            "--engine", metavar="NAME[,NAME]", help="which engines to ask, in this order (default: CAPTION_ENGINE)"
        )
        parser.add_argument("--language", default="en", metavar="CODE", help="of the text: en, de, pt-br (default: en)")
        parser.add_argument(
            "--max-length", type=int, default=1500, metavar="N", help="characters allowed (default: 1500, as Mastodon)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["max_length"] < 1:
            raise CommandError("--max-length must be at least 1.")
        chain = self._chain(options["engine"])
        request = EngineRequest(language=options["language"], max_length=options["max_length"])
        failed = 0
        for name in options["pictures"]:
            try:
                result = _describe(name, chain, request)
            except _Failure as failure:
                failed += 1
                self.stderr.write(f"{name}: {failure}")
                if options["as_json"]:
                    self._print_json({"name": name, "error": str(failure)})
            else:
                self._print(result, as_json=options["as_json"])
        if failed:
            raise CommandError(f"{failed} of {len(options['pictures'])} pictures could not be described.")

    def _chain(self, names: str | None) -> Chain:
        config = engine_config()
        try:
            chain = engine_chain(replace(config, chain=names) if names is not None else config)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if chain.reason:
            self.stderr.write(f"Note: {chain.reason}")
        return chain

    def _print(self, result: _Result, *, as_json: bool) -> None:
        if as_json:
            self._print_json(result.as_json())
        else:
            self.stdout.write(result.as_text() + "\n")

    def _print_json(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False))


def _describe(name: str, chain: Chain, request: EngineRequest) -> _Result:
    started = time.monotonic()
    data = _fetch(name) if name.lower().startswith(("http://", "https://")) else _read(Path(name))
    try:
        answer = chain.describe(prepare(data), request)
    except (PictureRefused, EngineError) as error:
        raise _Failure(error.reason) from error
    answer = replace(answer, language=answer.language or request.language)
    findings = check(
        answer.text,
        limit=request.max_length,
        language=answer.language,
        visible_text=answer.visible_text,
        engine=answer.engine,
    )
    return _Result(name, answer, findings, time.monotonic() - started)


def _fetch(url: str) -> bytes:
    try:
        response = fetch(url, max_bytes=MAX_BYTES, allow=settings.OUTBOUND_ALLOW, accept="image/*")
    except OutboundError as error:
        raise _Failure(error.reason) from error
    if response.status != 200:
        raise _Failure(f"The server answered {response.status} instead of a picture.")
    return response.body


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _Failure("This is not a file." if path.exists() else "There is no such file.")
        if path.stat().st_size > MAX_BYTES:
            raise _Failure(f"The file is larger than {MAX_BYTES // 1024**2} MiB.")
        return path.read_bytes()
    except OSError as error:
        raise _Failure(f"The file cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a null byte in the name
        raise _Failure("This is not a file name.") from error
