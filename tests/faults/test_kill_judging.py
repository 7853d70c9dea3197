"""A process that is killed while a model grades: every answer gets one grade, and hardly a request is paid twice."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise.settings import ROOT
from tierwise.store import Store
from tierwise.types import EvalSet, Outcome, Run, Sample, Tier

KILLS, WORKERS, PROMPTS = 2, 8, 100
GRADE = """
import json, sys
from tierwise.grading.grades import apply_scorer
from tierwise.store import Store
with Store() as store:
    print("open", flush=True)
    print(apply_scorer(store, "run", "llm_judge", json.loads(sys.argv[1])), flush=True)
"""


def test_killed_twice_each_answer_has_one_grade(tmp_path: Path):
    samples = tuple(Sample(f"s{i}", f"question {i}") for i in range(PROMPTS))
    with Provider(delay_s=0.02, reply=lambda body: json.dumps({"explanation": "", "score": 0.5})) as provider:
        with Store() as store:
            evalset = store.evalsets.add(EvalSet("set", "set", "d", samples))
            tiers = (Tier("small", "acme/small"), Tier("large", "acme/large"))
            store.runs.add(Run("run", "run", evalset.id, "recorded", tiers, "done", {}))
            store.runs.record("run", [Outcome(s.id, t.name, output=f"answer {s.id} {t.name}") for s in samples for t in tiers])
        options = {"model": "openai/judge", "api_base": provider.base, "input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE,
                   "concurrency": WORKERS}  # fmt: skip
        for kills in range(KILLS + 1):
            child = subprocess.Popen([sys.executable, "-c", GRADE, json.dumps(options)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            assert child.stdout.readline() == "open\n"
            sent, deadline = len(provider.seen), time.monotonic() + 60
            while kills < KILLS and child.poll() is None and len(provider.seen) < sent + 40 and time.monotonic() < deadline:
                time.sleep(0.005)
            if kills < KILLS:
                child.send_signal(signal.SIGKILL)
                child.wait()
            else:
                assert "open=0" in child.communicate(timeout=120)[0]
        with Store() as store:
            grades, ledger, seen = store.grades.frame("run"), store.attempts.frame("run"), store.runs.progress("run")
    assert len(grades) == 2 * PROMPTS == len(grades[["sample_id", "tier", "repeat"]].drop_duplicates())
    assert (grades["value"] == 0.5).all()
    assert {s.request_id for s in provider.seen} <= {f"tierwise-run-{i}" for i in ledger["id"]}
    assert seen.grading_usd + seen.unsettled_usd >= provider.billed_usd - 1e-9, "the ledger never counts too little"
    assert len(provider.seen) - 2 * PROMPTS <= KILLS * WORKERS, "at most what was under way"
