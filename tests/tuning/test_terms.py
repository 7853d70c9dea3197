"""Pins and the router's own cost: every figure, the promise and the policy are under them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_matrix
from tests.tuning.test_cascade import answered
from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.policy import evaluate, make_policy
from tierwise.tuning.aims import Aim
from tierwise.tuning.terms import Terms, parse_pins
from tierwise.tuning.tune import tune


@pytest.fixture(scope="module")
def matrix():
    return make_matrix(240, seed=4)


@pytest.fixture(scope="module")
def pinned(matrix):
    return tune(matrix, Aim(max_loss=0.03), router="logistic", terms=Terms((("hard", "frontier"),)))


def by_hand(m, terms, scores, thresholds):
    """Quality, cost and shares, prompt by prompt."""
    pins, quality, cost, share = dict(terms.pins), 0.0, 0.0, dict.fromkeys(m.tiers, 0.0)
    for i, sample in enumerate(m.samples):
        tier = m.tiers.index(pins[sample.request_type]) if sample.request_type in pins else sum(t <= scores[i] for t in thresholds)
        quality += m.quality[i, tier] / len(m)
        cost += (m.cost[i, tier] + (0 if sample.request_type in pins else terms.overhead_usd)) / len(m)
        share[m.tiers[tier]] += 1 / len(m)
    return quality, cost * 1000, tuple(share.values())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_point_under_terms_is_what_a_loop_over_prompts_finds(data):
    m = make_matrix(30, tiers=data.draw(st.integers(2, 4)), seed=data.draw(st.integers(0, 50)))
    kind = data.draw(st.sampled_from(["easy", "hard"]))
    terms = Terms(((kind, data.draw(st.sampled_from(m.tiers))),), data.draw(st.sampled_from([0.0, 1e-4])), 0.05)
    if (terms.fixed(m) >= 0).all():
        return
    scores = np.round(np.random.default_rng(0).random(30), 1)
    frontier = terms.frontier(scores, m)
    thresholds = sorted(
        data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, math.inf]), min_size=len(m.tiers) - 1, max_size=len(m.tiers) - 1))
    )
    point, (quality, cost, shares) = frontier.at(thresholds), by_hand(m, terms, scores, thresholds)
    assert (point.quality, point.cost_per_1k_usd) == pytest.approx((quality, cost))
    assert point.share_by_tier == pytest.approx(shares) and sum(shares) == pytest.approx(1)
    assert point.loss == pytest.approx(m.quality[:, -1].mean() - quality)
    assert point.saving == pytest.approx(1 - cost / (1000 * m.cost[:, -1].mean()))
    p = frontier.points
    for i in (0, len(p) // 2, len(p) - 1):
        assert p.quality[i] == pytest.approx(by_hand(m, terms, scores, p.thresholds[i])[0])
        assert p.cost_per_1k[i] == pytest.approx(by_hand(m, terms, scores, p.thresholds[i])[1])


def test_a_pin_to_the_frontier_holds_in_every_figure(pinned, matrix):
    hard = matrix.request_types == "hard"
    assert (pinned.choice((math.inf, math.inf))[hard] == 2).all() and (pinned.heldout.choice[hard] == 2).all()
    by_type = pinned.by_request_type((math.inf, math.inf)).set_index("request_type")
    assert by_type.loc["hard", "loss"] == 0 and by_type.loc["hard", "share_frontier"] == 1
    least = 1 - pinned.frontier.points.cost_per_1k[0] / pinned.frontier.cost_per_1k_usd
    assert least < 1 - matrix.cost[~hard, 0].sum() / matrix.cost[:, -1].sum() + 1e-9
    assert pinned.heldout.saving <= least + 1e-9
    assert pinned.heldout.paid == pytest.approx(matrix.cost[np.arange(240), pinned.choice(pinned.chosen.thresholds)])


def test_a_pin_to_a_cheap_tier_is_tested_before_anything_is_promised(matrix):
    bad = replace(matrix, quality=np.where((matrix.request_types == "hard")[:, None] & (np.arange(3) < 2), 0.0, matrix.quality))
    with pytest.raises(NotReady, match="take a pin away"):
        tune(bad, Aim(max_loss=0.05), router="table", terms=Terms((("hard", "cheap"),)))
    tuned = tune(bad, Aim(max_cost_per_1k=0.5), router="table",
                 terms=Terms((("hard", "cheap"),)))  # fmt: skip
    assert tuned.chosen.loss > 0.1 and tuned.heldout.loss > 0.1
    assert tuned.certificate.status == "none"
    assert tuned.path.loss[0] == 0 and tuned.path.saving[0] == 0 and tuned.path.loss[1] > 0.1


def test_the_routers_cost_is_paid_by_every_request_that_it_looks_at(matrix):
    plain, dear = (tune(matrix, Aim(max_loss=0.03), router="table", terms=Terms((), usd, 0.2)) for usd in (0.0, 0.001))
    assert dear.frontier.cost_per_1k_usd == plain.frontier.cost_per_1k_usd
    assert dear.point((0.0, 0.0)).saving == pytest.approx(-0.001 / matrix.cost[:, -1].mean())
    here = dear.choice(dear.chosen.thresholds)
    assert dear.heldout.paid - matrix.cost[np.arange(240), here] == pytest.approx(np.full(240, 0.001))
    assert dear.latency(dear.chosen.thresholds)[0] - dear.terms.overhead_s >= 0
    assert dear.top_latency == plain.top_latency


def test_pins_are_the_first_rules_of_the_policy_and_keep_the_evidence(pinned, matrix):
    made = make_policy(pinned, "critical")
    rule = made.document["rules"][0]
    assert rule["when"] == {"request_type": ["hard"]} and rule["tier"] == "frontier" and rule["pin"] == {"allow_fallbacks": False}
    assert made.document["expected"]["saving"]["ci95"] == pytest.approx(list(pinned.heldout.saving_ci95))
    done = evaluate(made, matrix)
    assert done.saving == pytest.approx(pinned.chosen.saving, abs=0.08)
    served = [d["served"] for d, s in zip(done.decisions, matrix.samples, strict=True) if s.request_type == "hard"]
    assert set(served) == {"test/frontier"}
    costly = tune(matrix, Aim(max_loss=0.03), router="table", terms=Terms((), 1e-5, 0.02))
    assert make_policy(costly, "x").document["provenance"]["overhead"] == {"usd_per_1k": pytest.approx(0.01), "ms": 20}


def test_a_pin_takes_a_request_out_of_the_cascade():
    m, answers = answered()
    kind = m.samples[0].request_type
    for tier in ("mid", "frontier"):
        tuned = tune(m, Aim(max_cost_per_1k=3.0), router="cascade", answers=answers, terms=Terms(((kind, tier),)))
        here = m.request_types == kind
        for thresholds in ((2.0, 2.0), (0.0, 0.0), tuned.chosen.thresholds):
            at, rows = tuned.choice(thresholds), np.arange(len(m))
            point = tuned.point(thresholds)
            assert tuned.actions.cost[rows, at].mean() * 1000 == pytest.approx(point.cost_per_1k_usd)
            assert tuned.actions.quality[rows, at].mean() == pytest.approx(point.quality)
            assert tuned.actions.cost[here, at[here]] == pytest.approx(m.cost[here, m.tiers.index(tier)])
            assert (tuned.served(thresholds)[here] == m.tiers.index(tier)).all()
            assert sum(point.share_by_tier) == pytest.approx(1)
        assert evaluate(make_policy(tuned, "x"), m, answers=answers).saving == pytest.approx(tuned.chosen.saving, abs=0.05)


@pytest.mark.parametrize(
    ("terms", "error", "words"),
    [
        (lambda: Terms((("hard", "huge"),)), NotFound, "no such tier"),
        (lambda: Terms((("easy", "frontier"), ("hard", "frontier"))), NotReady, "nothing left to choose"),
        (lambda: Terms((("easy", "mid"), ("easy", "cheap"))), BadInput, "pinned twice"),
        (lambda: Terms((), -1.0), BadInput, "0 or more"),
        (lambda: Terms((), 0.0, math.nan), BadInput, "0 or more"),
    ],
)
def test_terms_that_make_no_sense_are_refused(matrix, terms, error, words):
    with pytest.raises(error, match=words):
        tune(matrix, router="table", terms=terms())


def test_pins_are_read_from_text(matrix):
    assert parse_pins(["legal=large", "a=b=mid", "hr"]) == (("legal", "large"), ("a=b", "mid"), ("hr", ""))
    assert Terms(parse_pins(["hr"])).named(matrix.tiers).pins == (("hr", "frontier"),)
    with pytest.raises(BadInput, match="REQUEST-TYPE=TIER"):
        parse_pins(["=large"])


def test_a_pin_without_prompts_is_said(matrix):
    tuned = tune(matrix, router="table", terms=Terms((("legal", "frontier"),)))
    assert any("'legal'" in w for w in tuned.warnings)
    assert make_policy(tuned, "x").document["rules"][0]["when"]["request_type"] == ["legal"]


def test_the_command_pins_and_says_what_traffic_it_was_weighed_by(demo, store, tmp_path):
    from tierwise.cli import main
    from tierwise.traffic import profile_of_counts

    store.traffic.add(profile_of_counts({"contract_qa": 500, "classification": 400, "poetry": 100}, "support log"))
    store.close()
    out = tmp_path / "t.json"
    code = main(["tune", demo.id, "--router", "table", "--pin", "contract_qa=large", "--router-usd-per-1k", "0.01", "--traffic", "support log",
                 "--save", "pinned", "--json", str(out)])  # fmt: skip
    data = json.loads(out.read_text())
    assert code == 0 and data["traffic"]["unmatched_share"] == pytest.approx(0.1) and 0 < data["traffic"]["effective"] < data["n"]
    from tierwise.store import Store

    with Store() as again:
        document = again.policies.list()[0].document
    traffic = document["provenance"]["traffic"]
    assert traffic["name"] == "support log" and traffic["unmatched_share"] == pytest.approx(0.1)
    assert any("support log" in note for note in document["notes"])
    assert document["rules"][0]["when"] == {"request_type": ["contract_qa"]}


def test_the_terms_of_a_policy_are_read_back(matrix):
    terms = Terms((("hard", "frontier"), ("rare", "mid")), 1e-5, 0.02)
    made = make_policy(tune(matrix, Aim(max_loss=0.03), router="table", terms=terms), "x")
    found = Terms.of_policy(made.document)
    assert found.pins == terms.pins and (found.overhead_usd, found.overhead_s) == pytest.approx((1e-5, 0.02))
    assert not Terms.of_policy(make_policy(tune(matrix, router="table"), "y").document)
