from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from processing.engine_models import HubModel
from processing.engines.base import EngineMisconfigured
from processing.engines.local.choice import chosen_model
from processing.engines.local.fetching import FetchFailed, Hub, Plan

INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT

HELP = """Fetch the model of the engine `transformers` to this machine, once.

  manage.py fetch_model
  manage.py fetch_model --model Qwen/Qwen3-VL-4B-Instruct@ebb281ec70b05090aa6165b016eac8ec08e71b17

Without --model it is TRANSFORMERS_MODEL, or else the default for this machine. It goes to MODEL_FOLDER, from
HF_ENDPOINT. Only weights as safetensors and what belongs to them are fetched, and every file is checked against the
hub's own list. What an interruption left stays: the same command goes on from there. Where all of it is there already,
no network is used."""


class Command(BaseCommand):
    help = HELP
    requires_system_checks = []  # the checks ask for databases, which this does without

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--model", default=settings.TRANSFORMERS_MODEL, metavar="OWNER/NAME@COMMIT", help="another model"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be fetched, and fetch nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            model = chosen_model(*_named(options["model"]))
        except EngineMisconfigured as error:
            raise CommandError(error.reason) from error
        if not isinstance(model, HubModel):
            self.stdout.write(f"{model.path} is a folder of your own: there is nothing to fetch.")
            return
        models = Path(settings.MODEL_FOLDER)
        if model.is_complete(models):
            self.stdout.write(f"{model.label} is there: {model.folder(models)}")
            return
        hub = Hub(settings.HF_ENDPOINT, allow=settings.OUTBOUND_ALLOW)
        try:
            self._fetch(hub, hub.plan(model, models), dry_run=options["dry_run"])
        except FetchFailed as error:
            raise CommandError(f"{model.label} could not be fetched. {error}") from error
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. What has arrived is kept: the same command goes on from there.", returncode=INTERRUPTED
            ) from None
        finally:
            hub.close()

    def _fetch(self, hub: Hub, plan: Plan, *, dry_run: bool) -> None:
        here = f", of which {_readable(plan.here)} are there" if plan.here else ""
        self.stdout.write(f"{plan.model.label}: {len(plan.files)} files, {_readable(plan.size)}{here}")
        self.stdout.flush()
        if dry_run:
            self.stdout.write(f"Nothing was fetched. It would go to {plan.folder}.")
            return
        # disable=None: silent unless a person looks at a terminal
        with tqdm(total=plan.size, initial=plan.here, unit="B", unit_scale=True, disable=None) as bar:
            folder = hub.fetch(plan, bar.update)
        self.stdout.write(f"Fetched and checked: {folder}")


def _named(model: str) -> tuple[str, str]:
    """The model, and where it was named."""
    return model, "TRANSFORMERS_MODEL" if model == settings.TRANSFORMERS_MODEL else "--model"


def _readable(size: int) -> str:
    """Bytes as people count them."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
