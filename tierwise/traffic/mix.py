"""Post-stratification: a prompt set weighted so that its request types stand as they do in the traffic, and how far the two are apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tierwise.errors import NotReady
from tierwise.traffic.profile import UNTYPED, TrafficProfile
from tierwise.types import EvalSet, OutcomeMatrix, Sample

FAR = 0.15
"""Total-variation distance from which a prompt set does not look like the traffic."""
GAP = 0.10
"""Difference of the two shares of a type that is named."""
LEAST_EFFECTIVE = 0.5
CHARACTERS_A_TOKEN = 4.0
LONGER = 3.0


@dataclass(frozen=True)
class Reweighted:
    """Weights of prompts for a mix of traffic."""

    weights: np.ndarray = field(repr=False)
    """(n,) mean 1; 0 where the traffic has no such request."""
    missing: tuple[str, ...]
    """Types of the traffic without a prompt, most requests first."""
    missing_share: float
    """Of the traffic."""
    unused: tuple[str, ...]
    """Types of prompts that the traffic does not have."""
    effective: float
    """As many equally weighted prompts would say as much."""


def effective(weights: np.ndarray) -> float:
    """Kish's effective sample size, (sum w)^2 / sum w^2 (Kish 1965)."""
    square = float((weights**2).sum())
    return float(weights.sum()) ** 2 / square if square > 0 else 0.0


def reweight(matrix: OutcomeMatrix | Sequence[Sample], mix: Mapping[str, float]) -> Reweighted:
    """Weights under which each request type has its share of the traffic: w_i * mix_t / sum of w in t, scaled to mean 1.

    Types of the traffic without a prompt are left out, and the others share what is theirs.

    Raises:
        NotReady: no prompt has a type that the traffic has.
    """
    kinds, base = _kinds(matrix)
    present = set(kinds)
    missing = tuple(t for t in sorted(mix, key=lambda t: -mix[t]) if t not in present and mix[t] > 0)
    total = sum(mix.values())
    weights = np.zeros(len(kinds))
    for kind, share in mix.items():
        here = kinds == kind
        if share > 0 and here.any():
            weights[here] = base[here] * (share / base[here].sum())
    if not weights.sum():
        raise NotReady(f"No prompt has a request type of the traffic. Traffic: {_some(mix)}. Prompts: {_some(present)}.")
    weights *= len(weights) / weights.sum()
    unused = tuple(sorted(t for t in present if not mix.get(t)))
    return Reweighted(weights, missing, sum(mix[t] for t in missing) / total, unused, effective(weights))


def weighted(matrix: OutcomeMatrix, mix: Mapping[str, float]) -> OutcomeMatrix:
    """The graded run as the traffic would weigh it; prompts of types that it does not have are left out.

    Raises:
        NotReady: no prompt has a type that the traffic has.
    """
    weights = reweight(matrix, mix).weights
    rows = np.flatnonzero(weights > 0)
    kept = matrix.take(rows)
    return replace(kept, samples=tuple(replace(s, weight=float(w)) for s, w in zip(kept.samples, weights[rows], strict=True)))


@dataclass(frozen=True)
class Difference:
    """A prompt set beside the traffic."""

    types: pd.DataFrame = field(repr=False)
    """request_type, traffic and prompts (shares, NaN where one has no types), n (prompts)."""
    distance: float
    """Total variation: half the sum of the differences of shares; 0 is the same mix, 1 has nothing in common."""
    n: int
    effective: float
    """Prompts that count after reweighting."""
    words: tuple[str, ...]
    """What to know of it; empty when the set looks like the traffic."""


def difference(profile: TrafficProfile, evalset: EvalSet | Sequence[Sample]) -> Difference:
    """How far the mix of a prompt set is from the traffic's, in words where it is far."""
    samples = evalset.samples if isinstance(evalset, EvalSet) else evalset
    kinds, base = _kinds(samples)
    prompts = {str(k): float(v) for k, v in pd.Series(base).groupby(kinds).sum().div(base.sum()).items()} if len(kinds) else {}
    sizes = pd.Series(kinds).value_counts()
    traffic = profile.mix
    order = list(dict.fromkeys([*sorted(traffic, key=lambda t: -traffic[t]), *sorted(prompts, key=lambda t: -prompts[t])]))
    frame = pd.DataFrame(
        {
            "request_type": order,
            "traffic": [traffic.get(t, 0.0) if traffic else np.nan for t in order],
            "prompts": [prompts.get(t, 0.0) for t in order],
            "n": [int(sizes.get(t, 0)) for t in order],
        }
    )
    if not traffic:
        words = ("The traffic has no request types, so figures keep the prompt set's own mix.",)
        return Difference(frame, 0.0, len(kinds), effective(base), words)
    distance = float((frame["traffic"] - frame["prompts"]).abs().sum() / 2)
    if set(kinds) <= {UNTYPED}:
        words = ("The prompts have no request types, so figures cannot be weighted by the traffic's mix. Add a request_type column.",)
        return Difference(frame, distance, len(kinds), 0.0, words)
    try:
        count = reweight(samples, traffic).effective
    except NotReady as error:
        return Difference(frame, distance, len(kinds), 0.0, (str(error),))
    return Difference(frame, distance, len(kinds), count, tuple(_words(profile, frame, distance, count, samples)))


def _words(profile: TrafficProfile, frame: pd.DataFrame, distance: float, count: float, samples: Sequence[Sample]) -> list[str]:
    said = []
    apart = frame[(frame["traffic"] - frame["prompts"]).abs() >= GAP].head(3)
    if distance > FAR and len(apart):
        named = "; ".join(f"{r.request_type}: {r.traffic:.0%} of requests, {r.prompts:.0%} of prompts" for r in apart.itertuples())
        said.append(f"The prompt set does not look like the traffic. {named}.")
    elif distance > FAR:
        said.append(f"The prompt set does not look like the traffic: {distance:.0%} of it would have to be of another type.")
    missing = frame[(frame["n"] == 0) & (frame["traffic"] > 0)]
    if len(missing):
        share = missing["traffic"].sum()
        said.append(f"No prompt is of the type {_some(missing['request_type'])}: {share:.0%} of requests, of which nothing is known here.")
    if len(samples) and count < LEAST_EFFECTIVE * len(samples):
        said.append(f"Weighted by the traffic, {len(samples):,} prompts say as much as {count:,.0f}: intervals get wider. "
                    "A prompt set made from the traffic mends that.")  # fmt: skip
    untyped = sum(u.share for u in profile.types() if u.request_type == UNTYPED)
    if untyped > GAP:
        said.append(f"{untyped:.0%} of requests have no type; they are taken to be of the same mix as the others.")
    usual = profile.total.prompt_tokens_p50
    if usual and len(samples):
        here = float(np.median([sum(len(m["content"]) for m in s.chat()) for s in samples])) / CHARACTERS_A_TOKEN
        if here > 0 and not 1 / LONGER < usual / here < LONGER:
            word = "longer" if usual > here else "shorter"
            said.append(f"Requests are {word} than these prompts: {usual:,.0f} tokens at the median against about {here:,.0f}. "
                        "Dollars projected from these prompts will be off by as much.")  # fmt: skip
    return said


def _kinds(source: OutcomeMatrix | Sequence[Sample]) -> tuple[np.ndarray, np.ndarray]:
    """Types and weights of the prompts."""
    if isinstance(source, OutcomeMatrix):
        return source.request_types, source.weights
    return np.array([s.request_type or UNTYPED for s in source], dtype=object), np.array([s.weight for s in source], dtype=float)


def _some(names: object) -> str:
    listed = [str(n) for n in names]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
