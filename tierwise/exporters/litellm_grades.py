"""LiteLLM's success table (`heuristic_v2`) straight from the grades of a run: no router is trained, LiteLLM looks the prompt up.

The table holds successes and trials by tier, by LiteLLM's request type and by kind of prompt, each drawn towards the wider one; the cheapest
tier whose chance of success reaches a threshold serves. The threshold is the cheapest that keeps the loss on prompts held out of the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tierwise.errors import BadInput, NotReady
from tierwise.exporters.litellm_cohorts import cohort, request_type
from tierwise.exporters.litellm_groups import CONFIG, README, SLOTS, Groups, complexity_router, too_many
from tierwise.exporters.litellm_heuristic import read_text
from tierwise.exporters.litellm_native import UNUSED
from tierwise.policy.document import digest
from tierwise.policy.making import ladder, slug
from tierwise.routers.crossfit import folds_of
from tierwise.statistics.intervals import mean_interval
from tierwise.types import OutcomeMatrix

MASS = 20.0
"""Prompts that the wider group counts for against a narrower one's own."""
FOLDS = 5
SAYS = f"""The header x-litellm-complexity-router-tier of an answer names LiteLLM's tier; {CONFIG} maps it to the groups above.
LiteLLM reads the newest user message, and takes no request types of yours. A second router of this kind on one proxy needs LiteLLM's licence."""


@dataclass(frozen=True)
class GradesExport:
    """What was written, and what to expect of it."""

    files: tuple[Path, ...]
    threshold: float
    n: int
    loss: float
    """Against the top tier, paired by prompt, of prompts that were held out of the table; the threshold was chosen on the same ones."""
    loss_ci95: tuple[float, float]
    saving: float
    share_by_tier: dict[str, float]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        held = {"loss": self.loss, "loss_ci95": list(self.loss_ci95), "saving": self.saving, "method": f"{FOLDS}-fold cross-fitting"}
        return {"files": [str(f) for f in self.files], "success_threshold": self.threshold, "n": self.n, "heldout": held,
                "share_by_tier": self.share_by_tier, "notes": list(self.notes)}  # fmt: skip


