"""Recorded results of real models give the figures that were published of them."""

import json

import numpy as np
import pandas as pd
import pytest

from tierwise.grading.grades import by_request_type, matrix
from tierwise.grading.summary import summary
from tierwise.importers.recorded import import_results


@pytest.fixture(scope="module")
def own_store(tmp_path_factory):
    from tierwise.store import Store

    with Store(tmp_path_factory.mktemp("recorded") / "tierwise.duckdb") as opened:
        yield opened


def test_routellm_reproduces_the_published_accuracies(own_store, recorded):
    run = import_results(own_store, (recorded / "routellm_mmlu.parquet").read_bytes(), "routellm_mmlu.parquet", "mmlu")
    rows = {t.tier: t for t in summary(matrix(own_store, run.id))}
    assert {name: (t.n, round(t.quality, 3)) for name, t in rows.items()} == {
        "mistralai/Mixtral-8x7B-Instruct-v0.1": (14_042, 0.681),
        "gpt-4-1106-preview": (14_042, 0.806),
    }
    assert next(iter(rows)).startswith("mistral"), "the cheaper one comes first"


def test_zeroeval_reproduces_the_published_accuracies(own_store, recorded):
    run = import_results(own_store, (recorded / "zeroeval.parquet").read_bytes(), "zeroeval.parquet", "zeroeval")
    assert len(run.tiers) == 13
    table = by_request_type(matrix(own_store, run.id)).set_index(["request_type", "tier"])
    published = {"gpt-4o-2024-08-06": 96.21, "claude-3-5-sonnet-20240620": 95.60, "gpt-4o-mini-2024-07-18": 94.24}
    assert {m: round(100 * table.loc[("gsm", m), "quality"], 2) for m in published} == published
    assert table.loc["gsm"]["n"].unique().tolist() == [1_319]


def test_the_same_results_as_wide_give_the_same_run(own_store, recorded):
    frame = pd.read_parquet(recorded / "zeroeval.parquet")
    pair = ["gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"]
    frame = frame[frame["model"].isin(pair) & frame["sample_id"].isin(frame["sample_id"].unique()[:200])]
    wide = frame.pivot(index=["sample_id", "task", "prompt"], columns="model", values=["score", "cost_usd", "output"])
    wide.columns = [f"{model}_{part}" for part, model in wide.columns]
    run = import_results(own_store, json.dumps(wide.reset_index().to_dict("records")).encode(), "wide.json", "wide")
    from_long = import_results(own_store, json.dumps(frame.to_dict("records")).encode(), "long.json", "long")
    a, b = matrix(own_store, run.id), matrix(own_store, from_long.id)
    order = [[s.id for s in b.samples].index(s.id) for s in a.samples]
    assert a.tiers == b.tiers == tuple(pair)
    np.testing.assert_array_equal(a.quality, b.quality[order])
    np.testing.assert_array_equal(a.cost, b.cost[order])
