"""Lists whose cost does not grow with the table."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Setting
from vedfolnir import admin
from vedfolnir.admin import BoundedPaginator


@pytest.mark.django_db
def test_it_counts_no_further_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    Setting.objects.bulk_create(Setting(key=f"key{number:02}", value="x") for number in range(12))
    monkeypatch.setattr(admin, "COUNT_CAP", 10)
    pages = BoundedPaginator(Setting.objects.order_by("key"), 4)
    with CaptureQueriesContext(connection) as queries:
        assert (pages.count, pages.num_pages) == (10, 3)
    (query,) = queries.captured_queries
    assert "LIMIT 10" in query["sql"]
    assert "ORDER BY" not in query["sql"]
    assert [row.key for row in pages.page(3)] == ["key08", "key09"]


@pytest.mark.django_db
def test_a_shorter_table_is_counted_exactly() -> None:
    Setting.objects.create(key="only", value="x")
    pages = BoundedPaginator(Setting.objects.order_by("key"), 4)
    assert [row.key for row in pages.page(1)] == ["only"]


def test_a_list_is_paged_too() -> None:
    assert BoundedPaginator([Setting(key="a"), Setting(key="b")], 1).num_pages == 2
