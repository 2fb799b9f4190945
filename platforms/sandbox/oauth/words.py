"""What the page that asks a person says, in the languages that its `lang` parameter can choose."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words of one language; `{app}` and `{host}` are filled in."""

    language: str
    title: str
    account: str
    practice: str
    able: str
    back: str
    allow: str
    deny: str
    scopes: Mapping[str, str]


ENGLISH = Words(
    language="en",
    title="Allow {app} to use an account?",
    account="Your account",
    practice="This is a practice server: choosing an account is all there is to signing in, nobody has a password.",
    able="{app} will be able to",
    back="Afterwards you go back to {host}.",
    allow="Allow",
    deny="Deny",
    scopes={
        "read": "Read everything that this account can see",
        "read:accounts": "See who this account is",
        "read:statuses": "Read its posts, also those that are not public",
        "write": "Post, edit and delete in its name",
        "write:statuses": "Post, edit and delete posts in its name",
        "write:media": "Upload pictures and describe them",
        "follow": "Change whom it follows",
        "push": "Receive its notifications",
        "profile": "See its name and picture",
    },
)
GERMAN = Words(
    language="de",
    title="Darf {app} ein Konto benutzen?",
    account="Ihr Konto",
    practice="Dies ist ein Übungsserver: Wer ein Konto auswählt, ist schon angemeldet; ein Passwort hat hier niemand.",
    able="{app} dürfte dann",
    back="Danach geht es zurück zu {host}.",
    allow="Erlauben",
    deny="Ablehnen",
    scopes={
        "read": "alles lesen, was dieses Konto sehen kann",
        "read:accounts": "sehen, wessen Konto es ist",
        "read:statuses": "seine Beiträge lesen, auch die nicht öffentlichen",
        "write": "in seinem Namen schreiben, ändern und löschen",
        "write:statuses": "in seinem Namen Beiträge schreiben, ändern und löschen",
        "write:media": "Bilder hochladen und beschreiben",
        "follow": "ändern, wem es folgt",
        "push": "seine Benachrichtigungen empfangen",
        "profile": "seinen Namen und sein Bild sehen",
    },
)


def in_language(code: str) -> Words:
    """The words for a language code such as `de` or `de-CH`; English where there are none."""
    return GERMAN if code.lower().partition("-")[0] == GERMAN.language else ENGLISH
