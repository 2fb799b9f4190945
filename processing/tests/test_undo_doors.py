"""Where a person finds the undo: the publication's page, the connection's page, the admin."""

from django.urls import reverse

from accounts.models import AuditLog
from accounts.roles import Role
from captions.models import Publication
from processing.publishing import Result, publish_publication
from processing.tests import cast
from processing.tests.publishing_case import PublishingCase


class UndoDoorTests(PublishingCase):
    def alarmed(self) -> Publication:
        """A post that lost a picture, its text written on the other."""
        status_id = self.sandbox.add_status("Boats.", pictures=2, spoiler_text="water", sensitive=True)
        self.approved(status_id)
        self.sandbox.fault("drop_image", method="PUT")
        publication = cast.only_publication()
        self.assertEqual(publish_publication(publication.pk), Result.REFUSED)
        publication.refresh_from_db()
        return publication

    def damaged(self) -> Publication:
        """The same with a text and a content warning that are not as they were, as an odd server may leave them."""
        publication = self.alarmed()
        after = publication.after or {}
        after["source"] |= {"text": "Boots.", "spoiler_text": ""}
        after["status"] |= {"spoiler_text": "", "visibility": "private"}
        Publication.objects.filter(pk=publication.pk).update(after=after)
        return publication

    def test_the_page_says_what_an_undo_puts_back_and_what_only_a_person_can(self) -> None:
        publication = self.damaged()
        self.client.force_login(self.reviewer)
        page = self.client.get(reverse("publications:detail", args=[publication.pk]))
        self.assertContains(page, "What else is different")
        self.assertContains(page, "Picture 2 is gone. Its file was at http://")
        self.assertContains(page, '<p class="copy-text" id="lost-text" dir="auto">Boats.</p>', html=True)
        self.assertContains(page, '<p class="copy-text" id="lost-spoiler_text" dir="auto">water</p>', html=True)
        self.assertContains(page, '<p class="copy-text" dir="auto">private</p>', html=True)
        self.assertContains(page, "A lighthouse, seen from the 1. boat.</del>")
        self.assertContains(page, "Yes, undo")

    def test_the_connections_page_offers_it_to_those_who_decide(self) -> None:
        publication = self.alarmed()
        page = reverse("platforms:detail", args=[self.connection.pk])
        link = f"{reverse('publications:detail', args=[publication.pk])}#undo"
        self.client.force_login(self.reviewer)
        self.assertContains(self.client.get(page), link)
        viewer = cast.make_user("vera", Role.VIEWER)
        self.connection.memberships.create(user=viewer, role=Role.VIEWER)
        self.client.force_login(viewer)
        self.assertNotContains(self.client.get(page), link)

    def test_staff_undo_in_the_admin_after_a_look_and_the_audit_names_them(self) -> None:
        publication = self.alarmed()
        staff = cast.make_user("ada", Role.ADMIN)
        self.client.force_login(staff)
        change = self.client.get(reverse("admin:captions_publication_change", args=[publication.pk]))
        self.assertContains(change, f"{reverse('publications:detail', args=[publication.pk])}#undo")
        action = {"action": "undo", "_selected_action": [publication.pk]}
        address = reverse("admin:captions_publication_changelist")

        page = self.client.post(address, action)
        publication.refresh_from_db()
        self.assertContains(page, "A lighthouse, seen from the 1. boat.")
        self.assertEqual(publication.status, Publication.Status.REFUSED)

        self.client.post(address, {**action, "confirmed": "yes"})
        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.UNDOING)
        self.assertEqual(publish_publication(publication.pk), Result.UNDONE)
        for name in ("publication_undo_requested", "publication_undone"):
            self.assertEqual(AuditLog.objects.get(action=name).user_id, staff.pk)

    def test_what_was_never_written_is_not_offered(self) -> None:
        self.approved(self.sandbox.add_status())
        publication = cast.only_publication()
        self.client.force_login(cast.make_user("ada", Role.ADMIN))
        change = self.client.get(reverse("admin:captions_publication_change", args=[publication.pk]))
        self.assertNotContains(change, "#undo")
        action = {"action": "undo", "_selected_action": [publication.pk]}
        address = reverse("admin:captions_publication_changelist")
        self.assertContains(self.client.post(address, action), "Nothing can be undone here")
        self.assertContains(
            self.client.post(address, {**action, "confirmed": "yes"}, follow=True),
            "Only what was written can be undone",
        )
