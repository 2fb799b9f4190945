"""Sandboxes for the tests of this app: `sandbox` has no posts, `sampled` has the sample posts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from platforms.sandbox.testing import SandboxHandle, running_sandbox
from platforms.tests.api import Api


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path, with_samples=False) as handle:
        yield handle


@pytest.fixture
def sampled(tmp_path: Path) -> Iterator[SandboxHandle]:
    with running_sandbox(tmp_path) as handle:
        yield handle


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    name = "sampled" if "sampled" in request.fixturenames else "sandbox"
    handle: SandboxHandle = request.getfixturevalue(name)
    client = Api(handle, handle.token)
    yield client
    client.session.close()


@pytest.fixture
def anonymous(sandbox: SandboxHandle) -> Iterator[Api]:
    client = Api(sandbox, None)
    yield client
    client.session.close()
