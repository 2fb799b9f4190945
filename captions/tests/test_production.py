"""What the staff page says of drafts, from decisions that are stored."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import actions, drafts, measuring, production
from captions.models import CaptionVersion, Image
from captions.production import Change, Maker
from captions.tests.rows import make_connection, make_image, make_post
from platforms.models import PlatformConnection

pytestmark = pytest.mark.django_db
BASIC = Maker("basic", "basic-1", "", "en")


def decided(text: str, *, draft: str = "A cat on a sofa.", seconds: float | None = 12.0, days_ago: int = 0) -> None:
    """A picture that was approved with `text`."""
    post = make_post(connection())
    image = make_image(post, draft=draft, status=Image.Status.APPROVED, final_caption=text)
    version = image.versions.get()
    CaptionVersion.objects.create(
        image=image,
        kind=CaptionVersion.Kind.FINAL,
        text=text,
        based_on=version,
        edit_distance=measuring.edit_distance(draft, text),
        seconds=seconds,
        created_at=timezone.now() - timedelta(days=days_ago),
    )


def connection() -> PlatformConnection:
    return PlatformConnection.objects.first() or make_connection(make_user("owner"))


def test_decisions_are_counted_by_how_much_of_the_draft_they_kept() -> None:
    decided("A cat on a sofa.", seconds=10.0)
    decided("A cat on a sofa!", seconds=20.0)
    decided("A black cat on a red sofa.", seconds=None)
    decided("Chart: sales of tea by month, highest in May.")
    (fate,) = production.fates(30)
    assert fate.maker == BASIC
    assert fate.changed == {Change.NONE: 1, Change.LITTLE: 1, Change.SOME: 1, Change.MUCH: 1}
    assert (fate.approved, fate.rejected, fate.unchanged_share) == (4, 0, 0.25)
    assert fate.timed == 3
    assert fate.seconds == pytest.approx(14.0)


def test_a_rejected_draft_counts_against_what_made_it() -> None:
    decided("A cat on a sofa.")
    make_image(make_post(connection()), status=Image.Status.REJECTED, reviewed_at=timezone.now())
    post = make_post(connection())
    make_image(post, status=Image.Status.REJECTED, reviewed_at=timezone.now(), is_decorative=True)
    (fate,) = production.fates(30)
    assert (fate.approved, fate.rejected, fate.unchanged_share) == (1, 1, 0.5)


def test_only_the_latest_draft_of_a_rejected_picture_counts() -> None:
    image = make_image(make_post(connection()), status=Image.Status.REJECTED, reviewed_at=timezone.now())
    CaptionVersion.objects.create(
        image=image, kind=CaptionVersion.Kind.GENERATED, text="A dog.", engine="ollama", model="m", language="en"
    )
    assert [(fate.maker.engine, fate.rejected) for fate in production.fates(30)] == [("ollama", 1)]


def test_what_was_decided_before_the_period_is_left_out() -> None:
    decided("A cat on a sofa.", days_ago=31)
    assert production.fates(30) == []
    assert len(production.fates(90)) == 1


def test_makers_are_added_up_by_what_they_share() -> None:
    decided("A cat on a sofa.")
    image = make_image(make_post(connection()), status=Image.Status.REJECTED, reviewed_at=timezone.now())
    CaptionVersion.objects.create(
        image=image,
        kind=CaptionVersion.Kind.GENERATED,
        text="Ein Hund.",
        engine="basic",
        model="basic-1",
        language="de",
    )
    fates = production.fates(30)
    assert [group.name for group in production.grouped(fates, lambda maker: maker.engine)] == ["basic"]
    assert [group.name for group in production.grouped(fates, lambda maker: maker.language)] == ["de", "en"]


def test_the_page_says_all_figures_in_words(client: Client) -> None:
    decided("A cat on a sofa.")
    decided("Chart: sales of tea by month, highest in May.")
    client.force_login(make_user("staff", role=Role.MODERATOR))
    page = client.get(reverse("captions:figures")).content.decode()
    assert "basic: basic-1" in page
    assert "Unchanged: 1" in page
    assert "More: 1" in page
    assert "50 %" in page


def test_a_period_without_decisions_says_so_and_no_figure(client: Client) -> None:
    client.force_login(make_user("staff", role=Role.MODERATOR))
    page = client.get(reverse("captions:figures"), {"days": "7"}).content.decode()
    assert "No draft was decided on in this period." in page
    assert "<svg" not in page.partition("<main")[2]


@pytest.mark.parametrize("asked", ["", "8", "-1", "10000", "x"])
def test_a_period_that_is_not_offered_becomes_the_usual_one(client: Client, asked: str) -> None:
    client.force_login(make_user("staff", role=Role.MODERATOR))
    assert client.get(reverse("captions:figures"), {"days": asked}).context["days"] == 30


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(1, 60.0), (30, 1800.0), (31, None), (-1, None), (None, None)], ids=str
)
def test_only_a_time_that_can_mean_work_is_kept(minutes: int | None, seconds: float | None) -> None:
    decided_at = timezone.now()
    opened = None if minutes is None else decided_at - timedelta(minutes=minutes)
    assert measuring.measure(None, "A cat.", opened, decided_at).seconds == seconds


def approved(image: Image, text: str, reviewer: User) -> CaptionVersion:
    actions.approve(image, text=text, reviewer=reviewer)
    return image.versions.get(kind=CaptionVersion.Kind.FINAL)


def test_an_approval_notes_what_it_kept_of_the_draft_and_how_long_it_took() -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as now:
        assert Image.objects.claim_for_review(image.pk, owner)
        now.shift(timedelta(minutes=4))
        assert Image.objects.claim_for_review(image.pk, owner)  # renewed while typing
        now.shift(timedelta(minutes=2))
        final = approved(image, "A cat on the sofa.", owner)
    assert final.based_on is not None
    assert final.based_on.text == "A cat on a sofa."
    assert (final.edit_distance, final.seconds) == (3, 360.0)


def test_who_comes_back_after_the_hold_ended_has_opened_it_anew() -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as now:
        assert Image.objects.claim_for_review(image.pk, owner)
        now.shift(timedelta(minutes=20))
        assert Image.objects.claim_for_review(image.pk, owner)
        now.shift(timedelta(seconds=5))
        assert approved(image, "A cat on a sofa.", owner).seconds == 5.0


def test_what_somebody_else_opened_has_no_time() -> None:
    owner, other = make_user("owner"), make_user("other", role=Role.ADMIN)
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    assert Image.objects.claim_for_review(image.pk, other)
    assert approved(image, "A cat on a sofa.", owner).seconds is None


def test_the_offered_text_that_was_taken_is_what_the_decision_was_made_on() -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    other = CaptionVersion.objects.create(
        image=image, kind=CaptionVersion.Kind.CANDIDATE, text="A black cat sleeps on a red sofa.", engine="ollama"
    )
    final = approved(image, "A black cat sleeps on a red sofa.", owner)
    assert (final.based_on, final.edit_distance) == (other, 0)


def test_a_text_that_a_person_had_written_before_is_no_decision_on_a_draft() -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat.", reviewed_caption="A black cat on a sofa.")
    final = approved(image, "A black cat on a sofa.", owner)
    assert (final.based_on, final.edit_distance) == (None, None)


def test_an_approval_that_was_taken_back_does_not_count_and_the_next_one_is_told_apart() -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    actions.approve(image, text="A cat on a sofa.", reviewer=owner)
    assert [fate.approved for fate in production.fates(30)] == [1]
    actions.reopen(image, user=owner)
    assert production.fates(30) == []
    image.refresh_from_db()
    actions.approve(image, text="A cat on a sofa.", reviewer=owner)
    assert production.fates(30) == []
    assert production.decided_without_draft(30) == production.Undrafted(reviewed_again=1, without_draft=0)


def test_a_text_written_from_nothing_is_told_apart(client: Client) -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft=None, status=Image.Status.ERROR)
    actions.approve(image, text="A cat on a sofa.", reviewer=owner)
    assert production.decided_without_draft(30) == production.Undrafted(reviewed_again=0, without_draft=1)
    client.force_login(make_user("staff", role=Role.MODERATOR))
    page = client.get(reverse("captions:figures")).content.decode()
    assert "1 text was written without a draft." in page
    assert "reviewed again" not in page


def test_the_way_to_a_new_draft_is_not_time_spent_on_it() -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as now:
        assert Image.objects.claim_for_review(image.pk, owner)
        assert drafts.ask_for_new_draft(image, owner, instruction="", candidates=0)
        claimed = drafts.claim(image.pk, timedelta(minutes=1))
        assert claimed is not None
        draft = drafts.Draft("A black cat.", engine="ollama", model="m", language="en")
        assert drafts.record_draft(image.pk, claimed.attempts, draft)
        now.shift(timedelta(minutes=4, seconds=40))  # the hold still lasts
        assert Image.objects.claim_for_review(image.pk, owner)
        now.shift(timedelta(seconds=6))
        image.refresh_from_db()
        assert approved(image, "A black cat.", owner).seconds == 6.0


def test_the_time_on_a_new_draft_begins_when_the_open_page_shows_it(client: Client) -> None:
    owner = make_user("owner")
    image = make_image(make_post(make_connection(owner)), draft="A cat on a sofa.")
    client.force_login(owner)
    with time_machine.travel("2026-03-01 12:00:00Z", tick=False) as now:
        assert Image.objects.claim_for_review(image.pk, owner)
        Image.objects.filter(pk=image.pk).update(review_opened_at=None)  # as a new draft leaves it
        now.shift(timedelta(seconds=10))
        client.get(reverse("captions:drafting", args=[image.pk]))
        now.shift(timedelta(seconds=20))
        client.get(reverse("captions:drafting", args=[image.pk]))
        image.refresh_from_db()
        assert approved(image, "A cat on a sofa.", owner).seconds == 20.0


def test_no_more_than_the_latest_are_counted_and_the_page_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days_ago in range(5):
        decided("A cat on a sofa.", days_ago=days_ago)
        reviewed_at = timezone.now() - timedelta(days=days_ago)
        make_image(make_post(connection()), status=Image.Status.REJECTED, reviewed_at=reviewed_at)
    client.force_login(make_user("staff", role=Role.ADMIN))
    for most, counted in ((100, 5), (5, 5), (3, 3)):
        monkeypatch.setattr(production, "COUNTED_MOST", most)
        (fate,) = production.fates(7)
        assert abs(fate.approved - counted) + abs(fate.rejected - counted) <= 1  # of the very last moment
        page = client.get(reverse("captions:figures"), {"days": "7"})
        assert ("more decisions than are counted" in page.content.decode()) == (most <= 5)


@pytest.mark.mariadb
@pytest.mark.django_db(transaction=True)  # ANALYZE commits: a transaction could not be taken back
@pytest.mark.skipif(db.vendor != "mysql", reason="EXPLAIN is MariaDB's")
def test_every_step_begins_at_the_decisions_of_the_period() -> None:
    post = make_post(connection())
    Image.objects.bulk_create(
        Image(
            post=post,
            platform_connection=connection(),
            image_post_id=f"r{number}",
            attachment_index=number,
            status=Image.Status.REJECTED,
            captioned_at=timezone.now(),
            reviewed_at=timezone.now() - timedelta(days=number % 1000),
        )
        for number in range(20_000)
    )
    images = Image.objects.values_list("pk", flat=True)
    kinds = (CaptionVersion.Kind.GENERATED, CaptionVersion.Kind.FINAL)
    CaptionVersion.objects.bulk_create(
        CaptionVersion(image_id=pk, kind=kind, text="A cat.", created_at=timezone.now() - timedelta(days=pk % 1000))
        for pk in images
        for kind in kinds
    )
    with db.cursor() as cursor:
        cursor.execute("ANALYZE TABLE images, caption_versions")
    with CaptureQueriesContext(db) as captured:
        production.fates(7)
        production.decided_without_draft(7)
    for query in captured.captured_queries:
        with db.cursor() as cursor:
            cursor.execute("EXPLAIN " + query["sql"].replace("%", "%%"), [])
            names = [column[0] for column in cursor.description]
            steps = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for step in steps:
            assert step["type"] not in {"ALL", "index"} or not step["table"] or step["table"].startswith("<"), step
            assert int(step["rows"] or 0) < 2000, (step, query["sql"])
