"""A prompt set drawn from a log: by request type and length, with weights that bring back the traffic's mix."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tierwise.errors import BadInput, NotReady
from tierwise.evalsets.content import evalset_of
from tierwise.evalsets.conversation import NotAConversation, conversation
from tierwise.traffic.profile import UNTYPED
from tierwise.types import EvalSet, Sample

LENGTHS = 3
"""Groups of equal size that the requests of a type are cut into by prompt tokens."""

REASONS = {"tool": "with tool calls", "only text": "with images or files", "ends with": "that do not end with the user's message",
           "has the role": "with other roles than system, user and assistant"}  # fmt: skip
"""What a refused conversation says -> how it is counted."""


@dataclass(frozen=True)
class Drawn:
    evalset: EvalSet
    notes: tuple[str, ...]


def sample(calls: pd.DataFrame, n: int, seed: int = 0, name: str = "From traffic") -> Drawn:
    """Draw prompts from the calls of a log.

    Strata are request type x length, of different prompts. Each gets draws in proportion to the square root of its size (a power
    allocation, Bankier 1988), so that rare types are seen. A prompt's weight is how often it was sent x the prompts of its stratum for
    each one drawn, scaled so that every type has its share of the requests: it brings the traffic's mix back.

    Args:
        calls: request_type, prompt, prompt_tokens as `TrafficLog.calls` has them.

    Raises:
        NotReady: the log has no prompts that a prompt set can hold.
        BadInput: n is not positive.
    """
    if n < 1:
        raise BadInput(f"{n} prompts: draw at least one.")
    calls = calls[calls["status"] != "failed"] if "status" in calls else calls
    types = calls["request_type"].fillna(UNTYPED).to_numpy(object)
    messages, refused = _prompts(calls["prompt"])
    usable = np.flatnonzero([m is not None for m in messages])
    if not len(usable):
        why = f" Not usable: {_told(refused)}." if refused else ""
        raise NotReady(f"The log holds no prompts that can be asked again.{why} Many tools record them only when told to.")
    requests = calls["requests"].to_numpy(float) if "requests" in calls else np.ones(len(calls))
    units: dict[tuple[str, str], list[int]] = {}
    for i in usable:
        units.setdefault((json.dumps(messages[i], ensure_ascii=False), types[i]), []).append(int(i))
    first = np.array([rows[0] for rows in units.values()])
    stand_for = np.array([requests[rows].sum() for rows in units.values()])
    strata = _strata(types[first], _lengths(calls, messages)[first])
    drawn, raised = _draw(strata, n, np.random.default_rng(seed))
    kinds = types[first[drawn]]
    weights = _calibrated(raised * stand_for[drawn], kinds, types, requests)
    weights *= len(weights) / weights.sum()
    samples = [
        _sample(f"t{k:05d}", list(messages[first[i]]), kind, round(float(w), 6))
        for k, (i, kind, w) in enumerate(zip(drawn, kinds, weights, strict=True), 1)
    ]
    notes = [f"{len(samples):,} prompts stand for {requests.sum():,.0f} requests; each carries the weight of those it stands for.",
             "They have no right answers: grade them with a judge, by hand, or add answers in a file."]  # fmt: skip
    if refused:
        notes.append(f"Not drawn from: {_told(refused)}.")
    unseen = set(types) - set(kinds)
    if unseen:
        notes.append(f"No prompt was drawn of the type {', '.join(sorted(map(str, unseen))[:5])}.")
    return Drawn(evalset_of(name, samples, "traffic"), tuple(notes))


def _prompts(prompts: pd.Series) -> tuple[list[tuple | None], Counter[str]]:
    """Messages of each call, or None, and why not."""
    found: list[tuple | None] = []
    refused: Counter[str] = Counter()
    for prompt in prompts:
        if prompt is None or (isinstance(prompt, float) and np.isnan(prompt)):
            found.append(None)
            refused["without a prompt"] += 1
            continue
        try:
            found.append(_messages(prompt))
        except NotAConversation as error:
            found.append(None)
            refused[_reason(str(error))] += 1
    return found, refused


def _messages(prompt: Any) -> tuple[dict[str, str], ...]:
    if isinstance(prompt, str):
        if not prompt.lstrip().startswith('[{"'):
            return ({"role": "user", "content": prompt},)
        try:
            prompt = json.loads(prompt)
        except (ValueError, RecursionError):
            return ({"role": "user", "content": prompt},)
    return conversation(prompt, set())


def _reason(message: str) -> str:
    """Without the place inside the conversation, so that they can be counted."""
    return next((reason for sign, reason in REASONS.items() if sign in message), "whose messages cannot be read")


def _told(refused: Counter[str]) -> str:
    return ", ".join(f"{n:,} requests {reason}" for reason, n in refused.most_common(4))


def _lengths(calls: pd.DataFrame, messages: list[tuple | None]) -> np.ndarray:
    tokens = calls["prompt_tokens"].to_numpy(float)
    characters = np.array([sum(len(m["content"]) for m in found) if found else 0 for found in messages], dtype=float)
    return np.where(np.isfinite(tokens), tokens, characters / 4)


def _strata(types: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(n,) codes: the type, and which third of its lengths a request is in."""
    code = np.zeros(len(types), dtype=int)
    for t, kind in enumerate(sorted(set(types))):
        here = np.flatnonzero(types == kind)
        cuts = np.unique(np.quantile(lengths[here], np.arange(1, LENGTHS) / LENGTHS))
        code[here] = t * LENGTHS + np.searchsorted(cuts, lengths[here], "left")
    return np.unique(code, return_inverse=True)[1]


def _draw(strata: np.ndarray, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions drawn without replacement, and how many of its stratum each stands for."""
    sizes = np.bincount(strata)
    want = np.minimum(_allocation(sizes, min(n, len(strata))), sizes)
    rows, weights = [], []
    for h, size in enumerate(sizes):
        if want[h]:
            rows.append(rng.choice(np.flatnonzero(strata == h), want[h], replace=False))
            weights.append(np.full(want[h], size / want[h]))
    return np.concatenate(rows), np.concatenate(weights)


def _calibrated(weights: np.ndarray, drawn: np.ndarray, types: np.ndarray, requests: np.ndarray) -> np.ndarray:
    """Weights scaled so that those of each type add up to its requests, whatever could not be drawn."""
    out = weights.copy()
    for kind in set(drawn):
        here = drawn == kind
        out[here] *= requests[types == kind].sum() / weights[here].sum()
    return out


def _allocation(sizes: np.ndarray, n: int) -> np.ndarray:
    """n prompts over strata: at least one each while there are enough, by square root of size, never more than a stratum has."""
    root = np.sqrt(sizes)
    want = np.minimum(np.ones_like(sizes) if n >= len(sizes) else 0 * sizes, sizes)
    while want.sum() < n:
        short = np.where(want < sizes, root / (want + 1), -1.0)
        want[int(np.argmax(short))] += 1
    return want


def _sample(id: str, messages: list[dict[str, str]], kind: str, weight: float) -> Sample:
    kind = None if kind == UNTYPED else kind
    system = messages[0]["content"] if messages[0]["role"] in ("system", "developer") else None
    rest = messages[1:] if system is not None else messages
    if len(rest) == 1:
        return Sample(id, rest[0]["content"], request_type=kind, system=system, weight=weight)
    return Sample(id, "", request_type=kind, messages=tuple(messages), weight=weight)
