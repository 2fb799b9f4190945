import json
from argparse import RawDescriptionHelpFormatter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from captions.models import PromptTemplate
from processing.engines import Chain, EngineError, engine_chain
from processing.engines.base import Template
from processing.engines.config import engine_config
from processing.evaluation.running import evaluate
from processing.evaluation.scoring import Report
from processing.evaluation.sets import Example, SetUnusable, read_set

HELP = """Have engines describe the pictures of a folder, and compare their texts with those that people wrote.

  manage.py evaluate_engine pictures/ --engine ollama
  manage.py evaluate_engine pictures/ --engine basic --engine ollama --json > figures.json
  manage.py evaluate_engine pictures/ --engine ollama --prompt house/1 --prompt house/2

The folder holds pictures and, beside each, a text file of the same name with reference texts, an empty line between
two. A .json file of the same name may add {"language": "de", "visible_text": "…", "post": "…"}.

Each engine named, with each prompt named, is a column. Nothing is stored, and no account is touched. What the figures
mean: docs/operators.md, "Comparing engines". The exit status is 1 if an engine could not describe any picture."""

PROMPT_BUILT_IN = "built-in"


@dataclass(frozen=True)
class _Variant:
    name: str
    chain: Chain
    template: Template | None


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("set", metavar="SET", type=Path, help="the folder")
        parser.add_argument(
            "--engine", action="append", metavar="NAME[,NAME]", help="an engine or chain (default: CAPTION_ENGINE)"
        )
        parser.add_argument(
            "--prompt",
            action="append",
            metavar="NAME[/VERSION]",
            help=f"a prompt of the admin, the one in use unless a version is named; “{PROMPT_BUILT_IN}” for our own",
        )
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
        parser.add_argument(
            "--max-length", type=int, default=1500, metavar="N", help="characters allowed (default: 1500, as Mastodon)"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="print everything, text by text")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("limit", "max_length"):
            if options[name] is not None and options[name] < 1:
                raise CommandError(f"--{name.replace('_', '-')} must be at least 1.")
        try:
            examples = read_set(options["set"])[: options["limit"]]
        except SetUnusable as error:
            raise CommandError(str(error)) from error
        variants = _variants(options["engine"] or [settings.CAPTION_ENGINE], options["prompt"] or [PROMPT_BUILT_IN])
        reports = [self._report(variant, examples, options["max_length"]) for variant in variants]
        if options["as_json"]:
            self.stdout.write(json.dumps([report.as_json() for report in reports], ensure_ascii=False, indent=1))
        else:
            self.stdout.write(_table(reports))
        self._judge(reports)

    def _report(self, variant: _Variant, examples: list[Example], max_length: int) -> Report:
        if variant.chain.reason:
            self.stderr.write(f"Note: {variant.chain.reason}")
        with tqdm(total=len(examples), desc=variant.name, unit=" pictures", disable=None, leave=False) as bar:
            outcomes = evaluate(
                variant.chain,
                examples,
                max_length=max_length,
                template=variant.template,
                prices=settings.ENGINE_PRICES,
                after_each=bar.update,
            )
        for one in outcomes:
            if one.failure:
                self.stderr.write(f"{variant.name}: {one.example.name}: {one.failure}")
        return Report.of(variant.name, outcomes)

    def _judge(self, reports: list[Report]) -> None:
        if empty := [report.variant for report in reports if not report.drafted]:
            raise CommandError(f"No picture could be described by {', '.join(empty)}; the reasons stand above.")


def _variants(engines: list[str], prompts: list[str]) -> list[_Variant]:
    templates = [(named, _template(named)) for named in dict.fromkeys(prompts)]
    variants = []
    for names in dict.fromkeys(engines):
        try:
            chain = engine_chain(replace(engine_config(), chain=names))
        except (ValueError, EngineError) as error:
            raise CommandError(str(error)) from error
        for named, template in templates:
            label = names if named == PROMPT_BUILT_IN and len(templates) == 1 else f"{names} {named}"
            variants.append(_Variant(label, chain, template))
    return variants


def _template(named: str) -> Template | None:
    """Raises CommandError that says which prompts there are."""
    if named == PROMPT_BUILT_IN:
        return None
    name, _slash, version = named.rpartition("/") if "/" in named else (named, "", "")
    found = PromptTemplate.objects.filter(name=name)
    found = found.filter(version=int(version)) if version.isdecimal() else found.filter(is_current=True)
    row = found.first()
    if row is None:
        known = ", ".join(str(one) for one in PromptTemplate.objects.order_by("name", "version")[:20])
        raise CommandError(f"There is no prompt {named}. Known are: {known or 'none, besides the built-in one'}.")
    return Template(row.text, version=str(row), pk=row.pk)


def _table(reports: list[Report]) -> str:
    rows = [["", *(report.variant for report in reports)]]
    columns = [report.figures() for report in reports]
    rows += [[name, *(_shown(column[name]) for column in columns)] for name in columns[0]]
    codes = dict.fromkeys(code for report in reports for code in report.findings)
    rows += [[f"  {code}", *(str(report.findings.get(code, 0)) for report in reports)] for code in codes]
    first = max(len(row[0]) for row in rows)
    rest = max(len(cell) for row in rows for cell in row[1:])
    return "\n".join("  ".join([row[0].ljust(first), *(cell.rjust(rest) for cell in row[1:])]) for row in rows)


def _shown(value: float | str | None) -> str:
    return "-" if value is None else str(value)
