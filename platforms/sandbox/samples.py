"""Sample accounts and posts: a small café with an observatory in its attic, which posts much and describes little."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from platforms.sandbox import drawings, store
from platforms.sandbox.database import Database
from platforms.sandbox.store import Account, Poll, Status

DEMO, FRIEND = "demo", "observatory"
# Fixed ids, so that a connection still fits after `manage.py sandbox --reset`.
DEMO_ID, FRIEND_ID = 115_000_000_000_000_001, 115_000_000_000_000_002


def _photograph(name: str) -> Callable[[], bytes]:
    return lambda: drawings.photograph(name)


@dataclass(frozen=True)
class Picture:
    """A picture of a sample post, with the alt text that its author gave it, if any."""

    draw: Callable[[], bytes]
    alt: str | None = None
    focus: str = ""


@dataclass(frozen=True)
class Post:
    """A sample post, `hours` before now. `reply_to` and `boosts` name another post by its `key`."""

    key: str
    hours: float
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    author: str = DEMO
    language: str = "en"
    visibility: str = "public"
    spoiler_text: str = ""
    sensitive: bool = False
    poll: tuple[str, ...] = ()
    votes: tuple[int, ...] = ()
    quote_policy: str | None = "public"
    reply_to: str = ""
    boosts: str = ""


# Oldest first, so that a post comes after the one that it answers or boosts.
POSTS = (
    Post(
        "dome",
        400,
        "The dome is open again after six weeks of repairs. Thank you, everybody who lent a hand or a ladder.",
        (Picture(drawings.hilltop),),
        author=FRIEND,
    ),
    Post("boosted", 399.5, boosts="dome"),
    Post(
        "opening",
        380,
        "Four pictures from our opening weekend: the guest of honour on the wall, the view from the attic, "
        "somebody who brought his own camera, and what kept us awake.\n\n#OpeningWeekend #Astronomy",
        (
            Picture(
                _photograph("astronaut"),
                "Portrait of astronaut Eileen Collins in an orange pressure suit, smiling, her helmet in front of her. "
                "Behind her stand a flag of the United States and a model of the Space Shuttle.",
            ),
            Picture(_photograph("hubble")),
            Picture(_photograph("photographer"), "📷✨"),
            Picture(_photograph("coffee"), "A cup of espresso on a red saucer, on a wooden table.", "0.1,0.25"),
        ),
    ),
    Post(
        "watercolour",
        330,
        "Our neighbour Aiko painted the hills behind the house. Please enjoy it with your own eyes and do not feed it "
        "to a machine. #noai #Watercolour",
        (Picture(drawings.watercolour),),
    ),
    Post(
        "eye",
        300,
        "Back from the eye doctor: all is well. She gave me this picture, and now I cannot stop seeing a planet with "
        "rivers on it.",
        (Picture(_photograph("retina")),),
        spoiler_text="Medical: the inside of an eye",
        sensitive=True,
    ),
    Post(
        "invoice",
        290,
        "@observatory Here is the scan of your invoice. Should the second line not read 20 mm?",
        (Picture(drawings.invoice_scan),),
        visibility="direct",
        quote_policy="nobody",
    ),
    Post(
        "menu",
        262,
        "La carte de demain midi. La tarte est encore tiède, alors ne tardez pas trop !\n\n#Menu #Café",
        (Picture(drawings.menu_card),),
        language="fr",
        visibility="unlisted",
    ),
    Post(
        "moon",
        240,
        "A question from yesterday's children's hour: why does the moon change its shape? Watch where the light comes "
        "from.",
        (Picture(drawings.moon_animation),),
    ),
    Post(
        "moon-thread",
        239.8,
        "…and this is where we watched it from. The light in the window is Marc, who had forgotten the keys.",
        (Picture(drawings.hilltop),),
        reply_to="moon",
    ),
    Post(
        "rota",
        216,
        "Rota for next week, for the team only. Tom, can you take Saturday morning?",
        (Picture(drawings.rota_screenshot),),
        visibility="private",
        quote_policy="followers",
    ),
    Post(
        "clouds",
        190,
        "We do not want to talk about it.",
        (Picture(drawings.meme),),
    ),
    Post(
        "rocket",
        165,
        "打ち上げの生中継を、金曜日の夜に店の二階で一緒に見ませんか。温かい飲み物を用意してお待ちしています。\n\n"
        "#宇宙 #ロケット",
        (Picture(_photograph("rocket")),),
        language="ja",
    ),
    Post(
        "poll",
        140,
        "The new telescope needs a name before Saturday. You decide; the paint is already wet.",
        (Picture(drawings.telescope_drawing),),
        poll=("Vera", "Henrietta", "Big Bertha's little sister"),
        votes=(41, 38, 17),
    ),
    Post(
        "sign",
        118,
        "New sign, new posters. The sign is the version without background, so please shout if you see a white box "
        "around it.",
        (Picture(drawings.logo), Picture(drawings.cmyk_poster)),
    ),
    Post(
        "text",
        96,
        "Small thing that made my day: a guest left a note under the cup that said “the stars were fine, but the cake "
        "was out of this world”.",
    ),
    Post(
        "night",
        72,
        "Am Freitag ist wieder Lange Nacht der Sterne! Der Eintritt ist frei, der Kakao fast. Zieht euch warm an, "
        "in der Kuppel wird nicht geheizt.\n\nDas Foto zeigt, worauf wir hoffen; versprechen können wir nichts.\n\n"
        "#Sterne #LangeNacht",
        (
            Picture(drawings.programme_card),
            Picture(
                _photograph("hubble"),
                "Hunderte kleiner Galaxien in Weiß, Gelb und Blau auf schwarzem Grund: das Hubble Extreme Deep Field.",
            ),
        ),
        language="de",
    ),
    Post(
        "visitors",
        50,
        "The numbers are in: November beat October on almost every day. We blame the hot chocolate.\n\n"
        "Raw data: https://example.org/kepler/visitors-october-november.csv #Statistics",
        (Picture(drawings.visitors_chart),),
    ),
    Post(
        "weather",
        28,
        "To everybody who asks whether tonight will be clear: until midnight, yes. Scan the code for the programme, "
        "or ask at the counter.",
        (Picture(drawings.weather_screenshot), Picture(drawings.code_pattern)),
    ),
    Post(
        "cat",
        6,
        "Chelsea has decided that the warm laptop is hers. Opening hours are now whatever she says they are.\n\n"
        "#CatsOfMastodon",
        (Picture(_photograph("cat")), Picture(drawings.turned_photograph)),
    ),
    Post(
        "coffee",
        2,
        "First espresso of the day ☕ The new beans come from two streets away and taste of walnut. Come by before "
        "noon, there are only three bags left.\n\n#Coffee",
        (Picture(_photograph("coffee")),),
    ),
)


def seed(database: Path, *, now: datetime | None = None) -> None:
    """Put the sample accounts and posts into the sandbox at `database`, dated before `now` (this moment if not given).

    Safe to call again: a sandbox that was seeded before keeps its state, edits and deletions included.
    """
    with Database(database).write() as db:
        if store.account_named(db, DEMO) is None:
            add_accounts(db)
            _add_posts(db, now or datetime.now(UTC))


def add_accounts(db: sqlite3.Connection) -> None:
    """Add the two people who live here, without posts."""
    people = (
        (
            DEMO_ID,
            DEMO,
            "Café Kepler",
            "Coffee downstairs, a telescope under the roof.\nSample account of the sandbox; a friend of @observatory.",
            drawings.avatar("K", drawings.NIGHT),
        ),
        (FRIEND_ID, FRIEND, "Ridge Observatory", "A dome on a hill.", drawings.avatar("R", drawings.TEAL)),
    )
    for pk, username, display_name, note, picture in people:
        avatar = store.add_file(db, picture, "image/png", "png")
        store.add_account(db, Account(pk, username, display_name, note, "en", avatar, "2026-01-05T00:00:00.000Z"))


def _add_posts(db: sqlite3.Connection, now: datetime) -> None:
    ids: dict[str, int] = {}
    for post in POSTS:
        account_id = DEMO_ID if post.author == DEMO else FRIEND_ID
        pictures = [
            store.add_media(db, account_id, one.draw(), description=one.alt, focus=one.focus) for one in post.pictures
        ]
        status = Status(
            id=0,
            account_id=account_id,
            text=post.text,
            spoiler_text=post.spoiler_text,
            sensitive=post.sensitive,
            language=None if post.boosts else post.language,
            visibility=post.visibility,
            in_reply_to_id=ids.get(post.reply_to),
            reblog_of_id=ids.get(post.boosts),
            media_ids=tuple(one.id for one in pictures),
            quote_policy=post.quote_policy,
            created_at=store.timestamp(now - timedelta(hours=post.hours)),
        )
        expires_at = store.timestamp(now + timedelta(days=5))
        poll = (
            Poll(post.poll, post.votes, multiple=False, hide_totals=False, expires_at=expires_at) if post.poll else None
        )
        ids[post.key] = store.add_status(db, status, poll).id
    store.set_setting(db, "samples", json.dumps(ids))
