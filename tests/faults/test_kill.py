"""kill -9 in the middle of a paid run: one outcome a cell, no request unknown to the ledger, no dollar uncounted."""

import random
import signal
import subprocess
import sys
import time

from tests.runs.conftest import keep_prompts
from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise.runs.plan import create_run
from tierwise.settings import ROOT
from tierwise.store import Store
from tierwise.types import Tier

KILLS, PROMPTS, WORKERS = 4, 250, 8
GO_ON = """
import sys
from tierwise.store import Store
from tierwise.runs import calls
from tierwise.runs.execute import execute
calls.FIRST_WAIT_S = 0.02
with Store() as store:
    print("open", flush=True)
    print(execute(store, sys.argv[1]).status, flush=True)
"""


def faulty(dice: random.Random):
    def fault(body: dict, before: int) -> str | None:
        drawn = dice.random()
        return "429" if drawn < 0.05 else "500" if drawn < 0.10 else "broken_json" if drawn < 0.12 else "drop" if drawn < 0.14 else None

    return fault


def test_nothing_is_lost_or_paid_unseen_when_the_process_is_killed():
    with Provider(fault=faulty(random.Random(5)), delay_s=0.04) as provider:
        tiers = [Tier(n, f"openai/{n}-model", provider.base, input_per_1m=IN_PRICE, output_per_1m=OUT_PRICE) for n in ("small", "large")]
        with Store() as store:
            params = {"scorer": "exact", "concurrency": WORKERS, "timeout_s": 5}
            run = create_run(store, keep_prompts(store, PROMPTS), tiers, params=params)
        kills = 0
        for _ in range(KILLS * 2):
            child = subprocess.Popen([sys.executable, "-c", GO_ON, run.id], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            assert child.stdout.readline() == "open\n"
            sent, deadline = len(provider.seen), time.monotonic() + 60
            while kills < KILLS and child.poll() is None and len(provider.seen) < sent + 60 and time.monotonic() < deadline:
                time.sleep(0.01)
            if kills < KILLS and child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
                continue
            assert child.communicate(timeout=120)[0] == "done\n"
            break
        assert kills == KILLS
        time.sleep(0.3)
        with Store() as store:
            outcomes, ledger, seen = store.runs.outcomes(run.id), store.attempts.frame(run.id), store.runs.progress(run.id)
        assert len(outcomes) == 2 * PROMPTS == len(outcomes[["sample_id", "tier", "repeat"]].drop_duplicates())
        ok = outcomes[outcomes["status"] == "ok"]
        assert (ok["output"] == "answer to " + ok["sample_id"].str.replace("s", "prompt ")).all(), "every answer is of its own prompt"
        assert {s.request_id for s in provider.seen} <= {f"tierwise-{run.id}-{i}" for i in ledger["id"]}
        assert seen.spent_usd + seen.unsettled_usd >= provider.billed_usd - 1e-9
        good = [s for s in provider.seen if s.answer]
        paid_again = len(good) - len({(s.prompt, s.model) for s in good})
        assert paid_again <= KILLS * WORKERS, "at most the calls under way at a kill"
