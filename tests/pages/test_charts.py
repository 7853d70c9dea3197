"""Charts are functions from tables to specifications, so they are held to the rules without a browser."""

import math

import numpy as np
import pandas as pd
import pytest

from tierwise.ui import charts

TIERS = pd.DataFrame(
    {
        "name": ["small", "medium", "large"],
        "cost": [0.2, 1.0, 6.0],
        "quality": [0.5, 0.75, 0.9],
        "low": [0.44, 0.7, 0.86],
        "high": [0.56, 0.8, 0.94],
        "n": 200,
    }
)
STEPS = pd.DataFrame(
    {"step": range(12), "cost": np.geomspace(0.2, 6, 12), "quality": np.linspace(0.5, 0.9, 12), "what": "threshold", "share": "1 / 2"}
)
MIX = pd.DataFrame({"cost": np.geomspace(0.2, 6, 20), "quality": np.linspace(0.5, 0.9, 20)})


def spot(cost: float, quality: float) -> pd.DataFrame:
    return pd.DataFrame({"cost": [cost], "quality": [quality]})


def drawn(**changes) -> dict:
    given = {
        "steps": STEPS,
        "tiers": TIERS,
        "mix": MIX,
        "now": spot(1.5, 0.7),
        "recommended": spot(3, 0.8),
        "oracle": spot(1.2, 0.93),
        "target": 0.88,
    }
    return charts.frontier_chart(**(given | changes)).to_dict()


def rows_of(spec: dict, layer: dict) -> list[dict]:
    return spec["datasets"][layer["data"]["name"]]


def labels(spec: dict) -> list[dict]:
    (layer,) = [entry for entry in spec["layer"] if entry["mark"]["type"] == "text"]
    return rows_of(spec, layer)


def test_cost_is_on_a_log_axis_with_round_ticks():
    x = drawn()["layer"][0]["encoding"]["x"]
    assert x["scale"]["type"] == "log" and "US dollars" in x["title"]
    assert x["axis"]["values"] == [0.2, 0.5, 1, 2, 5]


@pytest.mark.parametrize("costs", [(0.0, 1.0, 6.0), (0.0, 0.0, 0.0)])
def test_a_free_tier_puts_cost_on_a_linear_axis(costs):
    tiers = TIERS.assign(cost=costs)
    steps = STEPS.assign(cost=np.linspace(0, max(costs), len(STEPS)))
    x = drawn(tiers=tiers, steps=steps)["layer"][0]["encoding"]["x"]
    assert x["scale"].get("type") != "log"
    assert all(math.isfinite(v) for v in x["scale"]["domain"])


def test_quality_does_not_start_at_zero_and_holds_every_point():
    low, high = drawn()["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert 0.3 < low <= 0.44 and 0.94 <= high <= 1.02


def test_the_frontier_is_drawn_as_steps_because_thresholds_are_discrete():
    lines = [entry["mark"] for entry in drawn()["layer"] if entry["mark"]["type"] == "line" and "strokeDash" not in entry["mark"]]
    assert [m["interpolate"] for m in lines] == ["step-after"]


def test_the_clickable_steps_lie_on_top_and_report_their_number():
    spec = drawn()
    (pick,) = spec["params"]
    assert pick["name"] == charts.PICK and pick["select"]["fields"] == ["step"]
    assert [r["step"] for r in rows_of(spec, spec["layer"][-1])] == list(range(12))


def test_everything_is_labelled_in_place_and_nothing_by_a_legend():
    spec = drawn()
    assert {r["text"] for r in labels(spec)} == {"small", "medium", "large", "now", "recommended", "perfect router", "random mix", "aim"}
    for layer in spec["layer"]:
        for channel in ("color", "shape"):
            assert layer["encoding"].get(channel, {}).get("legend", None) is None


def test_one_mark_that_is_both_now_and_recommended_has_one_label():
    assert "now" not in {r["text"] for r in labels(drawn(now=spot(3, 0.8)))}


def test_labels_keep_apart():
    spec = drawn()
    spots = {(round(r["cost"], 3), r["dx"], r["dy"]) for r in labels(spec)}
    assert len(spots) == len(labels(spec))


def test_colours_are_the_four_that_hold_on_both_themes():
    found = {c for entry in drawn()["layer"] if isinstance(c := entry["mark"].get("color"), str)}
    assert found <= {charts.ROUTE, charts.NOW, charts.REFERENCE}


def test_intervals_are_drawn_for_each_tier_in_order():
    spec = charts.interval_chart(TIERS).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["sort"] == ["small", "medium", "large"]
    assert spec["layer"][0]["encoding"]["x"]["field"] == "low"


def test_hostile_names_stay_text():
    spec = drawn(tiers=TIERS.assign(name=["![x](http://127.0.0.1/a)", "<img src=x>", "large"]))
    assert "![x](http://127.0.0.1/a)" in {r["text"] for r in labels(spec)}
    assert "url" not in str(spec.get("data", {}))
