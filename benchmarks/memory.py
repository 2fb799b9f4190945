"""How long it takes to find, among a million remembered pictures of one account, the same one and those like it.

On a MariaDB of its own. The floor is one row by a unique key, read through the ORM in the same run: what it comes to
tells how quiet the machine is; the targets do not move with it.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from statistics import median
from typing import TYPE_CHECKING

import django
from django.core.management import call_command

from benchmarks.figures import Figure
from scripts import services
from vedfolnir.tests import environment

if TYPE_CHECKING:
    from captions.models import Image

ROWS, LOOKUPS = 1_000_000, 300
AT_ONCE = 10_000  # rows of one statement
MOST, LATE_MOST = 5.0, 15.0  # milliseconds, on a quiet machine: the median, and the 95th of a hundred
MISSED_MOST = 10.0  # of a hundred that are as far away as a duplicate may be; of an account that shares heads
Say = Callable[[str], None]


def run(scale: float, say: Say) -> list[Figure]:
    """A million pictures times `scale`."""
    with database():
        from django.db import connection

        rows = max(1000, round(ROWS * scale))
        started = time.monotonic()
        images = fill(rows)
        say(f"{rows:,} pictures remembered in {time.monotonic() - started:.0f} s")
        figures = measure(images, LOOKUPS)
        connection.close()
    return figures


@contextmanager
def database() -> Iterator[None]:
    """A migrated MariaDB that this process is connected to."""
    environment.prepare()
    with services.running("mariadb") as started:
        os.environ.update(services.environment(started))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vedfolnir.settings")
        django.setup()
        call_command("migrate", verbosity=0)
        yield


def fill(rows: int) -> "list[Image]":
    """So many approved pictures of one account, each remembered; some of them, to look for.

    Their looks are as unevenly spread as those of real pictures: a third shares the upper quarter with many others.
    """
    from django.db import connection

    from accounts.models import User
    from captions.models import Image, Post
    from platforms.models import PlatformConnection

    owner = User.objects.create_user("memory", "memory@example.org", None)
    account = PlatformConnection.objects.create(
        user=owner,
        name="Memory",
        platform_type="mastodon",
        instance_url="https://social.example",
    )
    post = Post.objects.create(platform_connection=account, post_id="1", author_id="1")
    first = Image.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    random = Random(4)
    heads = [random.randrange(1 << 16) for _number in range(64)]
    with connection.cursor() as cursor:
        for start in range(0, rows, AT_ONCE):
            count = min(AT_ONCE, rows - start)
            numbers = f"seq_{first + start + 1}_to_{first + start + count}"
            cursor.execute(f"{IMAGES} FROM {numbers} s", [post.pk, account.pk])
            looks = [_looks(random, heads) for _number in range(count)]
            fingerprints = ",".join(
                f"({number},{account.pk},sha2({number},256),'{one:016x}',"
                + ",".join(str(one >> shift & 0xFFFF) for shift in (48, 32, 16, 0))
                + ")"
                for number, one in enumerate(looks, start=first + start + 1)
            )
            cursor.execute(FINGERPRINTS + fingerprints)
        cursor.execute("ANALYZE TABLE image_fingerprints, images")
    chosen = random.sample(range(first + 1, first + rows + 1), min(rows, LOOKUPS))
    return list(Image.objects.filter(pk__in=chosen).select_related("post", "fingerprint"))


def _looks(random: Random, heads: Sequence[int]) -> int:
    looks = random.getrandbits(64)
    return looks if random.random() > 1 / 3 else looks & (1 << 48) - 1 | random.choice(heads) << 48


def measure(images: "Sequence[Image]", lookups: int) -> list[Figure]:
    """Milliseconds of `lookups` searches of each kind, for pictures that are there in the same or a similar form."""
    from captions import memory
    from captions.models import Fingerprint, Image

    random, wanted = Random(6), list(images)[:lookups]
    twins = [
        Image(
            post=one.post,
            platform_connection_id=one.platform_connection_id,
            content_hash=one.fingerprint.content_hash,
        )
        for one in wanted
    ]
    alike = [Image(post=one.post, platform_connection_id=one.platform_connection_id) for one in wanted]
    for one, other in zip(alike, wanted, strict=True):
        one.perceptual_hash = _changed(random, other.fingerprint.perceptual_hash)
    unlike = [Image(post=one.post, platform_connection_id=one.platform_connection_id) for one in wanted]
    for one in unlike:
        one.perceptual_hash, one.content_hash = f"{random.getrandbits(64):016x}", "0" * 64
    floor = _milliseconds(lambda one: Fingerprint.objects.get(image=one.pk), wanted)
    same = _milliseconds(memory.recall, twins)
    near = _milliseconds(memory.similar, alike)
    none = _milliseconds(memory.similar, unlike)
    lost = sum(memory.recall(twin) is None for twin in twins)
    missed = 100 * sum(not memory.similar(one) for one in alike) / len(alike)
    return [
        *_figures("the same picture", same, floor),
        *_figures("pictures like it", near, floor),
        *_figures("none like it", none, floor),
        Figure("memory: the same pictures that were not found", lost, 0),
        Figure("memory: % of pictures like it not found", missed, MISSED_MOST),
    ]


def _changed(random: Random, looks: str) -> str:
    """As far away as a duplicate may be."""
    from captions import memory

    value = int(looks, 16)
    for bit in random.sample(range(memory.BITS), memory.NEAR):
        value ^= 1 << bit
    return f"{value:016x}"


def _milliseconds(look: Callable[["Image"], object], rows: "Sequence[Image]") -> list[float]:
    for row in rows[:10]:
        look(row)
    taken = []
    for row in rows:
        started = time.perf_counter()
        look(row)
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)


def _figures(name: str, taken: Sequence[float], floor: Sequence[float]) -> list[Figure]:
    at = [round((len(one) - 1) * 0.95) for one in (taken, floor)]
    return [
        Figure(f"memory: {name}, ms, p50", median(taken), MOST, median(floor)),
        Figure(f"memory: {name}, ms, p95", taken[at[0]], LATE_MOST, floor[at[1]]),
    ]


IMAGES = """
INSERT INTO images (
    id, image_post_id, image_url, local_path, attachment_index, status, final_caption, language, preview_url,
    visible_text, content_hash, post_id, platform_connection_id
)
SELECT s.seq, CONCAT('m', s.seq), '', '', s.seq, 'approved', 'A lighthouse on a rock.', 'en', '', '',
    sha2(s.seq, 256), %s, %s"""
FINGERPRINTS = """
INSERT INTO image_fingerprints (
    image_id, platform_connection_id, content_hash, perceptual_hash, band_0, band_1, band_2, band_3
) VALUES
"""
