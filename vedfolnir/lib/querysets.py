"""The base of our QuerySets."""

from typing import Any, TypeVar

from django.db import models
from django.db.models.functions import Now

Row = TypeVar("Row", bound=models.Model)


class TouchingQuerySet(models.QuerySet[Row]):
    """For models with `updated_at`: a conditional `update()` sets it too, as `save()` does by `auto_now`."""

    def update(self, **values: Any) -> int:
        return super().update(**{"updated_at": Now(), **values})
