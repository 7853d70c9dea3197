"""The report: one page that holds everything, asks for nothing, and shows hostile text as text."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from tests.conftest import make_matrix
from tests.report.hostile import PAYLOAD, hostile_run
from tierwise.grading.grades import matrix
from tierwise.policy import make_policy
from tierwise.report import chart_svg, ladder_svg, mix_svg, policy_report, run_report, tiers_svg
from tierwise.report.markup import Markup, tag, text
from tierwise.traffic import difference, profile_of_counts
from tierwise.tuning.tune import tune
from tierwise.types import Grade, Outcome, Policy, Run, Tier

LOADS = {"src", "href", "srcset", "data", "action", "formaction", "poster", "background", "xlink:href", "ping", "cite"}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "h4", "p", "b", "span", "small",
    "div", "ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "svg", "text", "line",
    "circle", "polygon", "polyline"
}  # fmt: skip


class Page(HTMLParser):
    """What a page is made of: elements, attributes, and the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.words += data


def harmless(page: str) -> Page:
    found = Page(page)
    assert set(found.tags) <= TAGS, set(found.tags) - TAGS
    assert not found.attributes & LOADS and not [a for a in found.attributes if a.startswith("on")]
    assert "default-src 'none'" in page.replace("&#x27;", "'")
    assert "url(" not in page and "@import url" not in page
    return found


@pytest.fixture
def tuned(store, demo: Run) -> dict:
    """The working example tuned with one router, which is quick, as `run_report` takes it."""
    graded = matrix(store, demo.id)
    return {"matrix": graded, "tuning": tune(graded, router="table")}


@pytest.fixture
def policy(store, demo: Run) -> Policy:
    return store.policies.add(make_policy(tune(matrix(store, demo.id), router="table"), "Support bot"))


def test_a_run_has_every_part(store, demo, tuned):
    page = harmless(run_report(store, demo, **tuned))
    assert page.tags.count("svg") == 1
    parts = ["Quality against cost", "Tiers", "By request type", "Compared with", "Prompts that change tier", "Certificate:"]
    for said in (*parts, "Checked by people", "Simulated", "held-out", "sim/small", "95 %", store.evalsets.info(demo.evalset_id).digest):
        assert said in page.words, said
    assert "Answers" not in page.words


def test_answers_only_where_they_are_asked_for(store, demo, tuned):
    answer = next(o for o in store.runs.outcomes(demo.id)["output"] if isinstance(o, str) and len(o) > 60)
    assert text(answer) not in run_report(store, demo, **tuned)
    assert text(answer) in run_report(store, demo, answers=True, **tuned)


def test_a_policy_brings_its_digest_and_its_evidence(store, policy):
    page = harmless(policy_report(store, policy))
    for said in (
        "Support bot",
        policy.document["digest"],
        policy.version,
        "Simulated",
        "Thresholds on the router score",
        "This policy, held-out",
    ):
        assert said in page.words, said
    expected = policy.document["expected"]
    assert f"{expected['loss']['value'] * 100:.1f} pts" in page.words


def test_a_policy_from_elsewhere_says_that_its_run_is_not_here(store, policy, tmp_path):
    from tierwise.store import Store

    with Store(tmp_path / "other.duckdb") as other:
        page = harmless(policy_report(other, policy))
    assert "not in this workspace" in page.words and policy.document["digest"] in page.words and "svg" not in page.tags
    said = policy.document["provenance"]
    for known in (
        said["dataset"]["sha256"],
        said["grader"]["scorer"],
        said["prices"]["date"],
        said["run"]["name"],
        "no real model was called",
    ):
        assert known in page.words, known


def test_a_run_of_one_tier_is_a_report_without_a_route(store, demo):
    one = Run("one", "One tier", demo.evalset_id, "recorded", (Tier("only", "test/only"),), "done", {"scorer": "recorded"})
    ids = [s.id for s in store.evalsets.get(demo.evalset_id).samples]
    grades = [Grade(i, "only", float(k % 3 > 0), "recorded") for k, i in enumerate(ids)]
    store.runs.record(one.id, [Outcome(i, "only", output="x") for i in ids], grades)
    page = harmless(run_report(store, store.runs.add(one)))
    assert "Prompts that change tier" not in page.words and "Simulated" not in page.words
    assert page.tags.count("svg") == 1, "without prices, quality is drawn alone"


def test_hostile_text_stays_text(store):
    run = hostile_run(store)
    page = harmless(run_report(store, run, answers=True))
    assert page.words.count("HOSTILE") > 100
    assert "\x07" not in page.words and "\ufffd" in page.words


def elements(svg: str) -> list[str]:
    return [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()]


def test_every_chart_is_a_file_of_its_own(store, demo, tuned):
    """The cost-quality chart, each tier's interval, the tiers before routing, and the mix of traffic."""
    whole = set(elements(chart_svg(store, demo, **tuned)))
    assert {"title", "style", "text", "polyline", "polygon", "circle"} <= whole
    ladder, tiers = (elements(svg(store, demo, tuned["matrix"])) for svg in (ladder_svg, tiers_svg))
    assert ladder.count("polyline") == 1, "the random mix, and no route"
    assert tiers.count("circle") + tiers.count("polygon") == len(demo.tiers)

    traffic = profile_of_counts({"faq": 6, PAYLOAD: 4}, PAYLOAD)
    types = difference(traffic, store.evalsets.get(demo.evalset_id)).types
    alone, beside = (elements(mix_svg(store, traffic, types, prompts)) for prompts in (False, True))
    ground = 1
    assert alone.count("rect") == ground + len(types) and beside.count("rect") == ground + 2 * len(types)
    assert "60 % of requests" in mix_svg(store, traffic, types, True)

    run = hostile_run(store)
    hostile = [chart_svg(store, run), *(svg(store, run, matrix(store, run.id)) for svg in (ladder_svg, tiers_svg))]
    for svg in (*hostile, mix_svg(store, traffic, types, True)):
        assert "script" not in elements(svg) and "HOSTILE" in svg


def test_markup_escapes_whatever_is_not_markup():
    assert tag("p", "<b>", Markup("<i></i>"), None, title='"&') == '<p title="&quot;&amp;">&lt;b&gt;<i></i></p>'
    assert text(PAYLOAD).count("<") == 0


def test_a_large_run_with_answers_stays_under_five_megabytes(store):
    graded = make_matrix(3000, seed=5)
    from tierwise.evalsets import evalset_of

    info = store.evalsets.add(evalset_of("large", graded.samples))
    run = Run("large", "Large", info.id, "recorded", graded.run.tiers, "done", {"scorer": "exact"})
    cells = [(s.id, t.name, q, c) for s, qs, cs in zip(graded.samples, graded.quality, graded.cost, strict=True)
             for t, q, c in zip(run.tiers, qs, cs, strict=True)]  # fmt: skip
    answer = "A <long> answer & more. " * 60
    store.runs.record(
        run.id, [Outcome(i, t, output=answer, cost_usd=c) for i, t, _, c in cells], [Grade(i, t, q, "exact") for i, t, q, _ in cells]
    )
    store.runs.add(run)
    own = matrix(store, run.id)
    page = run_report(store, run, answers=True, matrix=own, tuning=tune(own, router="table"))
    assert 2_000_000 < len(page.encode()) < 5_000_000
    assert re.search(r"[\d,]+ more would not fit", page)
