"""A classifier from elsewhere: its scores in a column of the prompt set, or asked of an HTTP endpoint.

What such a score means is not known here, so it is not trusted: which way it points, and how steeply, is learned from the grades.
"""

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tierwise import secrets
from tierwise.endpoints import addresses
from tierwise.errors import BadInput, NotReady
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, Prompts, RouterData, read
from tierwise.types import Sample

ENOUGH = 0.95
"""Share of prompts that must have a number in a column for it to be a score."""
BATCH, TIMEOUT_S, MOST_BYTES = 32, 30.0, 8 * 2**20
MOST_TEXT = 20_000
REMEMBERED = 200_000

_known: OrderedDict[tuple[str, str | None, str], float] = OrderedDict()


@dataclass(frozen=True)
class Classified(Fitted):
    """A classifier's scores turned into a chance; it asks the classifier when new prompts come, so no gateway can run it from a file."""

    ask: Callable[[Prompts], np.ndarray] | None = field(default=None, repr=False)
    intercept: float = 0.0
    weight: float = 1.0

    def score(self, samples: Sequence[Sample] | Prompts) -> np.ndarray:
        return 1 / (1 + np.exp(-np.clip(self.intercept + self.weight * self.ask(read(samples)), -30, 30)))


@ROUTERS.add("column")
class Column:
    """A number that every prompt of the set carries in a column, such as the difficulty that a classifier of yours gave it."""

    name = "column"
    title = "A column of scores"
    summary = "A score that comes with each prompt; the grades tell which way it points."
    needs_options = True

    def __init__(self, key: str = "") -> None:
        self.key = key

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        if not self.key:
            found = ", ".join(number_columns(data.prompts.samples)) or "none"
            raise NotReady(f"Name the column of scores, as key=NAME. Columns of numbers in this prompt set: {found}.")
        values = column(data.prompts.samples, self.key)
        intercept, weight = direction(values, data)
        terms = [{"feature": "metadata_number", "key": self.key, "weight": weight}]
        spec = {"type": "linear", "name": self.key, "link": "logistic", "intercept": intercept, "terms": terms}
        told = f"The gateway must send it as the metadata {self.key} of each request."
        return Fitted(spec, (_pointing(self.key, weight), told))


def number_columns(samples: Sequence[Sample]) -> list[str]:
    """Columns of metadata that hold a number for nearly every prompt."""
    keys = dict.fromkeys(k for s in samples[:200] for k in s.metadata)
    return [k for k in keys if np.isfinite([_number(s.metadata.get(k)) for s in samples]).mean() >= ENOUGH]


def column(samples: Sequence[Sample], key: str) -> np.ndarray:
    """(n,) the numbers of a column; a missing one is 0, as a gateway reads it.

    Raises:
        BadInput: too many prompts have none.
    """
    values = np.array([_number(s.metadata.get(key)) for s in samples], float)
    there = float(np.isfinite(values).mean()) if len(values) else 0.0
    if there < ENOUGH:
        have = ", ".join(number_columns(samples)) or "none"
        raise BadInput(
            f"Column {key!r} has a number for {there:.0%} of the prompts; at least {ENOUGH:.0%} need one. Columns of numbers: {have}."
        )
    return np.nan_to_num(values)


def direction(values: np.ndarray, data: RouterData, tie: float = 0.15) -> tuple[float, float]:
    """Intercept and weight of "the frontier tier wins here" on one score: Platt's calibration, prompts counted by the size of the gap."""
    from sklearn.linear_model import LogisticRegression

    spread, won = float(values.std()), data.gap > 0
    if spread < 1e-12 or len(np.unique(won)) < 2:
        return 0.0, 0.0
    pull = np.where(data.gap == 0, tie, np.abs(data.gap)) * data.weights
    model = LogisticRegression(C=1.0).fit(((values - values.mean()) / spread)[:, None], won, pull)
    weight = float(model.coef_[0, 0]) / spread
    return float(f"{model.intercept_[0] - weight * values.mean():.8g}"), float(f"{weight:.8g}")


