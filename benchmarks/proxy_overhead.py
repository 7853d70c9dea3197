"""What an exported router adds to a request through a real LiteLLM proxy: `python -m benchmarks.proxy_overhead [--cpu]`.

The shipped prompts go through one proxy on loopback, to a stand-in that answers at once: straight to a tier's model group, to LiteLLM's own
scorer, and to the exported classifier; through a second proxy, straight and by the exported hook. The ways take turns prompt by prompt, and
of each prompt's times the best of ROUNDS counts. The bar is 2 ms at p95 between the exported router and the same proxy without it.
Processor time stands beside it (Linux), of the longest prompts and prompt by prompt; `--cpu` measures that alone. Needs what the interop tests install.
"""

import http.client
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.exported_router import samples, tuned
from tests.exporters.test_litellm_native import LINEAR
from tests.interop.conftest import CACHE, Proxy
from tests.interop.standin import StandIn
from tests.interop.test_litellm_gateway import placeholders
from tests.policies import a_policy
from tierwise.exporters import export
from tierwise.policy import route
from tierwise.types import Policy

BAR_MS, ROUNDS, LONGEST, AFTER = 2.0, 5, 0.05, 0.03
OWN = "litellms-own"


def with_own_scorer(folder: Path, native: Path) -> None:
    """Puts LiteLLM's own scorer beside the classifier, under another name."""
    import yaml

    config = yaml.safe_load((folder / "config.yaml").read_text())
    own = yaml.safe_load((native / "config.yaml").read_text())["model_list"][-1]
    router, first = own["litellm_params"]["complexity_router_config"], config["model_list"][0]["model_name"]
    router["tiers"], router["default_model"] = dict.fromkeys(router["tiers"], first), first
    own["model_name"], own["litellm_params"]["complexity_router_default_model"] = OWN, first
    config["model_list"].append(own)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def cpu_ms(proxy: Proxy) -> float:
    """Time that the proxy's threads have spent on a processor."""
    tasks = Path(f"/proc/{proxy.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e6


class Client:
    """One kept connection to a proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)

    def ms(self, model: str, request: dict) -> float:
        body = json.dumps({"model": model, **request}).encode()
        began = time.perf_counter()
        self._http.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": "Bearer sk-test"})
        answer = self._http.getresponse()
        answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise SystemExit(f"{model}: {answer.status}")
        return took


def at(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def timed(proxy: Proxy, ways: dict[str, str | None], policy: Policy, requests: list[dict]) -> dict[str, list[float]]:
    """Best time of each request by each way; a way without a model is the group that the policy chooses."""
    client, best = Client(proxy), {way: [float("inf")] * len(requests) for way in ways}
    groups = [route(policy, r).tier for r in requests]
    for _ in range(ROUNDS):
        for i, request in enumerate(requests):
            for way, model in ways.items():
                best[way][i] = min(best[way][i], client.ms(model or groups[i], request))
    return best


def worked(proxy: Proxy, ways: dict[str, str | None], policy: Policy, requests: list[dict]) -> None:
    """Processor time a request of the longest LONGEST of the prompts, way by way: unlike the clock, it hardly minds a busy machine."""
    longest = sorted(requests, key=lambda r: -len(str(r["messages"])))[: round(len(requests) * LONGEST)]
    client, spent = Client(proxy), {way: float("inf") for way in ways}
    for _ in range(ROUNDS):
        for way, model in ways.items():
            time.sleep(1)  # what LiteLLM logs after an answer belongs to the way before
            before = cpu_ms(proxy)
            for request in longest * 2:
                client.ms(model or route(policy, request).tier, request)
            time.sleep(1)
            spent[way] = min(spent[way], (cpu_ms(proxy) - before) / len(longest) / 2)
    base = spent["straight to the tier"]
    print(
        f"  processor time a request, mean of the {len(longest)} longest prompts: " + ", ".join(f"{w} {t:.2f} ms" for w, t in spent.items())
    )
    print("  added: " + ", ".join(f"{way} {took - base:.2f} ms" for way, took in list(spent.items())[1:]), flush=True)


def worked_each(proxy: Proxy, ways: dict[str, str | None], policy: Policy, requests: list[dict]) -> dict[str, list[float]]:
    """Least processor time of each request by each way, what LiteLLM does after the answer included."""
    client, best = Client(proxy), {way: [float("inf")] * len(requests) for way in ways}
    groups = [route(policy, r).tier for r in requests]
    for _ in range(ROUNDS):
        for i, request in enumerate(requests):
            for way, model in ways.items():
                before = cpu_ms(proxy)
                client.ms(model or groups[i], request)
                time.sleep(AFTER)
                best[way][i] = min(best[way][i], cpu_ms(proxy) - before)
    return best


def told(title: str, best: dict[str, list[float]]) -> None:
    print(title)
    base = best["straight to the tier"]
    for way, took in best.items():
        added = [a - b for a, b in zip(took, base, strict=True)]
        line = f"  {way:<28} median {at(took, 0.5):6.2f} ms  p95 {at(took, 0.95):6.2f} ms"
        if took is not base:
            over = at(took, 0.95) - at(base, 0.95)
            line += f"   adds {at(added, 0.5):5.2f} ms at the median, {at(added, 0.95):5.2f} ms at p95 of the differences, {over:5.2f} between the p95"
            line += f"   MISSED {BAR_MS:g} ms" if at(added, 0.95) > BAR_MS else ""
        print(line, flush=True)


def main() -> None:
    python = next((p for p in CACHE.glob("*/bin/litellm")), None)
    if not python:
        raise SystemExit("Run tests/interop first: they install LiteLLM's proxy.")
    prompts, upstream = samples(), StandIn()
    requests = [{"messages": s.chat(), "metadata": s.request_metadata()} for s in prompts]
    policy = next(iter(tuned(prompts).values()))
    with tempfile.TemporaryDirectory() as name:
        folders = {target: Path(name) / target for target in ("litellm", "litellm-hook", "litellm-native")}
        export(a_policy(3, LINEAR), [], "litellm-native", folders["litellm-native"])
        for target in ("litellm", "litellm-hook"):
            export(policy, [], target, folders[target])
        with_own_scorer(folders["litellm"], folders["litellm-native"])
        for target, more in (("litellm", {"LiteLLM's own scorer": OWN}), ("litellm-hook", {})):
            environment = {"LITELLM_MASTER_KEY": "sk-test"} | placeholders(folders[target], upstream.base)
            proxy = Proxy(python, folders[target], environment, Path(name))
            try:
                proxy.wait()
                ways = {"straight to the tier": None, **more, "by the exported router": "auto"}
                print(target)
                worked(proxy, ways, policy, requests)
                own = {way: model for way, model in ways.items() if model != OWN}
                told(
                    f"{target}: processor time, {len(requests)} shipped prompts, least of {ROUNDS}",
                    worked_each(proxy, own, policy, requests),
                )
                if "--cpu" in sys.argv:
                    continue
                told(
                    f"{target}: {len(requests)} shipped prompts, best of {ROUNDS}",
                    timed(proxy, ways, policy, requests),
                )
            finally:
                proxy.close()
    upstream.close()


if __name__ == "__main__":
    main()
