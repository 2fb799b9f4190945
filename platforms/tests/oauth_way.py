"""The way of OAuth through the pages, every step as a browser does it."""

from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.urls import reverse

from accounts.models import User
from platforms.models import PlatformConnection
from platforms.sandbox.oauth.person import Person
from platforms.sandbox.testing import SandboxHandle


class Browser:
    """Somebody who is signed in here, and who has a browser at the sandbox, too."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user)

    def begin(self, url: str, name: str = "Kepler") -> Any:
        """Fill in the form: the page before the server's, or the form with what is wrong."""
        return self.client.post(reverse("platforms:connect"), {"instance_url": url, "name": name}, follow=True)

    def link(self, sandbox: SandboxHandle, name: str = "Kepler") -> str:
        """Where the page before the server's leads."""
        return str(self.begin(sandbox.url, name).context["link"])

    def begin_again(self, connection: PlatformConnection) -> Any:
        return self.client.post(reverse("platforms:sign_in_again", args=[connection.pk]), follow=True)

    def come_back(self, address: str) -> Any:
        """Follow the redirect of a server, up to a page."""
        return self.arrive(address, follow=True)

    def arrive(self, address: str, **options: Any) -> Any:
        parts = urlsplit(address)
        return self.client.get(f"{parts.path}?{parts.query}", **options)

    def connect(self, sandbox: SandboxHandle, username: str = "demo", name: str = "Kepler") -> Any:
        """The whole way."""
        return self.come_back(sandbox.approve(self.link(sandbox, name), username))

    def connected(self, sandbox: SandboxHandle, username: str = "demo", name: str = "Kepler") -> PlatformConnection:
        self.connect(sandbox, username, name)
        return PlatformConnection.objects.get(user=self.client.session["_auth_user_id"], name=name)

    def sign_in_again(self, connection: PlatformConnection, sandbox: SandboxHandle, username: str = "demo") -> Any:
        return self.come_back(sandbox.approve(str(self.begin_again(connection).context["link"]), username))


def denied(address: str) -> str:
    """Where a person is sent who says no."""
    person = Person("demo")
    with person.session:
        return person.deny(address)


def said(response: Any) -> str:
    """The messages of a page."""
    return " ".join(str(message) for message in response.context["messages"])


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def exchanges(sandbox: SandboxHandle) -> int:
    """How often a code or a refresh token was sent."""
    return len(sandbox.requests("POST", "/oauth/token"))
