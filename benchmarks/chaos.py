"""Publishers killed with SIGKILL and stopped with SIGSTOP at every step and at random moments: what is lost?

Real workers (`celery worker`, as docker-compose.yml starts them) on a MariaDB and a Redis of their own, or where these
cannot be had as the embedded set-up runs (SQLite); `benchmarks.publisher` says in what they differ from production. The
servers are sandboxes of every family. The floor is a publisher as they are usually written (`benchmarks.naive`), on the
same posts and with as many kills. Every target is zero.
"""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import django

from benchmarks import naive, orders
from benchmarks.figures import Figure, table
from benchmarks.orders import KILL, STOP, Order
from benchmarks.servers import Server, Tally, server
from platforms.sandbox.families import FAMILIES
from scripts import services
from vedfolnir.tests import environment
from vedfolnir.tests.live import ROOT, Installation, Process, installation

LEASE = 3.0  # seconds; production has five minutes
ASLEEP = LEASE + 2.0  # seconds that a stopped worker sleeps
PATIENCE = 300.0  # seconds without any progress, after which what is left counts as lost
WORKERS, CONCURRENCY = 2, 2
Say = Callable[[str], None]
COUNTED = ("lost", "double", "damaged", "alarms", "untrue", "spared")
IN_WORDS = {
    "lost": "posts lost",
    "double": "posts written twice",
    "damaged": "posts damaged",
    "alarms": "false alarms",
    "untrue": "posted, but not there",
    "spared": "orders not carried out",
}


def steps() -> list[str]:
    """The named steps of a publication. Django must be set up."""
    from processing.publishing.steps import Step

    return [str(step) for step in Step]


@dataclass(frozen=True)
class Plan:
    """How much chaos on each family: deaths and sleeps at named steps, and of whole workers at random moments."""

    posts: int
    kills: int  # at each step
    stops: int  # in all, the steps in turn
    worker_kills: int = 0
    worker_stops: int = 0
    at_once: bool = False  # all orders at the beginning: with few posts, a later one might come too late

    def orders(self, families: Sequence[str]) -> list[tuple[str, str, str]]:
        """Family, step and verb, in a random order that is the same each time."""
        names = steps()
        given = [(family, step, KILL) for family in families for step in names for _number in range(self.kills)]
        for turn, family in enumerate(families):
            given += [(family, names[(turn + number) % len(names)], STOP) for number in range(self.stops)]
        random.Random(7).shuffle(given)
        return given


def run(scale: float, say: Say) -> list[Figure]:
    """The long run: 500 posts times `scale` on each family."""
    kills = max(1, round(6 * min(scale, 1.0)))
    plan = Plan(max(16, round(500 * scale)), kills=kills, stops=7 * max(1, kills // 3), worker_kills=4, worker_stops=2)
    tallies, floors = dict[str, Tally](), dict[str, Tally]()
    with stage(say) as live:
        for family in FAMILIES:
            tallies |= publish(live, [family], plan)
            floors[family] = publish_naively(family, plan)
            say(f"{family}: {tallies[family]}")
    say(as_table(tallies, floors))
    return [
        Figure(f"chaos {family}: {IN_WORDS[name]}", getattr(tally, name), 0, getattr(floors[family], name))
        for family, tally in tallies.items()
        for name in COUNTED
    ]


def as_table(tallies: dict[str, Tally], floors: dict[str, Tally]) -> str:
    """What happened to each family, and beneath it what the naive publisher made of the same."""
    heading = (
        "family",
        "posts",
        "kills",
        "stops",
        "lost",
        "double",
        "damaged",
        "false alarms",
        "untrue",
        "spared",
        "seconds",
    )
    rows = [
        (name, one.posts, one.kills, one.stops, *(getattr(one, key) for key in COUNTED), f"{one.seconds:.0f}")
        for family, tally in tallies.items()
        for name, one in ((family, tally), (f"  {family}, naive publisher", floors.get(family)))
        if one is not None
    ]
    return table(heading, rows)


# The stage


@contextmanager
def stage(say: Say) -> Iterator[Installation]:
    """An empty installation, on services of its own where they can be had."""
    environment.prepare()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vedfolnir.settings")
    django.setup()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="vedfolnir-chaos-")))
        with_services = True
        try:
            started = stack.enter_context(services.running("mariadb", "redis"))
            os.environ.update(services.environment(started))
        except services.ServiceError as error:
            say(f"On SQLite and without Redis: {error}")
            with_services = False
        yield stack.enter_context(ready(folder, services=with_services))