@ROUTERS.add("endpoint")
class Endpoint:
    """A classifier behind an address of its own: POST {"inputs": [texts]}, answered by one number a text, or by labels with scores."""

    name = "endpoint"
    title = "A classifier at an address"
    summary = "Scores of a text classifier over HTTP; the grades tell which way they point."
    exportable = False
    needs_options = True

    def __init__(self, url: str = "", key_env: str = "", label: str = "", timeout_s: float = TIMEOUT_S, batch: int = BATCH) -> None:
        self.url, self.key_env, self.label = url.strip(), key_env.strip(), label
        self.timeout_s, self.batch = float(timeout_s), int(batch)

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        self._check()
        intercept, weight = direction(self.ask(data.prompts), data)
        keep = "To export it, keep its scores as a column of the prompt set and tune with the router column."
        return Classified(None, (_pointing("The classifier's score", weight), keep), self.ask, intercept, weight)

    def ask(self, prompts: Prompts) -> np.ndarray:
        """(n,) scores of the prompts; each text is asked once in a process.

        Raises:
            NotReady: the classifier cannot be reached, or gives no score; with what to do.
        """
        self._check()
        texts = [t[:MOST_TEXT] for t in prompts.texts]
        keys = [(self.url, self.label or None, t) for t in texts]
        new = list(dict.fromkeys(k for k in keys if k not in _known))
        for start in range(0, len(new), self.batch):
            part = new[start : start + self.batch]
            _known.update(zip(part, self._post([k[2] for k in part]), strict=True))
        found = np.array([_known[k] for k in keys], float)
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)
        return found

    def _check(self) -> None:
        if not self.url:
            raise NotReady("Give the classifier's address, as url=https://...")
        if not (1 <= self.batch <= 1000 and 0 < self.timeout_s <= 600):
            raise BadInput("batch should be from 1 to 1,000, and timeout_s over 0 and at most 600 seconds.")
        addresses.check_url("The classifier's address", self.url)
        if self.key_env:
            addresses.check_key_goes("The classifier's key", self.url, [self.key_env])
            if not os.environ.get(self.key_env):
                raise NotReady(f"The environment variable {self.key_env} holds no key. Set it, or leave key_env out.")

    def _post(self, texts: list[str]) -> list[float]:
        import httpx

        key = os.environ.get(self.key_env) if self.key_env else None
        headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            with httpx.Client(transport=addresses.guarded_transport(), timeout=self.timeout_s, follow_redirects=False) as client:
                reply = client.post(self.url, json={"inputs": texts}, headers=headers)
        except httpx.TimeoutException:
            raise NotReady(
                f"The classifier did not answer {len(texts)} prompts in {self.timeout_s:g} seconds. Lower batch, or raise timeout_s."
            ) from None
        except httpx.HTTPError as error:
            raise NotReady(f"The classifier cannot be reached: {secrets.scrub(str(error), key)[:300]}.") from None
        if reply.status_code != 200:
            said = secrets.scrub(" ".join(reply.text.split()), key)[:200]
            raise NotReady(f"The classifier answered with status {reply.status_code}: {said or 'nothing more'}.")
        if len(reply.content) > MOST_BYTES:
            raise NotReady("The classifier's answer is larger than 8 MiB; scores of a batch are a few kilobytes.")
        try:
            return scores_of(json.loads(reply.content), len(texts), self.label)
        except ValueError as error:
            raise NotReady(f"The classifier's answer cannot be read: {secrets.scrub(str(error), key)[:300]}.") from None


def scores_of(told: Any, count: int, label: str = "") -> list[float]:
    """One number a text, from {"scores": [...]}, [numbers], or [[{label, score}]] as Hugging Face's text classification gives it.

    Raises:
        ValueError: something else, or another count.
    """
    if isinstance(told, dict):
        told = told.get("scores", told.get("predictions"))
    if not isinstance(told, list):
        raise ValueError('give {"scores": [...]}, or a list with one entry a text')
    if count == 1 and told and isinstance(told[0], dict):
        told = [told]
    if len(told) != count:
        raise ValueError(f"{len(told)} scores for {count} texts")
    found = [_score(entry, label) for entry in told]
    if not np.isfinite(found).all():
        raise ValueError("a score is not a finite number")
    return found


def _score(entry: Any, label: str) -> float:
    if isinstance(entry, dict):
        entry = [entry]
    if isinstance(entry, list) and entry and all(isinstance(e, dict) and "score" in e for e in entry):
        labels = sorted(str(e.get("label")) for e in entry)
        wanted = label or (labels[-1] if len(labels) <= 2 else "")
        match = next((e["score"] for e in entry if str(e.get("label")) == wanted), None)
        if match is None:
            raise ValueError(f"name the label whose score counts, as label=NAME; labels: {', '.join(labels[:20])}")
        return _finite(match)
    if isinstance(entry, list) and len(entry) == 1:
        entry = entry[0]
    return _finite(entry)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]!r} is no score")
    return float(value)


def _pointing(what: str, weight: float) -> str:
    if weight == 0:
        return f"{what} says nothing about which prompts need the frontier tier."
    return f"{what}: {'higher is harder' if weight > 0 else 'higher is easier'}, weight {weight:+.3g}."


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
