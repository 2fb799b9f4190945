"""The texts that were approved before there was an image memory are found by it, too.

It may be stopped at any time and goes on: each chunk is committed by itself, and what is remembered is left out.
"""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery

CHUNK = 1000
NEAR, NO_BAND = 7, 1 << 16


def bands(perceptual_hash: str) -> list[int]:
    if len(perceptual_hash) != 16 or not NEAR < int(perceptual_hash, 16).bit_count() < 64 - NEAR:
        return [NO_BAND] * 4
    return [int(perceptual_hash[start : start + 4], 16) for start in range(0, 16, 4)]


def remember(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    database = schema_editor.connection.alias
    fingerprint = apps.get_model("captions", "Fingerprint")
    approved = apps.get_model("captions", "Image").objects.using(database)
    approved = approved.filter(status__in=("approved", "posted"), fingerprint=None)
    versions = apps.get_model("captions", "CaptionVersion").objects.using(database).filter(image=OuterRef("pk"))
    # What was published and undone stays approved, and is not to come up again: as `forget` has it from now on.
    approved = approved.annotate(latest=Subquery(versions.exclude(kind="candidate").order_by("-pk").values("kind")[:1]))
    approved = approved.exclude(latest="undone")
    approved = approved.exclude(content_hash="").exclude(platform_connection=None).order_by("pk")
    columns = ("pk", "platform_connection", "content_hash", "perceptual_hash")
    latest = 0
    while chunk := list(approved.filter(pk__gt=latest).values_list(*columns)[:CHUNK]):
        fingerprint.objects.using(database).bulk_create(
            fingerprint(
                image_id=pk,
                platform_connection_id=connection,
                content_hash=content_hash,
                perceptual_hash=looks,
                **{f"band_{number}": band for number, band in enumerate(bands(looks))},
            )
            for pk, connection, content_hash, looks in chunk
        )
        latest = chunk[-1][0]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("captions", "0009_drafts_have_prompts_styles_and_candidates")]

    operations = [migrations.RunPython(remember, migrations.RunPython.noop)]
