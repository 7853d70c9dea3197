"""A failure drill on paper: which requests would still have been answered, by whom and at what price, while one provider is down."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tierwise import evaluator
from tierwise.endpoints.prices import provider_and_name
from tierwise.errors import NotFound
from tierwise.types import OutcomeMatrix, Policy, Sample


@dataclass(frozen=True)
class Drill:
    """What an outage of one provider does to a set of requests."""

    provider: str
    n: int
    untouched: int
    """Served as always: their tier is reached elsewhere."""
    rerouted: int
    """Served by the next in the chain that is up."""
    lost: int
    """Answered by nobody: no fallback is up, or a pin forbids it."""
    pinned_lost: int
    """Of those lost, by a pin."""
    served: Mapping[str, int]
    """Requests by tier or model that answers during the outage."""
    lost_ids: tuple[str, ...]
    quality: float | None
    """Mean grade over what is answered, where every answer is known from the run; else None."""
    cost_per_1k_usd: float | None


def providers(policy: Policy) -> list[str]:
    """Who a policy depends on: the host of an endpoint, else the provider of the model; first met first."""
    targets = [
        t for tier in policy.document["tiers"] for t in (tier["model"], *(f["model"] for f in tier.get("fallbacks", ()) if "model" in f))
    ]
    return list(dict.fromkeys(provider_of(t) for t in targets))


def provider_of(target: Mapping[str, Any]) -> str:
    """Who fails together: everything behind one address, or one provider's models."""
    base = target.get("api_base")
    if base:
        return urlsplit(base).netloc
    return provider_and_name(target["litellm_model"])[0] or target["litellm_model"]


def drill(policy: Policy, samples: Sequence[Sample], down: str, matrix: OutcomeMatrix | None = None) -> Drill:
    """Walk each request's chain with one provider down. Nothing is called.

    Args:
        matrix: outcomes of the same samples, for quality and cost during the outage.

    Raises:
        NotFound: the policy does not depend on that provider.
    """
    known = providers(policy)
    if down not in known:
        raise NotFound(f"The policy does not depend on {down!r}. It depends on: {', '.join(known)}.")
    document = policy.document
    tiers = {t["name"]: t for t in document["tiers"]}
    pins = {f"rule {r['id']}": r["pin"] for r in document.get("rules", ()) if r.get("pin")}
    chains = {name: _chain(tier, tiers) for name, tier in tiers.items()}
    up = {name: next((label for label, target in chain if provider_of(target) != down), None) for name, chain in chains.items()}
    served, lost, untouched, pinned_lost = Counter(), [], 0, 0
    columns = {t: k for k, t in enumerate(matrix.tiers)} if matrix is not None else {}
    rows = {s.id: i for i, s in enumerate(matrix.samples)} if matrix is not None else {}
    quality, cost, unknown = [], [], matrix is None
    for sample in samples:
        found = evaluator.decide(document, sample.chat(), sample.request_metadata())
        tier, pin = found["tier"], pins.get(found["why"])
        if provider_of(tiers[tier]["model"]) != down:
            answers, untouched = tier, untouched + 1
        elif pin is not None and not pin["allow_fallbacks"]:
            answers, pinned_lost = None, pinned_lost + 1
        else:
            answers = up[tier]
        if answers is None:
            lost.append(sample.id)
            continue
        served[answers] += 1
        if matrix is not None:
            if answers in columns and sample.id in rows:
                quality.append(matrix.quality[rows[sample.id], columns[answers]])
                cost.append(matrix.cost[rows[sample.id], columns[answers]])
            else:
                unknown = True
    known_figures = not unknown and len(quality) and np.isfinite(quality).any()
    return Drill(
        down, len(samples), untouched, sum(served.values()) - untouched, len(lost), pinned_lost, dict(served), tuple(lost),
        float(np.nanmean(quality)) if known_figures else None, float(1000 * np.nanmean(cost)) if known_figures else None,
    )  # fmt: skip


def _chain(tier: Mapping[str, Any], tiers: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Who is asked in turn for a tier: itself, then its fallbacks; a tier that stands in does not bring its own fallbacks."""
    chain = [(tier["name"], tier["model"])]
    for fallback in tier.get("fallbacks", ()):
        if "tier" in fallback:
            chain.append((fallback["tier"], tiers[fallback["tier"]]["model"]))
        else:
            chain.append((fallback["model"]["litellm_model"], fallback["model"]))
    return chain
