"""Run as `python -m benchmarks.approving` in the environment of an installation: the posts of accounts, approved.

Reads from standard input a list of objects with `url` and `token`; connects each account, reads its posts as a scan
does, and approves for each picture without alt text the text that `alt_text` gives.
"""

import json
import sys
from collections.abc import Iterable
from contextlib import closing


def alt_text(picture: str) -> str:
    """The text for a picture, by the address of its file; with what servers may stumble over."""
    return f"A “boat” & a bridge, 100 % grey 🌫️\n{picture.rpartition('/')[2].partition('.')[0]}"


def main(accounts: Iterable[dict[str, str]]) -> None:
    import django

    django.setup()
    from accounts.models import User
    from accounts.roles import Role
    from captions import actions
    from captions.ingest import upsert_statuses
    from captions.models import Image
    from platforms import actions as platforms
    from platforms.clients.base import Status
    from platforms.speaking import client_for

    owner = User.objects.filter(username="chaos").first() or User.objects.create_user(
        "chaos", "chaos@example.org", None, role=Role.ADMIN, is_approved=True
    )
    for account in accounts:
        name = f"{account['family']} {account['name']}"
        connection = platforms.connect(owner, name=name, instance_url=account["url"], token=account["token"])
        with closing(client_for(connection)) as client:
            found = [one for one in client.statuses(connection.account_id) if isinstance(one, Status)]
        upsert_statuses(connection, found)
        waiting = Image.objects.filter(platform_connection=connection, captioned_at=None)
        waiting.update(generated_caption="A draft.", captioned_at=owner.created_at)
        for image in Image.objects.decidable_now().filter(platform_connection=connection).order_by("pk"):
            actions.approve(image, text=alt_text(image.image_url or ""), reviewer=owner)


if __name__ == "__main__":
    main(json.load(sys.stdin))
