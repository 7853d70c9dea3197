"""The parts of a report, in the order in which a colleague asks: does it pay, how sure, for which requests, who says so, at whose cost."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tierwise import __version__
from tierwise.errors import NotReady
from tierwise.grading.summary import TierSummary
from tierwise.report import pictures
from tierwise.report.drawn import route, tier_spots
from tierwise.report.facts import facts as evidence
from tierwise.report.markup import Markup, join, tag
from tierwise.report.subject import Figure, Subject
from tierwise.tuning import changes
from tierwise.ui import figures

VERDICTS = {
    "routable": "Routing pays here",
    "not routable": "Routing does not pay here",
    "too few prompts": "Too few prompts to tell",
}
SHOWN = 60
"""Prompts that change tier, worst first."""
START = 150
"""Characters of a prompt in a list."""


def head(s: Subject) -> Markup:
    """What this is of, and whether its numbers are real."""
    kind = "simulated" if s.simulated else "recorded" if s.run is not None and s.run.kind == "recorded" else "real models"
    told = [tag("span", kind.capitalize(), class_="badge simulated" if s.simulated else "badge")]
    if s.tuning is not None and s.policy is None:
        told.append(
            tag(
                "span", VERDICTS.get(s.tuning.verdict, s.tuning.verdict), class_="badge sure" if s.tuning.verdict == "routable" else "badge"
            )
        )
    if s.promise:
        certified, moved = s.promise["status"] == "certified", _promised_elsewhere(s)
        says = "Not certified" if not certified else f"Certified at {figures.percent(s.promise['saving'])} saved" if moved else "Certified"
        told.append(tag("span", says, class_="badge sure" if certified else "badge"))
    about = [f"{'Routing policy' if s.policy else 'Run'}", f"report of {s.made:%d %B %Y}"]
    if s.evalset is not None:
        about.insert(1, figures.count(s.evalset.size, "prompt"))
    simulated = tag(
        "p", "No real model was called for these figures. They show how Tierwise works, not how good a model is.", class_="warn"
    )
    return tag(
        "header", tag("h1", s.title), tag("p", *told), tag("p", " · ".join(about), class_="soft"), simulated if s.simulated else None
    )


def headline(s: Subject) -> Markup | None:
    """Four numbers and what may be promised, in words."""
    held = s.expected
    if held is None:
        return None
    quality, loss, saving, cost = (held[name] for name in ("quality", "loss", "saving", "cost_per_1k_usd"))
    full = None if saving.value in (None, 1.0) or cost.value is None else cost.value / (1 - saving.value)
    cards = [
        _card("Saved", _percent(saving), f"of {figures.dollars(full)} per 1,000, {_span(saving)}" if full else _span(saving)),
        _card(
            "Loss of quality",
            "not known" if loss.value is None else f"{loss.value * 100:.1f} pts",
            f"{_span(loss, 1)} against the top tier",
        ),
        _card("Quality", _percent(quality, 1), f"{_span(quality, 1)} mean grade, n = {held.n:,}"),
        _card("Cost per 1,000", figures.dollars(cost.value), " · ".join(map(figures.percent, held.share_by_tier.values())) + " by tier"),
    ]
    return join(
        tag("div", *cards, class_="cards"),
        tag("p", "How these were read: ", held.method, ". Intervals are 95 %.", class_="soft"),
        _promise(s),
    )


def _promise(s: Subject) -> Markup | None:
    p = s.promise
    if not p:
        return None
    eps, sure = f"{p['epsilon'] * 100:g} points", figures.percent(1 - p["delta"])
    if p["status"] == "certified":
        saving = f", while saving {figures.percent(p['saving'])}" if p.get("saving") is not None else ""
        says = f"with {sure} confidence the loss is at most {eps}{saving}."
        if _promised_elsewhere(s):
            at = ", ".join(f"{t:.4g}" for t in s.tuning.certificate.thresholds)
            says += f" The promise is for the thresholds {at}; the recommended ones were chosen by what was observed."
    elif p.get("prompts_needed"):
        says = f"none yet for {eps} at {sure} confidence; about {p['prompts_needed']:,} prompts would settle it."
    else:
        says = f"none for {eps} at {sure} confidence."
    whose = s.tuning.certificate.label if s.policy is None and s.tuning is not None else None
    return tag("p", tag("b", "Certificate: "), says, f" It is {whose}." if whose else None)


def _promised_elsewhere(s: Subject) -> bool:
    """The promise of a tuning is made for thresholds of its own; that of a policy for the policy."""
    return s.policy is None and s.tuning is not None and s.tuning.certificate.thresholds not in (None, s.tuning.chosen.thresholds)


def warnings(s: Subject) -> Markup | None:
    told = [w for w in s.warnings if not (s.simulated and w.startswith("The models are simulated"))]
    return tag("ul", *(tag("li", w) for w in told), class_="warnings") if told else None


def chart(s: Subject, rows: list[TierSummary]) -> Markup | None:
    """Quality against cost; without prices, quality alone."""
    drawn = route(s, rows) if s.matrix is not None else None
    if drawn is not None:
        words = ["Each tier with its 95 % interval"]
        if drawn.mix:
            words.append("the dashed line is what a coin flip between tiers gives")
        if drawn.steps:
            words.append("the blue steps are the policies of the router on these prompts, with limits that hold for all of them at once")
        if drawn.heldout:
            words.append("the filled diamond is what to expect: read off prompts that had no say in the choice")
        return section(
            "Quality against cost",
            tag("div", pictures.cost_quality(drawn), class_="chart"),
            tag("p", "; ".join(words) + ".", class_="soft"),
        )
    spots = tier_spots(rows)
    return section("Quality", tag("div", pictures.intervals(spots), class_="chart")) if spots else None


def tiers(s: Subject, rows: list[TierSummary]) -> Markup | None:
    """One row a tier, with prices and their date."""
    if s.run is None:
        return _tiers_of(s.policy.document) if s.policy is not None else None
    priced = s.run.params.get("prices") or {}
    body, last = [], rows[-1].tier
    for tier, r in zip(s.run.tiers, rows, strict=True):
        apart = join(figures.points(r.paired_difference), tag("small", figures.interval(*r.paired_difference_ci95, 1)))
        cut = figures.percent(r.truncated_share) if math.isfinite(r.truncated_share) else ""
        body.append([
            join(r.tier, tag("small", r.model)), f"{r.n:,}",
            join(figures.percent(r.quality, 1), tag("small", figures.interval(*r.quality_ci95, 1))), "" if r.tier == last else apart,
            figures.dollars(r.cost_per_1k_usd), _price(tier.input_per_1m, tier.output_per_1m, priced.get(r.tier)),
            f"{_seconds(r.latency_p50_s)} / {_seconds(r.latency_p95_s)}", f"{r.unscored:,} / {r.failed:,}", cut,
        ])  # fmt: skip
    names = [
        "Tier",
        "n",
        "Quality",
        "Against the last",
        "$ per 1,000",
        "$ per million tokens, in / out",
        "p50 / p95",
        "Unscored / failed",
        "Cut off",
    ]
    notes = [
        tag("p", f"{r.tier} is dominated: {r.dominated_by} is at least as good and costs no more.", class_="soft")
        for r in rows
        if r.dominated_by
    ]
    return section("Tiers", table(names, body, text=1), *notes)


def _tiers_of(document: Any) -> Markup:
    prices = [t.get("price", {}) for t in document["tiers"]]
    body = [
        [join(t["name"], tag("small", t["model"]["litellm_model"])), _price(p.get("input_per_1m"), p.get("output_per_1m"), None)]
        for t, p in zip(document["tiers"], prices, strict=True)
    ]
    return section("Tiers", table(["Tier", "$ per million tokens, in / out"], body, text=1))


def baselines(s: Subject) -> Markup | None:
    """What the routed figures are to be compared with."""
    if s.tuning is None:
        return None
    words = {"always_cheapest": "Always the cheapest tier", "always_frontier": "Always the top tier",
             "zero_router": "Coin flip for the same aim", "coin_flip": "Coin flip of the same cost",
             "oracle": "Perfect router (knows the answers)"}  # fmt: skip
    body = [
        [words[k], figures.percent(r.quality, 1), figures.points(-r.loss), figures.dollars(r.cost_per_1k_usd), figures.percent(r.saving)]
        for k, r in s.tuning.baselines.items()
        if k in words
    ]
    held = s.expected
    if held is not None:
        own = [_percent(held["quality"], 1), "" if held["loss"].value is None else figures.points(-held["loss"].value)]
        own += [figures.dollars(held["cost_per_1k_usd"].value), _percent(held["saving"])]
        body.insert(0, [tag("b", "This policy, held-out" if s.policy else "Recommended, held-out"), *own])
    return section("Compared with", table(["Way to choose", "Quality", "Against the top tier", "$ per 1,000", "Saved"], body, text=1))


def by_request_type(s: Subject) -> Markup | None:
    if s.choice is None:
        return None
    frame = changes.by_request_type(s.used, s.choice)
    body = [
        [
            r["request_type"], f"{r['n']:,}", *(figures.percent(r[f"share_{t}"]) for t in s.used.tiers), figures.percent(r["quality"], 1),
            join(figures.points(-r["loss"]), tag("small", figures.interval(-r["loss_high"], -r["loss_low"], 1))),
            figures.dollars(r["cost_per_1k"]), figures.percent(r["saving"]),
        ]
        for r in frame.to_dict("records")
    ]  # fmt: skip
    names = ["Request type", "n", *(f"to {t}" for t in s.used.tiers), "Quality", "Against the top tier", "$ per 1,000", "Saved"]
    return section("By request type", table(names, body, text=1))


def moved(s: Subject) -> Markup | None:
    """Prompts that go to another tier than the top one, worst first."""
    if s.choice is None:
        return None
    top = np.full(len(s.used), len(s.used.tiers) - 1)
    frame = changes.flips(s.used, top, s.choice)
    if not len(frame):
        return section("Prompts that change tier", tag("p", "Every prompt stays with the top tier.", class_="soft"))
    change = frame["quality_to"] - frame["quality_from"]
    says = (f"{len(frame):,} of {len(s.used):,} prompts leave the top tier: {int((change < 0).sum()):,} get a worse answer, "
            f"{int((change > 0).sum()):,} a better one. {f'The worst {SHOWN} are listed.' if len(frame) > SHOWN else ''}")  # fmt: skip
    body = [
        [r["sample_id"], tag("span", _begun(r["prompt"]), class_="prompt"), r["request_type"], r["to_tier"],
         f"{r['quality_from']:.2f}", f"{r['quality_to']:.2f}", _change(r["quality_to"] - r["quality_from"])]
        for r in frame.head(SHOWN).to_dict("records")
    ]  # fmt: skip
    names = ["Prompt", "Text", "Request type", "Goes to", "Grade at the top", "Grade there", "Change"]
    return section("Prompts that change tier", tag("p", says, class_="soft"), table(names, body, text=4))


def provenance(s: Subject) -> Markup:
    """Who says so: prompts, graders, people, prices, router, policy; each with its date or digest."""
    facts: list[tuple[str, Any]] = []
    if s.evalset is not None:
        facts.append(
            ("Prompts", join(f"{s.evalset.name}, {figures.count(s.evalset.size, 'prompt')}", tag("small", f"SHA-256 {s.evalset.digest}")))
        )
    if s.matrix is not None:
        facts.append(("Grades", s.matrix.scorer))
        facts.append(("Checked by people", people(s)))
    if s.run is not None:
        facts.append(("Run", f"{s.run.name} ({s.run.id}), {s.run.kind}, {s.run.created_at:%Y-%m-%d %H:%M} UTC"))
        facts.append(("Prices", _priced(s)))
    elif s.policy is not None:
        facts += evidence(s.policy.document)
    if s.tuning is not None:
        at = ", ".join(f"{t:.4g}" for t in s.tuning.chosen.thresholds)
        facts.append(
            ("Router", f"{s.tuning.router}, {s.tuning.folds} folds, seed {s.tuning.seed}" + ("" if s.policy else f"; thresholds {at}"))
        )
        learned = s.tuning.explain()
        if learned:
            facts.append(("What it learned", tag("ul", *(tag("li", line) for line in learned[:12]))))
    if s.policy is not None:
        d = s.policy.document
        ends = ", ".join(f"{t['tier']} below {t['lt']:.4g}" if "lt" in t else f"else {t['tier']}" for t in d["thresholds"])
        dates = f"created {d['created'][:10]}, to be renewed by {d.get('expires', 'no date')[:10]}"
        facts += [("Policy", f"{d['name']}, version {d['version']}, {dates}"), ("Thresholds on the router score", ends),
                  ("Rules that come first", f"{len(d['rules'])}"), ("Digest of the policy", tag("code", d["digest"]))]  # fmt: skip
    facts.append(("Made with", f"Tierwise {__version__}"))
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in facts]
    return section("Where the figures come from", tag("div", tag("table", tag("tbody", *rows), class_="facts"), class_="wide"))


def people(s: Subject) -> str:
    """How far people looked at the answers, and what that does to the loss."""
    if s.human is None or not s.human.prompts:
        return "no; the figures are the opinion of the automatic grades"
    said = f"{figures.count(s.human.prompts, 'prompt')} by {figures.count(len(s.human.by_rater), 'person').replace('persons', 'people')}"
    try:
        agreement = s.human.against_judge()[0]
        said += f"; they agree with the automatic grades on {agreement.value:.0%} of the answers that both graded"
    except (NotReady, IndexError, AttributeError):
        pass
    if s.choice is not None and set(s.used.tiers) <= set(s.human.tiers):
        try:
            loss = s.human.among(s.used).loss(s.choice)
            said += f"; the loss corrected by their grades is {loss.value * 100:.1f} points {figures.interval(loss.low, loss.high, 1)}"
        except NotReady:
            pass
    return said


def section(title: str, *children: Any) -> Markup:
    return tag("section", tag("h2", title), *children)


def table(names: Sequence[str], rows: Sequence[Sequence[Any]], text: int = 0) -> Markup:
    """The first `text` columns are read as text, the rest as numbers, to the right."""
    heads = tag("tr", *(tag("th", n, scope="col", class_=None if i < text else "num") for i, n in enumerate(names)))
    body = [tag("tr", *(tag("td", cell, class_=None if i < text else "num") for i, cell in enumerate(row))) for row in rows]
    return tag("div", tag("table", tag("thead", heads), tag("tbody", *body)), class_="wide")


def clipped(words: str | None, length: int) -> str:
    """The beginning of a text, and how much was left out."""
    words = words or ""
    return words if len(words) <= length else f"{words[:length]}… ({len(words) - length:,} more characters)"


def _begun(words: str) -> str:
    return words if len(words) <= START else words[:START] + "…"


def _change(by: float) -> str:
    return "same" if abs(by) < 0.005 else f"{by:+.2f}".replace("-", figures.MINUS)


def _card(name: str, value: str, below: str) -> Markup:
    return tag(
        "div",
        tag("span", name, class_="name"),
        tag("span", value, class_="value"),
        tag("span", below.strip(), class_="below"),
        class_="card",
    )


def _percent(f: Figure, digits: int = 0) -> str:
    return "not known" if f.value is None else figures.percent(f.value, digits)


def _span(f: Figure, digits: int = 0) -> str:
    return figures.interval(*f.ci95, digits) if f.ci95 is not None else ""


def _price(into: float | None, out: float | None, source: Any) -> Markup:
    if into is None or out is None:
        return join("by answer" if source is None else "not known")
    as_of = source.get("as_of") if isinstance(source, dict) else None
    return join(f"{figures.dollars(into)} / {figures.dollars(out)}", tag("small", f"as of {as_of}") if as_of else None)


def _priced(s: Subject) -> str:
    if s.simulated:
        return "made up for the simulated models"
    if s.run.kind == "recorded":
        return f"costs as recorded with the answers, {s.run.created_at:%Y-%m-%d}"
    sources = {p.get("source") for p in (s.run.params.get("prices") or {}).values() if isinstance(p, dict)} - {None}
    return f"{', '.join(sorted(map(str, sources))) or 'of the tiers of the run'}, {s.run.created_at:%Y-%m-%d}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if pd.notna(value) else "–"
