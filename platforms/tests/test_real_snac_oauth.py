"""Connecting by OAuth to real snac servers: there and back, again, and the access given back."""

import re

import pytest
from django.urls import reverse
from pytest_django import Settings

from accounts.tests.people import make_user
from platforms.models import PlatformConnection
from platforms.tests.cast import host_of
from platforms.tests.oauth_way import Browser, said
from platforms.tests.snac import RealSnac

pytestmark = pytest.mark.django_db


def approve(snac: RealSnac, link: str, username: str) -> str:
    """Sign in at the server, as a person does. Where they are sent back to."""
    page = snac.send("GET", link).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields |= {"login": username, "passwd": snac.passwords[username]}
    answer = snac.send("POST", "/oauth/x-snac-login", data=fields)
    assert "Location" in answer.headers, (page, fields)
    return answer.headers["Location"]


def test_the_way_of_oauth_on_a_real_snac(real_snac: RealSnac, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = (host_of(real_snac.url),)
    real_snac.account("guest")
    alice, bob = (Browser(make_user(name)) for name in ("alice", "bob"))
    links = {"demo": alice.begin(real_snac.url).context["link"], "guest": bob.begin(real_snac.url).context["link"]}
    back = {name: approve(real_snac, link, name) for name, link in links.items()}
    assert "Connected: @demo@" in said(alice.come_back(back["demo"]))
    assert "Connected: @guest@" in said(bob.come_back(back["guest"]))

    first = PlatformConnection.objects.get(user__username="alice")
    second = PlatformConnection.objects.get(user__username="bob")
    link = str(alice.begin_again(first).context["link"])
    assert "Connected" in said(alice.come_back(approve(real_snac, link, "demo")))
    renewed = PlatformConnection.objects.get(pk=first.pk)
    assert works(real_snac, renewed.access_token)
    assert not works(real_snac, first.access_token)

    response = alice.client.post(reverse("platforms:remove", args=[first.pk]), follow=True)
    assert "has taken back the access, too" in said(response)
    assert not works(real_snac, renewed.access_token)
    assert works(real_snac, second.access_token)


def works(snac: RealSnac, token: str) -> bool:
    return bool(snac.send("GET", "/api/v1/accounts/verify_credentials", token=token).status_code == 200)
