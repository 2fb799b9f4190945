import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from captions.checks.measuring import FOLDER, HALVES, Measured, labelled_texts, measure, table

HELP = """Check the labelled texts and print how well the findings are found (for developers).

Of each finding and language: the precision (of what was found, how much is right) and the recall (of what is there, how
much was found). The texts and what they prove: captions/checks/labelled/README.md.

  manage.py check_texts
  manage.py check_texts --half held_out --mistakes
  manage.py check_texts --folder my-texts --json

A folder of your own holds tuned/ and held_out/ with a file for each language, such as de.jsonl."""


class Command(BaseCommand):
    help = HELP
    requires_system_checks = ()  # no database and no keys are needed

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object")
        parser.add_argument("--half", choices=HALVES, help="only this half of the texts (default: all)")
        parser.add_argument("--mistakes", action="store_true", help="print the texts that were judged otherwise, too")
        parser.add_argument("--folder", type=Path, default=FOLDER, help="where the texts are")

    def handle(self, *args: Any, **options: Any) -> None:
        halves = [options["half"]] if options["half"] else HALVES
        measured = {half: self._measure(half, options["folder"]) for half in halves}
        if options["as_json"]:
            self.stdout.write(json.dumps({half: _as_json(each) for half, each in measured.items()}, ensure_ascii=False))
            return
        for half, each in measured.items():
            self.stdout.write(f"{half}: {each.texts} texts; {each.clean} of {each.good} good ones without any finding")
            self.stdout.write("\n".join(table(each)) + "\n")
            for labelled, found in each.mistakes if options["mistakes"] else ():
                missed, false = sorted(labelled.codes - found), sorted(found - labelled.codes)
                self.stdout.write(f"{labelled.language}: {labelled.text!r}: missed {missed}, falsely found {false}")

    def _measure(self, half: str, folder: Path) -> Measured:
        try:
            measured = measure(labelled_texts(half, folder))
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(f"A text in {folder / half} cannot be read: {error}. See the README there.") from error
        if not measured.texts:
            raise CommandError(f"There are no texts in {folder / half}. A file is named by its language: de.jsonl.")
        return measured


def _as_json(measured: Measured) -> dict[str, Any]:
    return {
        "texts": measured.texts,
        "good": measured.good,
        "clean": measured.clean,
        "findings": [
            {"language": language, "code": code, **count.as_json()}
            for (language, code), count in sorted(measured.counts.items())
        ],
        "mistakes": [
            {"language": each.language, "text": each.text, "labelled": sorted(each.codes), "found": sorted(found)}
            for each, found in measured.mistakes
        ],
    }
