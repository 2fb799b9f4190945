"""Somebody at a browser, for tests: opens the address that an app gives, fills in the form, presses a button."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

TIMEOUT = 10  # seconds


class NotPossible(Exception):
    """The page is an error, or lacks the button. The text says what the page said."""


class Form(HTMLParser):
    """The form of a page: where it goes, what it holds, which buttons it has; and all the page's text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: set[str] = set()
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, inputs and buttons."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "button":
            self.buttons.add(given.get("value", ""))
        elif tag == "input" and (given.get("type") != "radio" or "checked" in given):
            self.fields[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words += data.split()


class Person:
    """Has a browser of their own, which stays signed in at the sandbox as long as they use it."""

    def __init__(self, username: str) -> None:
        self.username = username
        self.session = requests.Session()
        self.session.trust_env = False

    def approve(self, authorize_url: str) -> str:
        """Allow what an app asks for. The address to which the sandbox sends the browser back. Raises NotPossible."""
        return self._answer(authorize_url, "allow")

    def deny(self, authorize_url: str) -> str:
        """Refuse what an app asks for. As `approve`; where a server offers no way to refuse, raises NotPossible."""
        return self._answer(authorize_url, "deny")

    def _answer(self, authorize_url: str, decision: str) -> str:
        page = self.session.get(authorize_url, allow_redirects=False, timeout=TIMEOUT)
        if page.is_redirect:
            return page.headers["Location"]
        form = Form(page.text)
        if page.status_code != 200 or form.action is None:
            raise NotPossible(" ".join(form.words))
        if "passwd" in form.fields and decision == "allow":
            form.fields |= {"login": self.username, "passwd": "any"}
        elif decision in form.buttons:
            form.fields |= {"account": self.username, "decision": decision}
        else:
            raise NotPossible(f"The page has no button to {decision} it.")
        answer = self.session.post(
            urljoin(authorize_url, form.action), data=form.fields, allow_redirects=False, timeout=TIMEOUT
        )
        if not answer.is_redirect:
            raise NotPossible(" ".join(Form(answer.text).words))
        return answer.headers["Location"]
