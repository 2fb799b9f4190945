"""The short run of `python -m benchmarks chaos`, and that its comparator shows what is at stake."""

from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import chaos
from benchmarks.figures import Figure
from platforms.sandbox.families import FAMILIES

PLAN = chaos.Plan(posts=8, kills=1, stops=1, worker_kills=1, worker_stops=1, at_once=True)


@pytest.mark.services
@pytest.mark.slow
def test_publishers_that_die_or_sleep_at_every_step_lose_double_and_damage_nothing(tmp_path: Path) -> None:
    with chaos.ready(tmp_path, services=True) as live:
        tallies = chaos.publish(live, list(FAMILIES), PLAN)

    print(chaos.as_table(tallies, {}))  # noqa: T201 - for whoever reads a failure
    for family, tally in tallies.items():
        found = {name: getattr(tally, name) for name in chaos.COUNTED}
        assert found == dict.fromkeys(chaos.COUNTED, 0), family
        assert tally.posts == PLAN.posts
        assert tally.kills == len(chaos.steps()) * PLAN.kills + PLAN.worker_kills, family
        assert tally.stops == PLAN.stops + PLAN.worker_stops, family


def test_the_usual_way_loses_doubles_or_damages() -> None:
    tallies = {
        family: chaos.publish_naively(family, chaos.Plan(posts=4, kills=1, stops=0))
        for family in ("mastodon", "takahe")
    }

    assert tallies["mastodon"].damaged
    assert sum(tally.lost for tally in tallies.values())


def test_a_figure_over_its_target_is_missed_and_a_figure_without_a_floor_has_no_ratio() -> None:
    figure = Figure("posts lost", 1, target=0, floor=4)
    assert figure.as_json() == {"name": "posts lost", "value": 1, "floor": 4, "ratio": 0.25, "target": 0, "ok": False}
    assert figure.as_line().endswith("MISSED")
    assert Figure("posts lost", 0, target=0).ratio is None


def test_the_list_names_what_there_is_and_another_name_is_answered_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["list"]) == 0
    assert capsys.readouterr().out.startswith("chaos ")
    with pytest.raises(SystemExit):
        benchmarks.main(["w1"])
    assert "There is: chaos" in capsys.readouterr().err
