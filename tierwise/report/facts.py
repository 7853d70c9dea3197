"""Where a policy's figures come from, in words: read off its document alone, so it can be said where its run is not."""

from collections.abc import Mapping
from typing import Any

from tierwise.ui import figures

AIMS = {
    "max_loss": lambda v: f"a loss of at most {v * 100:g} points",
    "max_cost_per_1k": lambda v: f"at most {figures.dollars(v)} per 1,000 requests",
    "min_quality": lambda v: f"a mean grade of at least {figures.percent(v, 1)}",
    "max_latency_p95_s": lambda v: f"one request in twenty slower than {figures.seconds(v)}",
    "wrong_answer_usd": lambda v: f"{figures.dollars(v)} for a wrong answer",
}


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts, the prompts first; texts hold names that people and files gave."""
    said = document.get("provenance", {})
    prompts, grader, prices = (said.get(k, {}) for k in ("dataset", "grader", "prices"))
    run, router, traffic = (said.get(k, {}) for k in ("run", "router", "traffic"))
    found = [("Models", models(document))]
    if prompts:
        of = f" of set {prompts['name']}" if prompts.get("name") else ""
        found.append(("Prompts", f"{figures.count(prompts['n'], 'prompt')}{of}, SHA-256 {prompts['sha256']}"))
    if grader:
        people = grader.get("human_grades")
        found.append(("Grades", f"{grader['scorer']}, corrected by {people:,} human grades" if people else f"{grader['scorer']}"))
    if prices:
        found.append(("Prices", f"{prices['source']}, {prices['date']}"))
    if run:
        found.append(("Run", f"{run['name']} ({run['id']}), {', '.join(filter(None, (run['kind'], run.get('created', '')[:10])))}"))
    if traffic:
        found.append(("Weighed by", f"traffic {traffic['name']}, {traffic['requests']:,} requests"))
    if router:
        more = [f"{router[k]} folds" if k == "folds" else f"seed {router[k]}" for k in ("folds", "seed") if k in router]
        found.append(("Router", ", ".join([router["name"], *more])))
    if aims := [AIMS[k](v) for k, v in said.get("aim", {}).items() if k in AIMS]:
        found.append(("Tuned for", "; ".join(aims)))
    if how := document.get("expected", {}).get("method"):
        found.append(("Figures read off", how))
    if promise := document.get("certificate"):
        how = [promise["method"]] if "method" in promise else []
        how += [f"n = {promise['n']:,}"] if "n" in promise else []
        found.append(("Certificate", _promised(promise) + (f" ({', '.join(how)})" if how else "")))
    ends = f", to be renewed by {document['expires'][:10]}" if "expires" in document else ""
    return [*found, ("Made", f"{document['created'][:10]} with Tierwise {said.get('tool_version', '')}{ends}")]


def models(document: Mapping[str, Any]) -> str:
    """Whether the models behind the figures were called, read from a file, or made up."""
    if document.get("simulated"):
        return "simulated: no real model was called for these figures"
    kind = document.get("provenance", {}).get("run", {}).get("kind")
    return {"recorded": "real, outcomes recorded elsewhere", "live": "real, called by Tierwise"}.get(kind, "not known")


def _promised(promise: Mapping[str, Any]) -> str:
    limit = f"a loss of at most {promise['epsilon'] * 100:g} points with {figures.percent(1 - promise['delta'])} confidence"
    return limit if promise["status"] == "certified" else f"none for {limit}"
