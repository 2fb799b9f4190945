from argparse import ArgumentParser

from processing.task_commands import TaskCommand


class Command(TaskCommand):
    help = (
        "Find an account's pictures without alt text and have one drafted for each, as the button on the dashboard "
        "does. Nothing is published: that takes a reviewer."
    )
    describe = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--reprocess-existing",
            action="store_true",
            default=None,
            help="draft again what the machine wrote and nobody has decided on",
        )
