"""Two admins who remove each other at the same moment: one stays."""

from threading import Barrier, Thread

from django.db import connection
from django.test import TransactionTestCase, skipUnlessDBFeature

from accounts import actions
from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user


@skipUnlessDBFeature("has_select_for_update")  # SQLite has one writer at a time
class LastAdminRaceTests(TransactionTestCase):
    def test_of_two_admins_who_remove_each_other_one_stays(self) -> None:
        ada, bea = make_user("ada", role=Role.ADMIN), make_user("bea", role=Role.ADMIN)
        start, refused = Barrier(2), []

        def remove(victim: User, actor: User) -> None:
            start.wait()
            try:
                actions.set_role(victim, Role.VIEWER, actor=actor)
            except actions.LastAdmin as error:
                refused.append(error)
            finally:
                connection.close()

        threads = [Thread(target=remove, args=pair) for pair in ((ada, bea), (bea, ada))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(User.objects.filter(role=Role.ADMIN).count(), 1)
        self.assertEqual(len(refused), 1)
