"""The store of the embedded mode: a table."""

import json
from datetime import UTC, datetime
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from platforms.models import TrafficState
from platforms.traffic.stores import NOTHING, Row, StoreUnavailable


class DatabaseStore:
    """For the processes of one machine. A row for each name, changed by one conditional statement and no lock.

    Not `exact`: SQLite has one writer at a time, and that one should be doing something useful. A write within a
    transaction of the caller, which there should not be (STYLE rule 6), is part of it.
    """

    exact = False

    def read(self, name: str) -> Row:
        try:
            found = TrafficState.objects.filter(name=name).values_list("version", "state", "expires_at").first()
        except (OperationalError, InterfaceError) as error:
            raise self._unavailable(error) from error
        return Row(found[0], json.loads(found[1]), found[2].timestamp()) if found else NOTHING

    def swap(self, name: str, seen: int, row: Row, *, now: float) -> bool:
        values = {
            "version": row.version,
            "state": json.dumps(row.state),
            "expires_at": datetime.fromtimestamp(row.until, UTC),
        }
        try:
            if TrafficState.objects.filter(name=name, version=seen).update(**values):
                return True
            return seen == 0 and self._add(name, values, now)
        except (OperationalError, InterfaceError) as error:
            raise self._unavailable(error) from error

    def _add(self, name: str, values: dict[str, Any], now: float) -> bool:
        """A first row, and away with those that nobody needs any more; False if another process was first."""
        TrafficState.objects.filter(expires_at__lt=datetime.fromtimestamp(now, UTC)).delete()
        # An empty row, which changes nothing where there is one; the update then has one winner.
        TrafficState.objects.bulk_create([TrafficState(name=name, **values | {"version": 0})], ignore_conflicts=True)
        return TrafficState.objects.filter(name=name, version=0).update(**values) == 1

    def _unavailable(self, error: Exception) -> Exception:
        """Within a transaction its owner must know that it is lost."""
        return error if transaction.get_connection().in_atomic_block else StoreUnavailable(str(error))
