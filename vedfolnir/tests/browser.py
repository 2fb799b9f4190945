"""Debian's Chromium under Playwright, for tests that go where a person goes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
expect.set_options(timeout=20_000)


@contextmanager
def chromium_page(base_url: str, **options: object) -> Iterator[Page]:
    """A fresh page on `base_url`. Anything that the browser complains about (CSP above all) fails the test."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        page = browser.new_page(base_url=base_url, **options)  # type: ignore[arg-type]
        page.set_default_timeout(20_000)
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert not complaints, complaints


def assert_accessible(page: Page, *addresses: str) -> None:
    """axe finds nothing on the pages at these addresses, nor on the one that is open when none is given."""
    for address in addresses or (page.url,):
        if address != page.url:
            page.goto(address)
        found = Axe().run(page)
        assert not found.violations_count, f"{address}\n{found.generate_report()}"
