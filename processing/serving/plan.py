"""Which programs `serve` runs, and with which arguments."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import Error, connection

from processing import leases, left_behind
from processing.serving.supervisor import Child, nothing

MANAGE = str(Path(settings.BASE_DIR) / "manage.py")
# Celery warns root of messages that are pickled code. Ours are JSON (CELERY_ACCEPT_CONTENT), and its thirteen lines
# push what matters off the screen.
NO_WARNING_OF_PICKLE = "-Wignore:You're running the worker with superuser privileges"


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    sandbox_port: int
    web_workers: int
    io_threads: int
    caption_threads: int


def web(options: Options) -> Child:
    argv = [
        *_python("gunicorn", "vedfolnir.wsgi:application"),
        f"--bind={address(options.host, options.port)}",
        "--worker-class=gthread",
        f"--workers={options.web_workers}",
        "--threads=8",
        "--preload",  # one import for all workers: a quicker start and less memory
        "--timeout=60",
        "--graceful-timeout=10",
        "--no-control-socket",
        "--forwarded-allow-ips=",  # Django alone believes a proxy, and only with BEHIND_PROXY
        f"--chdir={settings.BASE_DIR}",
        "--log-level=warning",
    ]
    return Child("web", argv)


def worker(options: Options) -> Child:
    """Scans, publications, sweep, heartbeat; beat runs inside."""
    return Child("worker", [*_celery("io", options.io_threads), "--beat"], before_start=_freeing(leases.release_tasks))


def captions(options: Options) -> Child:
    """The engines, in a process of their own: they are busy for long, and a crash of theirs takes nothing along."""
    argv = _celery("captions", options.caption_threads)
    return Child("captions", argv, before_start=_freeing(leases.release_images, left_behind.release_calls))


def sandbox(options: Options) -> Child:
    return Child("sandbox", [sys.executable, MANAGE, "sandbox", f"--port={options.sandbox_port}", "--connected"])


def address(host: str, port: int) -> str:
    """As in a URL: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _celery(queue: str, threads: int) -> list[str]:
    return [
        sys.executable,
        NO_WARNING_OF_PICKLE,
        *("-m", "celery", "--quiet", "--app=vedfolnir", f"--workdir={settings.BASE_DIR}", "worker"),
        f"--queues={queue}",
        f"--hostname={queue}@%h",
        "--pool=threads",
        f"--concurrency={threads}",
        "--loglevel=INFO",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _freeing(*releases: Callable[[], int]) -> Callable[[], object]:
    """What to do before a worker starts: on one machine, what its dead predecessor held need not wait for its lease."""

    def free() -> None:
        try:
            for release in releases:
                release()
        except Error:
            pass  # a lease that is not given back ends by itself
        finally:
            connection.close()

    return free if settings.EMBEDDED else nothing