@contextmanager
def ready(folder: Path, *, services: bool) -> Iterator[Installation]:
    """A migrated installation, whose workers obey orders."""
    with installation(
        folder, services=services, SWEEP_SECONDS="1", CHAOS_LEASE=str(LEASE), LOG_LEVEL="WARNING"
    ) as live:
        live.manage("migrate", "--no-input")
        yield live


# Ours


@dataclass
class Scene:
    """Some families' servers, an installation that publishes to them, and the disturbances."""

    live: Installation
    servers: list[Server]
    folder: Path
    orders: list[tuple[str, str, str]]
    plan: Plan
    workers: list[Process] = field(default_factory=list)
    sleeping: dict[int, float] = field(default_factory=dict)  # process, or group as a negative number: until when
    woken: set[Order] = field(default_factory=set)  # orders to stop, of which it is known
    given: int = 0
    worker_kills: int = 0
    worker_stops: int = 0

    def start_worker(self) -> Process:
        name = f"io{len(self.live.processes)}"
        options = ["-Q", "io", "-n", f"{name}@%h", f"--concurrency={CONCURRENCY}", "--loglevel=WARNING"]
        return self.live.start(name, "celery", "-A", "benchmarks.publisher", "worker", *options)

    def open_ones(self) -> int:
        return int(
            self.live.value("SELECT COUNT(*) FROM publications WHERE status IN ('waiting', 'queued', 'undoing')")
        )

    def disturb(self, done: float) -> None:
        """Give what is due of the orders, by the part of the work that is `done`, and wake who slept long enough."""
        part = 1.0 if self.plan.at_once else min(1.0, done * 1.25 + 0.02)
        while self.given < len(self.orders) * part:
            orders.give(self.folder, Order(*self.orders[self.given], self.given))
            self.given += 1
        if self.worker_kills < self.plan.worker_kills * (done - 0.1):
            self.worker_kills += 1
            chosen = self.worker_kills % WORKERS
            self.workers[chosen].kill()
            self.workers[chosen] = self.start_worker()
        elif self.worker_stops < self.plan.worker_stops * (done - 0.2):
            self.worker_stops += 1
            group = self.workers[self.worker_stops % WORKERS].child.pid
            self._send(-group, signal.SIGSTOP)
            self.sleeping[-group] = time.monotonic() + ASLEEP
        for order, process in orders.taken(self.folder).items():
            if order.verb == STOP and order not in self.woken:
                self.sleeping.setdefault(process, time.monotonic() + ASLEEP)
                self.woken.add(order)
        for process, until in list(self.sleeping.items()):
            if until < time.monotonic():
                self._send(process, signal.SIGCONT)
                del self.sleeping[process]

    def _send(self, process: int, number: signal.Signals) -> None:
        try:
            os.killpg(-process, number) if process < 0 else os.kill(process, number)
        except ProcessLookupError:
            return

    def play(self) -> None:
        """Until nothing is left to publish, nobody sleeps, and no worker holds anything."""
        beat = ["--schedule", str(self.folder / "beat"), "--pidfile", str(self.folder / "beat.pid")]
        scheduler = self.live.start("beat", "celery", "-A", "vedfolnir", "beat", *beat)
        self.workers = [self.start_worker() for _number in range(WORKERS)]
        total = left = self.open_ones()
        moved = time.monotonic()
        while (left or self.sleeping) and time.monotonic() < moved + PATIENCE:
            self.disturb(1 - left / total)
            time.sleep(0.1)
            now = self.open_ones()
            if now != left:
                left, moved = now, time.monotonic()
        orders.withdraw(self.folder)
        for process in (*self.workers, scheduler):
            process.stop()


