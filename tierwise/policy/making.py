"""From a tuning to a policy: what decides, what it was chosen on, and what may be expected of it."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tierwise import __version__
from tierwise.errors import BadInput
from tierwise.policy.cascades import document_part, tier_thresholds
from tierwise.policy.document import as_policy, check, digest, with_digest
from tierwise.traffic.weighing import Weighing
from tierwise.tuning.terms import Terms
from tierwise.types import OperatingPoint, Policy, Run, Tier

VALID_DAYS = 90
"""Models, prices and traffic drift: evidence older than this is to be renewed."""

FEATURES = {"scope": "last_user_message", "token_estimator": "chars/4", "keyword_match": "word", "request_type_key": "request_type"}
"""How `tierwise.evaluator` reads a request."""

NEVER = 2.0
"""The `lt` that takes every score: scores are in [0, 1], and JSON has no infinity."""

PARAMS = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "presence_penalty", "frequency_penalty", "seed",
          "reasoning_effort", "timeout", "api_version", "drop_params")  # fmt: skip
"""Model parameters that a policy carries. Others may hold secrets (headers, keys), so they are named in the notes and left out."""


def make_policy(tuning: Any, name: str, thresholds: Sequence[float] | None = None, rules: Sequence[Mapping[str, Any]] = ()) -> Policy:
    """The policy of a tuning: its router, its thresholds (or those given), rules that come first, and its evidence.

    `thresholds` are in the units of `Tuning.chosen.thresholds`. Thresholds other than the chosen ones, and rules, lose the
    certificate and the intervals, which were not made for them.

    Raises:
        BadInput: the name is not one line, or something of the run does not fit the schema.
    """
    run: Run = tuning.run
    tiers = tuple(tier for wanted in tuning.tiers for tier in run.tiers if tier.name == wanted)
    terms = getattr(tuning, "terms", None) or Terms()
    chosen = tuple(float(t) for t in tuning.chosen.thresholds)
    used = chosen if thresholds is None else tuple(float(t) for t in thresholds)
    rule = getattr(tuning, "cascade", None)
    count = 2 if rule else len(tiers) - 1
    if len(used) != count or any(math.isnan(t) for t in used):
        what = "A cascade needs 2 thresholds, before and after the first calls." if rule else (
            f"{len(tiers)} tiers need {count} thresholds, one a boundary between them."
        )  # fmt: skip
        raise BadInput(what)
    if tuning.router_spec is None:
        raise BadInput(f"Router {tuning.router} cannot leave this process, so no policy can be made of it. It shows what can be reached.")
    ends = (*(tier_thresholds(rule, tuning.tiers, used[0]) if rule else (min(max(t, 0.0), NEVER) for t in used)), None)
    notes: list[str] = [_line(weighing.words)] if (weighing := getattr(tuning, "traffic", None)) else []
    decides = {
        "tiers": ladder(tiers, notes),
        "features": FEATURES,
        "rules": [*terms.rules(), *(dict(rule) for rule in rules)],
        "score": tuning.router_spec,
        "thresholds": [{"tier": t.name} | ({} if lt is None else {"lt": lt}) for t, lt in zip(tiers, ends, strict=True)],
        "default_tier": tiers[-1].name,
        "on_error_tier": tiers[-1].name,
        **({"cascade": document_part(rule, tuning.after_spec, used[1])} if rule else {}),
    }
    decides = {k: v for k, v in with_digest(decides).items() if k != "digest"}
    moment = datetime.now(UTC).replace(tzinfo=None)
    changes = [what for what, done in (("the thresholds were moved", used != chosen), ("rules were added", rules)) if done]
    # pins of the tuning are in its figures and its promise; rules given here are not
    promised = not rules and _covers(tuning.certificate, used, not changes)
    if changes and not promised:
        notes.append(f"No certificate: {' and '.join(changes)} after tuning, and it was not made for that.")
    elif not promised and tuning.certificate is not None and tuning.certificate.status == "certified":
        at = ", ".join(f"{t:.4g}" for t in tuning.certificate.thresholds)
        notes.append(f"No certificate: these thresholds are the recommended ones. The certified ones are {at}; save those for the promise.")
    if not changes:
        evidence = _certified(tuning, promised) | {"expected": _held_out(tuning, tiers)}
    elif rules:
        evidence = {}
    else:
        evidence = (_certified(tuning, True) if promised else {}) | {"expected": _seen(tuning, used, tiers)}
    document = {
        "kind": "tiered-routing-policy",
        "schema_version": "1.1",
        "id": slug(name),
        "name": name.strip(),
        "version": f"{moment:%Y-%m-%d}.{digest(decides)[:6]}",
        "created": _instant(moment),
        "expires": _instant(moment + timedelta(days=VALID_DAYS)),
        "simulated": run.simulated or any(t.simulated for t in tiers),
        "provenance": _provenance(tuning),
        **decides,
        **evidence,
        **({"notes": notes} if notes else {}),
    }
    document = with_digest(document)
    check(document)
    return as_policy(document)


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes, at most 63; `policy` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-") or "policy"


def ladder(tiers: Sequence[Tier], notes: list[str]) -> list[dict[str, Any]]:
    """Tiers as a document has them; what of them is left out goes to `notes`."""
    return [_tier(i, tiers, notes) for i in range(len(tiers))]


def _tier(i: int, tiers: Sequence[Tier], notes: list[str]) -> dict[str, Any]:
    tier = tiers[i]
    params = {k: v for k, v in tier.params.items() if k in PARAMS and isinstance(v, str | int | float)}
    if left := sorted(set(tier.params) - set(params)):
        notes.append(f"Tier {tier.name}: parameters not carried: {', '.join(left)}."[:1000])
    target = {"litellm_model": tier.model, "api_base": tier.api_base, "api_key_env": tier.api_key_env, "params": params or None}
    names = [t.name for t in tiers]
    given = [{"tier": f} if f in names else {"model": {"litellm_model": f}} for f in tier.fallbacks if f != tier.name]
    # without a word from the user, a failing tier is helped by the next better one, and the last by the one before it
    usual = [{"tier": t} for t in (names[i + 1 :] or names[-2:-1])]
    priced = tier.input_per_1m is not None and tier.output_per_1m is not None
    price = {"price": {"input_per_1m": tier.input_per_1m, "output_per_1m": tier.output_per_1m}} if priced else {}
    return {"name": tier.name, "model": {k: v for k, v in target.items() if v}, "fallbacks": given or usual, **price}


def _provenance(tuning: Any) -> dict[str, Any]:
    from tierwise.evalsets import digest_of

    run, matrix, opinion = tuning.run, tuning.matrix, tuning.opinion
    source = {"simulated": "simulated", "recorded": "recorded with the outcomes"}.get(run.kind, "prices of the run's tiers")
    wanted = getattr(tuning, "aim", None)
    limits = ("max_loss", "max_cost_per_1k", "min_quality", "max_latency_p95_s", "wrong_answer_usd")
    aim: dict[str, Any] = {k: v for k in limits if (v := getattr(wanted, k, None)) is not None}
    if by_type := dict(getattr(wanted, "min_quality_by_type", ())):
        aim["min_quality_by_type"] = by_type
    terms, traffic = getattr(tuning, "terms", None) or Terms(), getattr(tuning, "traffic", None)
    overhead = {k: v for k, v in (("usd_per_1k", terms.overhead_usd * 1000), ("ms", terms.overhead_s * 1000)) if v}
    router = {"name": tuning.router, "seed": getattr(tuning, "seed", None), "folds": getattr(tuning, "folds", None)}
    return {
        "tool": "tierwise",
        "tool_version": __version__,
        "run": {"id": run.id, "name": _line(run.name), "kind": run.kind, "created": _instant(run.created_at)},
        "dataset": {"name": _line(run.evalset_id), "sha256": digest_of(matrix.samples), "n": len(matrix)},
        "grader": {"scorer": matrix.scorer or "unknown"} | ({"human_grades": opinion.pairs} if opinion else {}),
        "prices": {"source": source, "date": f"{run.created_at:%Y-%m-%d}"},
        "router": {k: v for k, v in router.items() if v is not None},
        **({"aim": aim} if aim else {}),
        **({"traffic": _traffic(traffic)} if traffic else {}),
        **({"overhead": overhead} if overhead else {}),
    }


def _traffic(weighing: Weighing) -> dict[str, Any]:
    return {
        "profile": weighing.profile, "name": _line(weighing.name), "requests": weighing.requests,
        "effective_n": round(weighing.effective, 1), "unmatched_share": weighing.unmatched_share,
    }  # fmt: skip


def _covers(certificate: Any, used: tuple[float, ...], unmoved: bool) -> bool:
    """Whether the promise was made for these thresholds; the recommended ones usually reach further than what is certified."""
    if certificate is None or certificate.status != "certified":
        return False
    covers = getattr(certificate, "covers", None)
    return covers(used) if covers else unmoved


def _certified(tuning: Any, promised: bool) -> dict[str, Any]:
    c = tuning.certificate
    if c is None:
        return {}
    fields = {k: getattr(c, k, None) for k in ("status", "epsilon", "delta", "method", "saving", "prompts_needed")}
    fields["method"] = f"{c.method}; {c.label}"
    if not promised:
        fields |= {"status": "none", "saving": None}
    counts = {"n": tuning.n, "clusters": len(set(tuning.matrix.clusters.tolist()))}
    return {"certificate": {k: v for k, v in (fields | counts).items() if _known(v)}}


def _held_out(tuning: Any, tiers: Sequence[Tier]) -> dict[str, Any]:
    h = tuning.heldout
    figures = {
        "quality": {"value": h.quality},
        "loss": {"value": h.loss, "ci95": list(h.loss_ci95)},
        "cost_per_1k_usd": {"value": h.cost_per_1k_usd},
        "saving": {"value": h.saving, "ci95": list(h.saving_ci95)},
    }
    return {"n": tuning.n, "method": h.method, **_known_figures(figures), "share_by_tier": _shares(tuning.chosen, tiers)}


def _seen(tuning: Any, thresholds: tuple[float, ...], tiers: Sequence[Tier]) -> dict[str, Any]:
    point: OperatingPoint = tuning.point(thresholds)
    figures = {k: {"value": getattr(point, k)} for k in ("quality", "loss", "cost_per_1k_usd", "saving")}
    method = "cross-fitted scores; thresholds picked by a person on the same prompts, so no interval"
    return {"n": tuning.n, "method": method, **_known_figures(figures), "share_by_tier": _shares(point, tiers)}


def _shares(point: OperatingPoint, tiers: Sequence[Tier]) -> dict[str, float]:
    return {tier.name: float(share) for tier, share in zip(tiers, point.share_by_tier, strict=True)}


def _known_figures(figures: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    kept = {name: {k: v for k, v in figure.items() if _known(v)} for name, figure in figures.items()}
    return {name: figure for name, figure in kept.items() if "value" in figure}


def _known(value: Any) -> bool:
    if isinstance(value, list):
        return all(_known(v) for v in value)
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _line(text: str) -> str:
    """Free text of the workspace as one line of the document."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)[:200]


def _instant(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"
