import json
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase

from accounts.models import User
from accounts.tests.people import make_user
from captions import actions
from captions.judging import around_image, judge, judge_parts
from captions.models import CaptionVersion, GlossaryEntry, Image, StyleGuide
from captions.tests.rows import make_connection, make_image, make_post
from platforms.models import PlatformConnection

GOOD = "A lighthouse on a rock, seen from a boat."


class JudgingTests(TestCase):
    alice: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)

    def image(self, **fields: Any) -> Image:
        return make_image(make_post(self.connection), **fields)

    def codes(self, image: Image, text: str, **known: Any) -> set[str]:
        return {finding.code for finding in judge(image, text, around_image(image, **known)).findings}

    def test_what_the_database_knows_around_an_image_is_asked(self) -> None:
        StyleGuide.objects.create(
            platform_connection=self.connection, avoid="kitty\n \nlovely scene", also_in="de, fr", wanted_length=60
        )
        GlossaryEntry.objects.create(platform_connection=self.connection, kind="person", term="Jo Example")
        post = make_post(self.connection, spoiler_text="Boats", tags="harbour boats")
        approved = make_image(post, status=Image.Status.APPROVED, final_caption="A pier.")
        drafted = make_image(post, draft="A gull.")
        image = make_image(post, visible_text="No parking", image_category="photo")

        around = around_image(image, engine="ollama")

        assert around.post_text == "Good morning from the harbour."
        assert (around.content_warning, around.tags) == ("Boats", ("harbour", "boats"))
        assert (around.siblings, around.drafts_beside) == ((approved.final_caption,), (drafted.text,))
        assert (around.visible_text, around.kind) == ("No parking", "photo")
        assert (around.avoid, around.also_in, around.wanted_length) == (("kitty", "lovely scene"), (), 60)
        assert around_image(image).also_in == ("de", "fr")
        assert [(term.term, term.is_person, term.has_consent) for term in around.glossary] == [
            ("Jo Example", True, False)
        ]
        assert (around.limit, around.language, around.engine) == (1500, "en", "ollama")

    def test_the_glossary_of_another_account_does_not_count(self) -> None:
        other = make_connection(self.alice, "Elsewhere")
        GlossaryEntry.objects.create(platform_connection=other, kind="person", term="Jo Example")
        assert "person-without-consent" not in self.codes(self.image(), "Jo Example on a pier.")

    def test_a_judgement_says_score_reasons_and_how_they_came_about(self) -> None:
        image = make_image(make_post(self.connection, sensitive=True))
        judged = judge(image, "Image of a pier.", around_image(image, engine="ollama"))
        assert (judged.score, judged.needs_special_review) == (92, True)
        assert judged.reasons == ["The author hid the pictures of the post."]
        assert judged.explanation == [(8, "Screen readers already say that it is an image.")]
        assert json.loads(json.dumps(judged.as_json()))[0]["code"] == "redundant-opening"

    def test_parts_are_judged_each_in_its_language_and_the_whole_against_the_limit(self) -> None:
        image = self.image()
        english = ("Image of a pier.", around_image(image, language="en", engine="ollama"))
        german = ("Ein Leuchtturm, vermutlich alt.", around_image(image, language="de", engine="ollama"))
        judged = judge_parts(image, [english, german])
        whole = f"{english[0]}\n\n{german[0]}"
        places = {finding.code: whole[slice(*finding.span)] for finding in judged.findings if finding.span}
        assert places == {"redundant-opening": "Image of", "hedge": "vermutlich"}

        PlatformConnection.objects.filter(pk=self.connection.pk).update(alt_text_limit=20)
        image = Image.objects.select_related("post", "platform_connection").get(pk=image.pk)
        assert judge_parts(image, [english, german]).score == 1

    def test_what_is_wrong_in_every_language_costs_once(self) -> None:
        image = self.image(visible_text="Street festival on Saturday", image_category="photo")
        texts = (("en", "Perhaps a tent on a meadow."), ("de", "Vielleicht ein Zelt auf einer Wiese."))
        parts = [(text, around_image(image, language=code, engine="ollama")) for code, text in texts]
        judged, single = judge_parts(image, parts), judge_parts(image, parts[:1])
        assert [(finding.code, finding.severity) for finding in judged.findings] == [
            ("misses-text", "major"),
            ("hedge", "minor"),
            ("hedge", "note"),
        ]
        assert judged.score == single.score == 67

    def test_a_decision_is_judged_by_the_text_in_the_picture_too(self) -> None:
        image = self.image(visible_text="Street festival on Saturday", image_category="text")
        actions.approve(image, text="A colourful poster.", reviewer=self.alice)
        final = image.versions.get(kind=CaptionVersion.Kind.FINAL)
        assert [finding["code"] for finding in final.findings] == ["misses-text"]
        assert final.findings[0]["detail"] == "Among what is missing: “street festival on saturday”."

    def test_a_person_may_name_who_and_where_they_see(self) -> None:
        assert self.codes(self.image(), "Angela Merkel at the Eiffel Tower in 2019.") == set()


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("check_texts", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_precision_and_recall_by_finding_and_language() -> None:
    out = printed()
    assert "tuned: " in out
    assert "held_out: " in out
    assert all(language in out.splitlines()[1] for language in ("all", "de", "en", "es", "fr", "ja"))
    assert "redundant-opening" in out


def test_the_command_prints_json() -> None:
    [held_out] = json.loads(printed("--json", "--half", "held_out")).values()
    assert held_out["texts"] > 100
    assert {"language", "code", "found", "false", "missed", "precision", "recall"} == set(held_out["findings"][0])


def test_the_command_takes_texts_of_ones_own_and_names_mistakes() -> None:
    with TemporaryDirectory() as folder:
        half = Path(folder) / "tuned"
        half.mkdir()
        rows = [{"text": GOOD, "codes": ["hedge"]}, {"text": "Image of a pier.", "codes": ["redundant-opening"]}]
        (half / "en.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        out = printed("--folder", folder, "--half", "tuned", "--mistakes")
        assert f"en: {GOOD!r}: missed ['hedge'], falsely found []" in out

        with pytest.raises(CommandError, match="There are no texts in"):
            printed("--folder", folder, "--half", "held_out")
        (half / "en.jsonl").write_text("{}", encoding="utf-8")
        with pytest.raises(CommandError, match="cannot be read"):
            printed("--folder", folder, "--half", "tuned")
