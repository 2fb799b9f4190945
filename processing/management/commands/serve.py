"""`manage.py serve`: everything on one machine, as one command."""

import os
from argparse import ArgumentParser
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from platforms.sandbox import samples
from processing.serving import plan, readiness
from processing.serving.output import Terminal
from processing.serving.plan import Options
from processing.serving.supervisor import Child, Supervisor
from vedfolnir.lib.arguments import port

START_SECONDS = 60.0  # a cold disk on a busy machine; usually one to three
START_TRIES = 3  # a page that ended so often before it ever answered never will


class Command(BaseCommand):
    help = (
        "Run the page, the workers and the scheduler on this machine until Ctrl-C, with what each says on one "
        "terminal. What crashes is started again; nothing is left behind at the end. With --demo also a sandbox "
        "instance with sample posts, and everything that a first try needs (scripts/run does that)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)")
        parser.add_argument("--port", type=port, default=8000, help="port of the page (8000)")
        parser.add_argument("--demo", action="store_true", help="bring everything up to date, run the sandbox, too")
        parser.add_argument("--sandbox-port", type=port, default=8400, help="port of the sandbox (8400)")
        parser.add_argument("--web-workers", type=int, default=2, help="processes for the page (2), 8 threads each")
        parser.add_argument("--io-threads", type=int, default=2, help="scans and publications at once (2)")
        parser.add_argument("--caption-threads", type=int, default=2, help="pictures described at once (2)")

    def handle(self, *args: Any, demo: bool, **given: Any) -> None:
        options = Options(**{name: given[name] for name in Options.__dataclass_fields__})
        if demo and options.port == options.sandbox_port:
            raise CommandError(
                f"The page and the sandbox cannot share port {options.port}. "
                "Choose another with --port or --sandbox-port."
            )
        with readiness.alone():
            self._serve(options, demo=demo)
        self.stdout.write("Stopped.")

    def _serve(self, options: Options, *, demo: bool) -> None:
        readiness.require_free(options.host, options.port, "--port")
        if demo:
            readiness.require_free("127.0.0.1", options.sandbox_port, "--sandbox-port")
            readiness.prepare(self.stdout.write)
        else:
            readiness.require_prepared()
        if not settings.EMBEDDED:
            self.stdout.write(
                "REDIS_URL is set: in production, web, worker and beat run apart (docker-compose.yml). "
                "Everything on this one machine works, too."
            )
        terminal = Terminal()
        with Supervisor(terminal) as supervisor:
            people = self._start_sandbox(supervisor, options) if demo else []
            if supervisor.is_asked_to_stop:
                return
            connections.close_all()
            web = supervisor.add(plan.web(options))
            for child in (plan.worker(options), plan.captions(options)):
                supervisor.add(child)
            wait_for_page(supervisor, web, options)
            if not supervisor.is_asked_to_stop:
                self._announce(terminal, options, people, demo=demo)
            supervisor.run()

    def _start_sandbox(self, supervisor: Supervisor, options: Options) -> list[str]:
        """The sandbox, and the accounts and the connection of the demo: what there is to say of them, in lines.

        Returns early when somebody asked to stop meanwhile. Raises CommandError when the sandbox does not come up.
        """
        allow_address(plan.address("127.0.0.1", options.sandbox_port))
        supervisor.add(plan.sandbox(options))
        if not supervisor.wait_for(lambda: readiness.answers("127.0.0.1", options.sandbox_port), START_SECONDS):
            if supervisor.is_asked_to_stop:
                return []
            raise CommandError("The sandbox did not start; its lines above say why.")
        url = f"http://{plan.address('127.0.0.1', options.sandbox_port)}"
        said = StringIO()
        try:
            call_command("create_demo_data", sandbox_url=url, stdout=said, no_color=True)
        finally:
            self.stdout.write(said.getvalue(), ending="")  # a password is told even when what comes after it fails
            self.stdout.flush()
        return said.getvalue().splitlines()

    def _announce(self, terminal: Terminal, options: Options, people: list[str], *, demo: bool) -> None:
        host = "127.0.0.1" if options.host in {"0.0.0.0", "::"} else options.host  # noqa: S104
        terminal.say("serve", f"Vedfolnir runs: http://{plan.address(host, options.port)}/")
        for line in people:  # again: what the programs said at their start has pushed it up
            terminal.say("serve", f"  {line}")
        if demo:
            page = f"http://{plan.address('127.0.0.1', options.sandbox_port)}/@{samples.DEMO}"
            terminal.say("serve", f"The sandbox's public page: {page}")
        terminal.say("serve", "Ctrl-C stops everything; what is under way goes on at the next start.")


def wait_for_page(supervisor: Supervisor, web: Child, options: Options) -> None:
    """Until the page answers, or somebody asks to stop. Raises CommandError when it never will."""

    def is_decided() -> bool:
        return web.crashes >= START_TRIES or (web.is_running and readiness.answers(options.host, options.port))

    supervisor.wait_for(is_decided, START_SECONDS)
    if supervisor.is_asked_to_stop or (web.is_running and readiness.answers(options.host, options.port)):
        return
    raise CommandError("The page did not start, so everything is stopped again; the lines of web above say why.")


def allow_address(address: str) -> None:
    """Let this process and those that it starts speak to the sandbox, whatever its port."""
    if address not in settings.OUTBOUND_ALLOW:
        settings.OUTBOUND_ALLOW = (*settings.OUTBOUND_ALLOW, address)
        os.environ["OUTBOUND_ALLOW"] = ",".join(settings.OUTBOUND_ALLOW)
