"""`manage.py serve`: everything on one machine, as one command."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from platforms.sandbox import samples
from processing.serving import plan, readiness
from processing.serving.output import Terminal
from processing.serving.plan import Options
from processing.serving.supervisor import Supervisor

START_SECONDS = 60.0  # a cold disk on a busy machine; usually one to three


class Command(BaseCommand):
    help = (
        "Run the page, the workers and the scheduler on this machine until Ctrl-C, with what each says on one "
        "terminal. What crashes is started again; nothing is left behind at the end. With --demo also a sandbox "
        "instance with sample posts, and everything that a first try needs (scripts/run does that)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)")
        parser.add_argument("--port", type=int, default=8000, help="port of the page (8000)")
        parser.add_argument("--demo", action="store_true", help="bring everything up to date, run the sandbox, too")
        parser.add_argument("--sandbox-port", type=int, default=8400, help="port of the sandbox (8400)")
        parser.add_argument("--web-workers", type=int, default=2, help="processes for the page (2), 8 threads each")
        parser.add_argument("--io-threads", type=int, default=2, help="scans and publications at once (2)")
        parser.add_argument("--caption-threads", type=int, default=2, help="pictures described at once (2)")

    def handle(self, *args: Any, demo: bool, **given: Any) -> None:
        options = Options(**{name: given[name] for name in Options.__dataclass_fields__})
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
            if demo and not self._start_sandbox(supervisor, options):
                return
            connections.close_all()
            for child in (plan.web(options), plan.worker(options), plan.captions(options)):
                supervisor.add(child)
            if supervisor.wait_for(lambda: readiness.answers(options.host, options.port), START_SECONDS):
                self._announce(terminal, options, demo=demo)
            supervisor.run()
        self.stdout.write("Stopped.")

    def _start_sandbox(self, supervisor: Supervisor, options: Options) -> bool:
        """The sandbox, and the accounts and the connection of the demo. False when somebody asked to stop meanwhile.

        Raises CommandError when it does not come up.
        """
        allow_address(plan.address("127.0.0.1", options.sandbox_port))
        sandbox = supervisor.add(plan.sandbox(options))
        if not supervisor.wait_for(lambda: readiness.answers("127.0.0.1", options.sandbox_port), START_SECONDS):
            if sandbox.crashes:
                raise CommandError("The sandbox did not start; its lines above say why.")
            return False
        url = f"http://{plan.address('127.0.0.1', options.sandbox_port)}"
        call_command("create_demo_data", sandbox_url=url, stdout=self.stdout, no_color=True)
        return True

    def _announce(self, terminal: Terminal, options: Options, *, demo: bool) -> None:
        host = "127.0.0.1" if options.host in {"0.0.0.0", "::"} else options.host  # noqa: S104
        terminal.say("serve", f"Vedfolnir runs: http://{plan.address(host, options.port)}/")
        if demo:
            page = f"http://{plan.address('127.0.0.1', options.sandbox_port)}/@{samples.DEMO}"
            terminal.say("serve", f"The sandbox's public page: {page}")
        terminal.say("serve", "Ctrl-C stops everything; what is under way goes on at the next start.")


def allow_address(address: str) -> None:
    """Let this process and those that it starts speak to the sandbox, whatever its port."""
    if address not in settings.OUTBOUND_ALLOW:
        settings.OUTBOUND_ALLOW = (*settings.OUTBOUND_ALLOW, address)
        os.environ["OUTBOUND_ALLOW"] = ",".join(settings.OUTBOUND_ALLOW)
