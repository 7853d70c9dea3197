"""Tunings and policies to test with: every kind of score, 2 to 5 tiers, without fitting anything."""

from types import SimpleNamespace

from tests.conftest import make_matrix
from tierwise.policy import make_policy
from tierwise.types import OperatingPoint, OutcomeMatrix, Policy

TREE = {"feature": [0, -1, 1, -1, -1], "threshold": [4.5, 0, 0.5, 0, 0], "left": [1, -1, 3, -1, -1], "right": [2, -1, 4, -1, -1],
        "value": [0.5, 0.15, 0.6, 0.45, 0.9]}  # fmt: skip
COLUMNS = ["log_tokens", "type=hard"]
RULE_SCORE = [{"id": "legal", "when": {"keywords_any": ["contract"]}, "score": 0.9}, {"when": {"tokens_lt": 100}, "score": 0.1}]
TERMS = [
    {"feature": "token_bucket", "weight": 1.0, "lo": 60, "hi": 200},
    {"feature": "log1p_tokens", "weight": 0.1},
    {"feature": "keyword_group", "name": "code", "weight": 0.5, "keywords": ["python", "step by step"]},
    {"feature": "metadata_number", "key": "urgency", "weight": 0.2},
    {"feature": "request_type", "value": "hard", "weight": 0.7},
    {"feature": "reasoning_words", "weight": 0.3},
]
TEXT = {"type": "text_linear", "intercept": -1.5, "features": {"log_tokens": 0.3}, "request_types": {"hard": 0.8},
        "vocabulary": {"solve": [1.2, 0.4], "this step": [1.1, -0.2], "0": [1.5, 0.3]}}  # fmt: skip
RANKED = {"type": "hash", "quantiles": [0.2, 0.4, 0.9]}
SPECS = {
    "constant": {"type": "constant", "value": 0.4},
    "table": {"type": "table", "values": {"easy": 0.2, "hard": 0.8}, "default": 0.5},
    "rules": {"type": "rules", "rules": RULE_SCORE, "default": 0.5},
    "linear": {"type": "linear", "name": "difficulty", "link": "logistic", "intercept": -0.6, "terms": TERMS},
    "text_linear": TEXT,
    "tree": {"type": "tree", "columns": COLUMNS, "tree": TREE},
    "forest": {"type": "forest", "columns": COLUMNS, "trees": [TREE, TREE]},
    "hash": {"type": "hash", "seed": 3},
    "mean": {"type": "mean", "members": [{"weight": 1.0, "spec": TEXT}, {"weight": 2.0, "spec": RANKED}]},
}
"""One score spec of each kind that `tierwise.evaluator` reads."""


def tuning(matrix: OutcomeMatrix | None = None, spec: dict | None = None, thresholds: tuple[float, ...] | None = None) -> SimpleNamespace:
    """What `make_policy` reads of a Tuning, with figures that are made up."""
    matrix = make_matrix(60, seed=1) if matrix is None else matrix
    tiers = matrix.tiers
    thresholds = thresholds or tuple((k + 1) / len(tiers) for k in range(len(tiers) - 1))
    share = tuple(1 / len(tiers) for _ in tiers)

    def point(at: tuple[float, ...]) -> OperatingPoint:
        return OperatingPoint(tuple(at), 0.8, 1.0, 0.01, 0.5, share)

    return SimpleNamespace(
        run=matrix.run, matrix=matrix, tiers=tiers, n=len(matrix), router="table", seed=0, folds=5, router_spec=spec or SPECS["linear"],
        chosen=point(thresholds), point=point, aim=SimpleNamespace(max_loss=0.02, max_cost_per_1k=None, min_quality=None),
        heldout=SimpleNamespace(quality=0.8, cost_per_1k_usd=1.0, loss=0.01, loss_ci95=(-0.01, 0.03), saving=0.5, saving_ci95=(0.4, 0.6),
                                method="5-fold cross-fitting"),
        certificate=SimpleNamespace(status="certified", epsilon=0.02, delta=0.1, saving=0.4, prompts_needed=None, method="exact Tango",
                                    label="the opinion of the automatic grades alone"),
        opinion=None,
    )  # fmt: skip


def a_policy(tiers: int = 3, spec: dict | None = None, rules: tuple = (), name: str = "Support bot") -> Policy:
    return make_policy(tuning(make_matrix(60, tiers, seed=1), spec), name, rules=rules)
