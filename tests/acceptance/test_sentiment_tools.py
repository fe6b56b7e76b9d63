"""The four tools of the sentiment example, what is made of their scores, and where its tables go."""

import pytest

from examples.sentiment.analysis import RESAMPLES, analyse_lines
from examples.sentiment.database import database_for
from examples.sentiment.sample import sample_text
from examples.sentiment.tools import TOOLS, Tool, load_tool

HAPPY = "I love this wonderful place, the food is excellent!"
SAD = "It was a terrible and disgusting meal, I hate it."


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_each_tool_tells_happy_from_sad_and_stays_in_its_bounds(tool: Tool) -> None:
    score = load_tool(tool)

    scores = [score(line) for line in (HAPPY, SAD, *sample_text(200).splitlines(), "", "\N{SLICE OF PIZZA}" * 500)]

    assert scores[0] > 0.3
    assert scores[1] < -0.3
    assert all(-1 <= each <= 1 for each in scores)


def test_naive_bayes_has_learned_what_a_negation_does() -> None:
    score = load_tool("bayes")

    assert score("good") > 0 > score("not good at all")
    assert score("never a problem") > 0 > score("never again")
    assert score("xyzzy plugh") == 0


def test_an_analysis_counts_the_lines_and_bounds_their_mean() -> None:
    scores = {"up": 0.8, "down": -0.4, "flat": 0.0}
    steps = list[tuple[int, int]]()

    found = analyse_lines(
        "vader", ["flat", "up", "up", "down"], scores.__getitem__, lambda *told: steps.append(told[:2])
    )

    assert (found.happy, found.neutral, found.sad) == (2, 1, 1)
    assert found.mean == pytest.approx(0.3)
    assert -0.4 <= found.low < found.mean < found.high <= 0.8
    assert (found.happiest.number, found.happiest.text) == (2, "up")
    assert (found.saddest.number, found.saddest.score) == (4, -0.4)
    assert steps[0] == (0, 4 + RESAMPLES)
    assert steps[-1] == (4 + RESAMPLES, 4 + RESAMPLES)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_tables_are_in_the_database_of_the_jobs_where_django_can_use_it() -> None:
    there = database_for("postgresql://ann:s%40cret@db.example:5433/shop?schema=mill&sslmode=require", None)
    file = database_for("sqlite:////srv/jobs.db?driver=sqlite3", "/srv/own.db")
    beside = database_for("sqlite:////srv/jobs.db", None)
    other = database_for("redis://db.example", "/srv/own.db")

    assert there.joins
    assert there.settings["NAME"] == "shop"
    assert (there.settings["USER"], there.settings["PASSWORD"]) == ("ann", "s@cret")
    assert (there.settings["HOST"], there.settings["PORT"]) == ("db.example", "5433")
    assert there.settings["OPTIONS"] == {"sslmode": "require", "options": "-csearch_path=mill"}
    assert (file.joins, file.settings["NAME"]) == (True, "/srv/jobs.db")
    assert (beside.joins, beside.settings["NAME"]) == (False, "/srv/jobs-sentiment.db")
    assert (other.joins, other.settings["NAME"]) == (False, "/srv/own.db")
