"""What the one edit sends: a server keeps, guesses or drops what is missing, so every field is sent each time."""

import json

from platforms.sandbox.testing import Picture, SandboxHandle
from platforms.tests.cast import mastodon


def test_the_edit_repeats_every_field_of_the_post(sandbox: SandboxHandle) -> None:
    post = sandbox.add_status(
        "Ein Wald.",
        pictures=[Picture("Der erste.", focus="-0.42,0.17"), Picture(None, focus="0.1,-0.33")],
        spoiler_text="Natur",
        sensitive=True,
        language="de",
        quote_policy="followers",
    )
    first, second = [one["id"] for one in sandbox.status(post)["media_attachments"]]

    with mastodon(sandbox.url, sandbox.token) as client:
        client.write_alt_texts(client.snapshot(post), {second: "Der zweite."})

    (sent,) = sandbox.requests("PUT")
    assert sent.path == f"/api/v1/statuses/{post}"
    assert json.loads(sent.body_json or "") == {
        "status": "Ein Wald.",
        "spoiler_text": "Natur",
        "sensitive": True,
        "language": "de",
        "media_ids": [first, second],
        "media_attributes": [
            {"id": first, "description": "Der erste.", "focus": "-0.42,0.17"},
            {"id": second, "description": "Der zweite.", "focus": "0.1,-0.33"},
        ],
        "quote_approval_policy": "followers",
    }
