"""The base of our admin classes: lists whose cost does not grow with the table."""

from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
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


class BoundedChangeList(ChangeList):
    """A list whose address names a date or a number that no database holds is shown without it."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except OverflowError as error:
            raise IncorrectLookupParameters(error) from error


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

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Filters in the address ask only for what the list shows, and for what its rows belong to.

        `?session_id__startswith=` would tell, letter by letter, what no page shows.
        """
        name = lookup.partition("__")[0]
        filters = {each[0] if isinstance(each, tuple) else each for each in self.list_filter}
        relations = {field.name for field in self.opts.fields if field.is_relation}
        known = {"pk", "id", *self.list_display, *filters, *relations}
        return name in known and super().lookup_allowed(lookup, value, request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList
