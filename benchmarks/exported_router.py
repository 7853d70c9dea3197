"""What an exported file costs a request: `python -m benchmarks.exported_router`, median and p95 in microseconds, in one process.

Each form is timed on the shipped prompts against the decision of `tierwise.policy.route` in the same run, as a ratio: what the form
adds to the decision itself. The bar for a request through a proxy is 2 ms at p95.
"""

import importlib.util
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

from tierwise.evalsets import load_shipped, shipped
from tierwise.exporters import export
from tierwise.policy import policy_from_json, route, sign
from tierwise.types import Policy, Sample

BAR_US = 2000
ROUNDS = 5


def samples() -> list[Sample]:
    return [s for entry in shipped() for s in load_shipped(entry.name).samples]


def tuned(prompts: list[Sample]) -> dict[str, Policy]:
    """Policies of the working example, by router; the first is the one that tuning recommends."""
    from tierwise.grading.grades import matrix
    from tierwise.policy import make_policy
    from tierwise.simulation.demo import ensure_demo
    from tierwise.store import Store
    from tierwise.tuning.tune import tune

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "bench.duckdb") as store:
        graded = matrix(store, ensure_demo(store).id)
        made = {}
        for router in ("auto", "rules"):
            tuning = tune(graded, router=router)
            made[f"{router}: {tuning.router}"] = policy_from_json(sign(make_policy(tuning, router).document))
        return made


def load(path: Path) -> types.ModuleType:
    logger = types.ModuleType("litellm.integrations.custom_logger")
    logger.CustomLogger = object
    for module in (types.ModuleType("litellm"), types.ModuleType("litellm.integrations"), logger):
        sys.modules.setdefault(module.__name__, module)
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}_{time.monotonic_ns()}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def finished(coroutine) -> object:
    """The value of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it waits")


def forms(policy: Policy, folder: Path) -> dict[str, Callable[[dict], object]]:
    for target in ("litellm", "litellm-hook", "portkey", "python", "openrouter"):
        export(policy, [], target, folder / target)
    plugin = load(folder / "litellm" / "litellm_policy_classifier.py").classifier
    hook = load(folder / "litellm-hook" / "litellm_policy_hook.py").policy_hook
    scorer = load(folder / "portkey" / "portkey_scorer.py")
    choose = load(folder / "python" / "tier_policy.py").choose
    picker = load(folder / "openrouter" / "tier_router.py")
    seen = types.SimpleNamespace
    return {
        "route, in Tierwise": lambda r: route(policy, r),
        "python: choose": lambda r: choose(r["messages"], r["metadata"]),
        "litellm: classify": lambda r: finished(plugin.classify(seen(structured_messages=r["messages"], metadata=r["metadata"]))),
        "litellm-hook: pre-call": lambda r: finished(hook.async_pre_call_hook(None, None, {"model": "auto", **r}, "acompletion")),
        "portkey: headers": lambda r: scorer.headers(r["messages"], r["metadata"], "pc-x"),
        "openrouter: pick": lambda r: picker.pick(r["messages"], r["metadata"]),
    }


def timed(act: Callable[[dict], object], requests: list[dict]) -> list[float]:
    """Best of the rounds for each request, in microseconds, sorted."""
    best = [float("inf")] * len(requests)
    for _ in range(ROUNDS):
        for i, request in enumerate(requests):
            start = time.perf_counter()
            act(request)
            best[i] = min(best[i], (time.perf_counter() - start) * 1e6)
    return sorted(best)


def main() -> None:
    prompts = samples()
    requests = [{"messages": s.chat(), "metadata": s.request_metadata()} for s in prompts]
    with tempfile.TemporaryDirectory() as folder:
        for name, policy in tuned(prompts).items():
            print(f"{name}, {len(requests)} shipped prompts")
            base = None
            for form, act in forms(policy, Path(folder) / name.partition(":")[0]).items():
                took = timed(act, requests)
                median, p95 = statistics.median(took), took[int(len(took) * 0.95)]
                base = base or median
                missed = "" if p95 <= BAR_US else f"   MISSED {BAR_US} us"
                print(f"  {form:<26}{median:>9.0f} us   p95 {p95:>7.0f} us   ratio {median / base:>5.2f}{missed}", flush=True)


if __name__ == "__main__":
    main()
