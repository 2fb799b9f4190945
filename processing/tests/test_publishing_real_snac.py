"""The whole way on a real snac, a server that none of us wrote: 2.96 does what it is asked, 2.75 only says so."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.test import override_settings

from captions.models import Image, Post
from platforms.sandbox.testing import Picture
from platforms.tests.snac import RealSnac, running_snac
from processing.publishing import Result, publish_publication, requests
from processing.publishing.steps import Step
from processing.tests.families_case import FamilyCase, at, die
from processing.tests.publishing_case import Killed


class RealSnacCase(FamilyCase):
    version: str
    snac: RealSnac

    def run_snac(self, *, known_as: str) -> None:
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.snac = stack.enter_context(running_snac(self.version, Path(stack.enter_context(TemporaryDirectory()))))
        stack.enter_context(override_settings(OUTBOUND_ALLOW=self.snac.allowed))
        self.connect_to(self.snac, "snac", known_as)

    def real_alt_texts(self, uri: str) -> list[str]:
        return [one.get("name") or "" for one in self.snac.stored(uri)["attachment"]]


class Snac296Tests(RealSnacCase):
    version = "2.96"

    def test_alt_texts_are_written_found_again_by_a_scan_and_undone(self) -> None:
        self.run_snac(known_as=self.version)
        text = "Boats & <gulls>, see https://example.org #harbour"
        values: dict[str, Any] = {"spoiler_text": "water", "sensitive": True, "visibility": "unlisted"}
        status_id = self.snac.add_status(text, pictures=[Picture(), Picture("Mine."), Picture()], **values)
        uri = self.snac.status(status_id)["uri"]
        self.snac.age(uri)
        before = self.snac.stored(uri)
        _status_id, post = self.drafted(status_id)
        publication = self.approve(post)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)

        self.assertEqual(self.real_alt_texts(uri), ["Picture 0: a boat.", "Mine.", "Picture 2: a boat."])
        after = self.snac.stored(uri)
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        self.assertLessEqual(changed, {"attachment", "updated", "contentMap"})
        old = post.post_id
        self.scan()
        post = Post.objects.get()
        self.assertNotEqual(post.post_id, old)
        self.assertEqual(set(Image.objects.values_list("status", flat=True)), {Image.Status.POSTED})

        publication.refresh_from_db()
        requests.request_undo(publication, user=self.reviewer)
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        self.assertEqual(self.real_alt_texts(uri), ["", "Mine.", ""])

    def test_a_worker_that_died_after_the_edit_leaves_it_to_be_found(self) -> None:
        self.run_snac(known_as=self.version)
        status_id = self.snac.add_status(pictures=2)
        uri = self.snac.status(status_id)["uri"]
        self.snac.age(uri)
        publication = self.approve(self.drafted(status_id)[1])
        with self.assertRaises(Killed):
            publish_publication(publication.pk, at_step=at(Step.WRITTEN, die))
        self.again(publication)

        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(len(self.snac.requests("PUT")), 1)
        self.assertEqual(self.real_alt_texts(uri), ["Picture 0: a boat.", "Picture 1: a boat."])


class Snac275Tests(RealSnacCase):
    version = "2.75"

    def test_the_read_back_catches_the_lie_and_nothing_says_posted(self) -> None:
        self.run_snac(known_as="2.96")  # as if the version gate did not exist
        status_id = self.snac.add_status(pictures=2)
        uri = self.snac.status(status_id)["uri"]
        publication = self.approve(self.drafted(status_id)[1])

        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)

        self.assertEqual([one.status for one in self.snac.requests("PUT")], [200])
        self.assertEqual(self.real_alt_texts(uri), ["", ""])
        publication.refresh_from_db()
        self.connection.refresh_from_db()
        self.assertIn("does not have the alt text that was written", publication.error)
        self.assertTrue(self.connection.attention)
        self.assertFalse(Image.objects.filter(status=Image.Status.POSTED).exists())

    def test_as_itself_it_is_never_written_to(self) -> None:
        self.run_snac(known_as=self.version)
        publication = self.approve(self.drafted(self.snac.add_status())[1])
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        self.assertEqual(self.snac.requests("PUT"), [])
