"""Figures that a test measured, for people to read: scripts/test shows them after the counts."""

import pytest

PROPERTY = "figures"  # of a test case in the JUnit report; scripts/checks.py reads it


def tell(request: pytest.FixtureRequest, *lines: str) -> None:
    """Keep some lines in the report of the running test, and show them where it runs before somebody's eyes."""
    request.node.user_properties.append((PROPERTY, "\n".join(lines)))
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:  # a process of a spread run has no reporter
        return
    with capture.global_and_fixture_disabled():
        for line in ("", *lines):
            reporter.write_line(line)
