"""How a run scales over processes that share a store: `python -m benchmarks.workers`. Needs PostgreSQL's server on the machine.

Answers a second of 1, 2 and 4 processes, each with 8 calls at once, against a stand-in that takes half a second an answer.
"""

import os
import tempfile
import time

from tests import postgres
from tests.runs import shared
from tests.runs.conftest import keep_prompts
from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise.runs.plan import create_run
from tierwise.store import Store
from tierwise.types import Tier

PROMPTS, DELAY_S, AT_ONCE = 480, 0.5, 8


def main() -> None:
    with postgres.server() as running, Provider(delay_s=DELAY_S) as provider, tempfile.TemporaryDirectory() as folder:
        os.environ["TIERWISE_DATA"] = folder
        one = None
        for processes in (1, 2, 4):
            with postgres.workspace(running) as url:
                os.environ["TIERWISE_DATABASE_URL"] = url
                provider.seen.clear()
                with Store() as store:
                    tier = Tier("small", "openai/small-model", provider.base, input_per_1m=IN_PRICE, output_per_1m=OUT_PRICE)
                    params = {"scorer": "exact", "concurrency": 64}
                    run = create_run(store, keep_prompts(store, PROMPTS), [tier], params=params)
                    helpers = [shared.start(shared.HELP, run.id, url=url, TIERWISE_AT_ONCE=str(AT_ONCE)) for _ in range(processes - 1)]
                    leader = shared.start(shared.LEAD, run.id, url=url, TIERWISE_AT_ONCE=str(AT_ONCE))
                    assert shared.said(leader) == ["done"]
                    shares = [int(shared.said(h)[0]) for h in helpers]
                    sent = sorted(s.at for s in provider.seen)
                    middle = sent[len(sent) // 10 : -len(sent) // 10]
                    rate = (len(middle) - 1) / (middle[-1] - middle[0])
                    one = one or rate
                    assert len(sent) == PROMPTS == len(store.runs.outcomes(run.id))
                    print(
                        f"{processes} processes: {rate:5.1f} answers a second, {rate / one:.2f} times one; helpers answered {shares}, nothing twice"
                    )


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"{time.monotonic() - began:.0f} s")