def table(kinds: Sequence[tuple[str, str]], quality: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """LiteLLM's artifact for the (request type, cohort) and the grades (n, K) of prompts; the top tier stands in places that are left."""
    tiers = [min(slot, quality.shape[1] - 1) for slot in range(len(SLOTS))]

    def counted(rows: np.ndarray, **names: str) -> list[dict[str, Any]]:
        trials = float(weights[rows].sum())
        return [
            {**names, "tier": slot + 1, "successes": min(float((weights[rows] * quality[rows, k]).sum()), trials), "observations": trials}
            for slot, k in enumerate(tiers)
        ]

    types, cohorts = (np.array([k[i] for k in kinds], dtype=object) for i in (0, 1))
    return {
        "schema_version": 1,
        "global_statistics": counted(np.ones(len(kinds), bool)),
        "domain_statistics": [row for name in sorted(set(types)) for row in counted(types == name, request_type=name)],
        "cohort_statistics": [row for name in sorted(set(cohorts)) for row in counted(cohorts == name, cohort=name)],
        "domain_prior_mass": MASS,
        "cohort_prior_mass": MASS,
        "success_definition": "mean grade",
        "split_method": f"{FOLDS} folds, whole clusters",
    }


class Lookup:
    """A table as LiteLLM 1.106 reads it."""

    def __init__(self, artifact: Mapping[str, Any]) -> None:
        def rows(part: str, key: str) -> dict[tuple[str, int], tuple[float, float]]:
            return {(r.get(key, ""), r["tier"]): (r["successes"], r["observations"]) for r in artifact[f"{part}_statistics"]}

        self._all, self._types, self._cohorts = rows("global", ""), rows("domain", "request_type"), rows("cohort", "cohort")
        self._masses = artifact["domain_prior_mass"], artifact["cohort_prior_mass"]

    def chances(self, kind: str, group: str) -> list[float]:
        """Chance of success on each of LiteLLM's four tiers, never falling."""
        found: list[float] = []
        for tier in range(1, len(SLOTS) + 1):
            successes, trials = self._all["", tier]
            chance = (successes + 1.0) / (trials + 2.0)
            for known, mass in ((self._types.get((kind, tier)), self._masses[0]), (self._cohorts.get((group, tier)), self._masses[1])):
                chance = (known[0] + mass * chance) / (known[1] + mass) if known else chance
            found.append(max([chance, *found[-1:]]))
        return found


def tier(router: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> str | None:
    """LiteLLM's tier for a request by an exported router; None where it has no text and the default model serves it."""
    text = read_text(messages)
    if text is None:
        return None
    kind = request_type(text)
    chances = Lookup(router["heuristic_v2_artifact"]).chances(kind, cohort(text, kind))
    return next((s for s, c in zip(SLOTS, chances, strict=True) if c >= router["heuristic_v2_success_threshold"]), SLOTS[-1])


def export_grades(matrix: OutcomeMatrix, out_dir: Path, max_loss: float = 0.02, seed: int = 0) -> GradesExport:
    """Write LiteLLM's configuration for a graded run.

    Raises:
        NotReady: no prompt is graded and priced on every tier, or there are too few to hold some out.
        BadInput: more than four tiers, a limit that is none, or the folder cannot be written to.
    """
    names = matrix.tiers
    if not 0 <= max_loss < 1:
        raise BadInput(f"A loss of {max_loss:g} does not work as a limit: 0.02 is two points.")
    if len(names) > len(SLOTS):
        raise too_many(len(names), 4, 0)
    left_out, matrix = int((~matrix.complete).sum()), matrix.take(matrix.complete)
    if len(names) < 2 or not len(matrix):
        raise NotReady(f"Run {matrix.run.name} needs prompts with a grade and a cost on two tiers or more. Grade it again, or add prices.")
    kinds = [(kind, cohort(text, kind)) for text in (read_text(s.chat()) or "" for s in matrix.samples) for kind in (request_type(text),)]
    threshold, served = _threshold(matrix, kinds, max_loss, seed)
    rows = np.arange(len(matrix))
    lost = matrix.quality[:, -1] - matrix.quality[rows, served]
    weights, top = matrix.weights, float((matrix.weights * matrix.cost[:, -1]).sum())
    saving = 1 - float((weights * matrix.cost[rows, served]).sum()) / top if top else 0.0
    shares = {name: float((weights * (served == k)).sum() / weights.sum()) for k, name in enumerate(names)}
    files, notes = _files(matrix, table(kinds, matrix.quality, weights), threshold)
    if left_out:
        notes.append(f"{left_out} prompts without a grade or a cost on some tier are not in the table.")
    try:
        Path(out_dir).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (Path(out_dir) / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(f"Cannot write to {out_dir}: {error.strerror or error}.") from error
    loss = float((weights * lost).sum() / weights.sum())
    interval = mean_interval(lost, weights, matrix.clusters, low=-1.0)
    return GradesExport(tuple(Path(out_dir) / n for n in files), threshold, len(matrix), loss, interval, saving, shares, tuple(notes))


def _threshold(matrix: OutcomeMatrix, kinds: Sequence[tuple[str, str]], max_loss: float, seed: int) -> tuple[float, np.ndarray]:
    """The chance of success that costs least within the limit, and each prompt's tier by a table that has not seen it."""
    fold, top = folds_of(matrix.clusters, FOLDS, seed), len(matrix.tiers) - 1
    chances = np.empty((len(matrix), len(SLOTS)))
    for k in range(FOLDS):
        rest = fold != k
        seen = Lookup(table([kind for kind, in_ in zip(kinds, rest, strict=True) if in_], matrix.quality[rest], matrix.weights[rest]))
        for i in np.flatnonzero(~rest):
            chances[i] = seen.chances(*kinds[i])
    chances = chances[:, : top + 1]
    reached, rows, weights = np.unique(chances), np.arange(len(matrix)), matrix.weights
    best = None
    for at in [*((reached[1:] + reached[:-1]) / 2), 1.0]:
        reaches = chances >= at
        served = np.where(reaches.any(1), reaches.argmax(1), top)
        loss = float((weights * (matrix.quality[:, -1] - matrix.quality[rows, served])).sum() / weights.sum())
        cost = float((weights * matrix.cost[rows, served]).sum())
        if loss <= max_loss + 1e-9 and (best is None or cost < best[0]):
            best = cost, round(float(at), 9), served
    return best[1], best[2]


def _files(matrix: OutcomeMatrix, artifact: Mapping[str, Any], threshold: float) -> tuple[dict[str, str], list[str]]:
    run, notes = matrix.run, []
    tiers = ladder(run.tiers, notes)
    top = tiers[-1]["name"]
    name = f"{run.name}: success table"
    document = {"id": slug(name), "name": name, "version": f"{run.created_at:%Y-%m-%d}", "simulated": run.simulated,
                "provenance": {"run": {"kind": run.kind}}, "tiers": tiers, "rules": [], "default_tier": top, "on_error_tier": top,
                "digest": digest({"artifact": artifact, "threshold": threshold})}  # fmt: skip
    groups = Groups(document, ())
    served = {slot: groups.tiers[tiers[min(i, len(tiers) - 1)]["name"]] for i, slot in enumerate(SLOTS)}
    auto = complexity_router(
        groups.default,
        served,
        default_model=groups.default,
        classifier_type="heuristic_v2",
        heuristic_v2_artifact=artifact,
        heuristic_v2_success_threshold=threshold,
        keyword_tier_rules=[],
        reminder_markers=[{"open": f"<{UNUSED}>", "close": f"</{UNUSED}>"}],  # else marked parts of a prompt are not read
    )
    if run.simulated:
        notes.insert(0, "Simulated: the grades are those of simulated models. They show the form and say nothing about real ones.")
    return {CONFIG: groups.config(auto), README: groups.readme(says=SAYS)}, [*notes, *groups.notes]
