"""A run and a policy with a payload in every field that a person, a file or a model fills."""

import re
from dataclasses import replace
from datetime import datetime

from tierwise.grading.grades import matrix, record_manual
from tierwise.policy import make_policy
from tierwise.store import Store
from tierwise.tuning.tune import tune
from tierwise.types import EvalSet, Grade, Outcome, Policy, Run, Sample, Tier

BAIT = "http://127.0.0.1:9"
PAYLOAD = (
    f"HOSTILE ![x]({BAIT}/md.png) <img src='{BAIT}/i' onerror=alert(1)><script>alert(2)</script></title></style></svg>"
    f"<svg onload=alert(3)>"
    f"<style>@import '{BAIT}/c'</style>\"'><iframe src={BAIT}/f></iframe><meta http-equiv=refresh content='0;{BAIT}/r'>"
    f"<a href=javascript:alert(4)>x</a><!-- &amp; ]]> {{{{x}}}} \x07\u202e"
)


BARE = re.sub(r"\s", "/", PAYLOAD.replace("\x07", ""))[:180]
"""Without what no name of a model may hold."""


def hostile_run(store: Store) -> Run:
    """A graded run of 40 prompts on three tiers."""
    samples = tuple(
        Sample(
            f"{PAYLOAD}{i}", f"{PAYLOAD} {'word ' * (i % 7)}{i}", 
            reference=PAYLOAD, request_type=f"{PAYLOAD}{i % 2}", system=PAYLOAD, context=PAYLOAD, cluster=f"{i}{PAYLOAD}",
            metadata={PAYLOAD: PAYLOAD},
        )
        for i in range(40)
    )  # fmt: skip
    evalset = EvalSet("hostile00000", PAYLOAD, "hostile00000" + "0" * 52, samples, PAYLOAD)
    store.evalsets.add(evalset)
    tiers = tuple(Tier(f"{PAYLOAD}{k}", f"sim/{BARE}{k}", input_per_1m=1.0 + k, output_per_1m=2.0 + k) for k in range(3))
    params = {"scorer": PAYLOAD, "prices": {t.name: {"source": PAYLOAD, "as_of": PAYLOAD} for t in tiers}}
    run = store.runs.add(Run("hostilerun00", PAYLOAD, evalset.id, "live", tiers, "done", params, datetime(2026, 11, 1), PAYLOAD))
    cells = [(s, t, k, i) for i, s in enumerate(samples) for k, t in enumerate(tiers)]
    store.runs.record(
        run.id,
        [Outcome(s.id, t.name, 0, "ok", PAYLOAD, PAYLOAD, PAYLOAD, 5, 6, 0.001 * 4**k, 1.0 + k, PAYLOAD) for s, t, k, _ in cells],
        [Grade(s.id, t.name, float(k == 2 or i % 5 < 2 + k), PAYLOAD, 0, PAYLOAD, explanation=PAYLOAD) for s, t, k, i in cells],
    )
    record_manual(store, run.id, samples[0].id, tiers[0].name, 1.0, PAYLOAD, PAYLOAD)
    return run


def hostile_policy(store: Store, run: Run) -> Policy:
    """Tuned on it, without the names of tiers, which a policy's schema holds to plain text."""
    plain = [Tier(f"tier{k}", t.model, input_per_1m=t.input_per_1m, output_per_1m=t.output_per_1m) for k, t in enumerate(run.tiers)]
    found = matrix(store, run.id)
    renamed = replace(found, run=replace(run, tiers=tuple(plain), name=PAYLOAD.replace("\x07", "")), scorer="exact")
    return store.policies.add(make_policy(tune(renamed, router="table"), PAYLOAD.replace("\x07", "")[:120]))
