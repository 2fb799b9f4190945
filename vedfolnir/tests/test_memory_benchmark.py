"""Among many remembered pictures the database finds the same and similar ones by its indexes, and reads few rows."""

from typing import Any
from unittest import skipUnless

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

from benchmarks import memory as benchmark
from captions import memory
from captions.models import Image

ROWS = 20_000


@pytest.mark.mariadb
@pytest.mark.slow
@skipUnless(connection.vendor == "mysql", "the sequences and EXPLAIN are MariaDB's")
class MemoryPlanTests(TransactionTestCase):
    """The short run of `python -m benchmarks memory`, too."""

    def setUp(self) -> None:
        self.images = benchmark.fill(ROWS)

    def plan(self, image: Image) -> list[dict[str, Any]]:
        with CaptureQueriesContext(connection) as captured:
            memory.similar(image)
            memory.recall(image)
        steps = []
        for query in captured.captured_queries:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {query['sql'].replace('%', '%%')}", [])
                names = [column[0] for column in cursor.description]
                steps += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return steps

    def test_every_step_uses_an_index_and_reads_few_rows(self) -> None:
        image = self.images[0]
        image.perceptual_hash = image.fingerprint.perceptual_hash
        tables = {"image_fingerprints", "images", "posts"}
        steps = [step for step in self.plan(image) if step["table"] in tables]
        self.assertGreaterEqual(len(steps), 5)
        for step in steps:
            self.assertNotIn(step["type"], ("ALL", "index"), step)
            self.assertLessEqual(int(step["rows"]), 2 * memory.READ_MOST, step)
            self.assertNotIn("filesort", step["Extra"] or "", step)

    def test_all_that_is_there_is_found_and_the_figures_have_their_floor(self) -> None:
        figures = {figure.name: figure for figure in benchmark.measure(self.images, 40)}
        self.assertEqual(figures["memory: the same pictures that were not found"].value, 0)
        self.assertEqual(figures["memory: % of pictures like it not found"].value, 0)
        self.assertEqual(sum(figure.floor is not None for figure in figures.values()), 6)