def publish(live: Installation, families: Sequence[str], plan: Plan) -> dict[str, Tally]:
    """Publish `plan.posts` posts on each of these families at the same time, and count what became of them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(dir=live.folder, prefix="scene-")))
        servers = [stack.enter_context(server(folder / family, family, plan.posts)) for family in families]
        scene = Scene(live, servers, folder, plan.orders(families), plan)
        hosts = ",".join(urlsplit(one.sandbox.url).netloc for one in servers)
        live.environment |= {"OUTBOUND_ALLOW": hosts, "CHAOS_ORDERS": str(folder)}
        _approve(live, servers)
        started = time.monotonic()
        scene.play()
        seconds = time.monotonic() - started
        tallies = {one.family: _tally(scene, one) for one in servers}
        for tally in tallies.values():
            tally.seconds = seconds
        return tallies


def _approve(live: Installation, servers: Sequence[Server]) -> None:
    accounts = [
        {"family": one.family, "name": f"{name} {secrets.token_hex(3)}", "url": one.sandbox.url, "token": token}
        for one in servers
        for name, token in one.tokens.items()
    ]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.approving"],
        cwd=ROOT,
        env=live.environment | {"DJANGO_SETTINGS_MODULE": "vedfolnir.settings"},
        input=json.dumps(accounts).encode(),
        check=True,
    )


def _tally(scene: Scene, one: Server) -> Tally:
    verbs = [order.verb for order in orders.taken(scene.folder) if order.family == one.family]
    tally = Tally(
        posts=len(one.posts),
        spared=sum(family == one.family for family, _step, _verb in scene.orders) - len(verbs),
        kills=verbs.count(KILL) + scene.worker_kills,
        stops=verbs.count(STOP) + scene.worker_stops,
    )
    whole = one.look(tally)
    states = {uri: (bool(left), statuses) for uri, left, statuses in _states(scene.live, one)}
    for post in one.posts:
        left, statuses = states.get(_uri(one, post.id), (True, ""))
        tally.lost += left and "refused" not in statuses
        tally.alarms += "refused" in statuses
        tally.untrue += not left and post.id not in whole
    tally.alarms += scene.live.value(
        "SELECT COUNT(*) FROM platform_connections WHERE attention IS NOT NULL AND attention <> ''"
        f" AND instance_url = '{one.sandbox.url}'"
    )
    return tally


def _uri(one: Server, status_id: str) -> str:
    return str(one.sandbox.status(status_id)["uri"])


def _states(live: Installation, one: Server) -> list[tuple[str, int, str]]:
    """Of each post: its address, how many of its approved pictures are not posted, the states of its publications."""
    return live.rows(
        "SELECT uri, (SELECT COUNT(*) FROM images WHERE images.post_id = posts.id AND images.status <> 'posted'),"
        " (SELECT GROUP_CONCAT(status) FROM publications WHERE publications.post_id = posts.id)"
        f" FROM posts WHERE instance_url = '{one.sandbox.url}'"
    )


# The comparator


def publish_naively(family: str, plan: Plan) -> Tally:
    """The same posts and as many kills, by a publisher that marks first and sends only what it wants to change."""
    with TemporaryDirectory(prefix="vedfolnir-naive-") as name, server(Path(name), family, plan.posts) as one:
        folder, queue = Path(name), Path(name) / "queue"
        naive.create(queue)
        tokens = list(one.tokens.values())
        naive.add(
            queue,
            [
                (post.id, family, one.sandbox.url, tokens[number % len(tokens)], one.media_ids(post))
                for number, post in enumerate(one.posts)
            ],
        )
        kills = plan.kills * len(steps()) + plan.worker_kills
        started = time.monotonic()
        _work_naively(queue, folder, family, plan.posts, kills)
        died = len(orders.taken(folder))
        tally = Tally(plan.posts, kills=died, spared=kills - died, seconds=time.monotonic() - started)
        whole = one.look(tally)
        tally.lost = tally.untrue = len(one.posts) - len(whole)  # all are marked as done
        return tally


def _work_naively(queue: Path, folder: Path, family: str, posts: int, kills: int) -> None:
    """One process after the other, each until it is killed; each gets its order when as much work is done."""
    (folder / "taken").mkdir(exist_ok=True)
    for number in range(kills):
        left_then = posts - posts * (number + 1) // (kills + 1)
        command = [sys.executable, "-m", "benchmarks.naive", str(queue), str(folder)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            while process.poll() is None and naive.left(queue) > left_then:
                time.sleep(0.005)
            orders.give(folder, Order(family, naive.STEPS[number % len(naive.STEPS)], KILL, number))
            process.wait()
        orders.withdraw(folder)
    subprocess.run([sys.executable, "-m", "benchmarks.naive", str(queue), str(folder)], cwd=ROOT, check=True)
