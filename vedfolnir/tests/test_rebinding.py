"""The corpus of addresses that lead inside, and names that change their answer, with a real network and name server.

Linux gives a process a network, and files under /etc, of its own (user, network and mount namespaces; no root needed
where unprivileged ones are allowed). What runs there is `own_network`, by a pytest of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import certifi
import pytest

from vedfolnir.tests.internet import OTHER_PUBLIC, PUBLIC, make_certificate

TESTS = Path(__file__).parent
NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "--net")
FILES = {
    "resolv.conf": "nameserver 127.0.0.1\nsearch corp.example\noptions timeout:1 attempts:1\n",
    "nsswitch.conf": "hosts: files dns\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
}
SET_UP = """
set -e
ip link set lo up
for address in PUBLIC/32 10.0.0.5/32 169.254.169.254/32; do ip addr add $address dev lo; done
ip -6 addr add OTHER/128 dev lo nodad
for name in resolv.conf nsswitch.conf hosts; do mount --bind "$FOLDER/$name" "/etc/$name"; done
mount --bind "$FOLDER/rebind.example.pem" "$BUNDLE"
exec "$@"
""".replace("PUBLIC", PUBLIC).replace("OTHER", OTHER_PUBLIC)


@pytest.mark.slow
def test_nobody_gets_inside_by_a_name_server_or_a_redirect(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    make_certificate(tmp_path, "rebind.example")
    inner = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=short",
        str(TESTS / "own_network.py"),
    ]
    # A database server outside cannot be reached from there; SQLite says the same of addresses.
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    environment |= {"FOLDER": str(tmp_path), "BUNDLE": certifi.where()}
    done = subprocess.run(
        [*NAMESPACES, "sh", "-c", SET_UP, "sh", *inner],
        env=environment,
        cwd=TESTS.parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def why_not() -> str:
    """What is missing for a network of one's own; empty where it can be had."""
    for program in ("unshare", "ip", "mount"):
        if shutil.which(program) is None:
            return f"needs the program {program} (util-linux, iproute2) for a network of its own"
    tried = subprocess.run([*NAMESPACES, "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "needs user and network namespaces, which this machine does not give"
