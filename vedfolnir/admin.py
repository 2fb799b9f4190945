"""The base of our admin classes: lists whose cost does not grow with the table."""

from typing import TypeVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.utils.functional import cached_property

Row = TypeVar("Row", bound=models.Model)

COUNT_CAP = 10_000  # rows; a list that is longer shows so many and is narrowed by search and filters


class BoundedPaginator(Paginator[Row]):
    """Counts no further than `COUNT_CAP`: InnoDB and PostgreSQL read every row for an exact count."""

    @cached_property
    def count(self) -> int:
        # Without the ordering, which could make the database sort the whole table before it stops.
        rows = self.object_list.order_by() if isinstance(self.object_list, models.QuerySet) else self.object_list
        counted = rows[:COUNT_CAP]
        return counted.count() if isinstance(counted, models.QuerySet) else len(counted)


class BoundedAdmin(admin.ModelAdmin[Row]):
    """`ModelAdmin` for tables that grow: no count of the whole table, neither beside the search nor for the pages.

    Sorting is by the class's own `ordering` only, which should be an index (`sortable_by` opens more columns).
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # "Show counts" would count the whole table for every filter
    list_per_page = 50
    list_max_show_all = 200
    sortable_by = ()
