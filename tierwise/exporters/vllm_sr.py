"""A vLLM Semantic Router v0.3 configuration, for policies of keywords and sizes: signals, a weighted score, bands, decisions.

Its command validates the file (tests/interop/); the router itself was not run, which the notes say.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.exporters import Compiled, Request, exporter
from tierwise.exporters.endpoints import Names, endpoint, heading, unplaced
from tierwise.exporters.litellm_portable import NO_SIZE, Portable, portable
from tierwise.exporters.openai_compatible import BASES
from tierwise.types import Policy

CONFIG = "vllm-sr-config.yaml"
TESTED = "0.4.0"
NOT_RUN = (f"Written for vllm-sr {TESTED}, whose command validates this form; its router was not run. It counts tokens and ends words in "
           "its own way, so try your own prompts with `vllm-sr route` before sending traffic.")  # fmt: skip
NO_FALLBACKS = "Fallbacks between tiers are not part of this configuration."


@exporter("vllm-sr", "vLLM Semantic Router", "A v0.3 configuration. Only for policies of keywords and sizes; the router was not run.")
def compile(policy: Policy) -> Compiled:
    import yaml

    document = policy.document
    try:
        form = portable(document)
    except BadInput as error:
        why = str(error).partition(": ")[2].partition(". Export")[0]
        instead = "Export it as python and choose the tier first."
        raise BadInput(f"vLLM Semantic Router cannot hold this policy exactly: {why}. {instead}") from error
    names, notes = Names(), [NOT_RUN, NO_FALLBACKS]
    groups = {tier["name"]: names.take(tier["name"]) for tier in document["tiers"]}
    models = [_model(document, tier, groups[tier["name"]], notes) for tier in document["tiers"]]
    config = {
        "version": "v0.3",
        "listeners": [{"name": "http", "address": "127.0.0.1", "port": 8899, "timeout": "300s"}],
        "providers": {"defaults": {"model": groups[document["default_tier"]]}, "models": models},
        "routing": {"modelCards": [{"name": group} for group in groups.values()], **_routing(document, form, groups)},
    }
    head = heading(document, f"For vllm-sr {TESTED} (config v0.3).")
    text = head + yaml.safe_dump(config, sort_keys=False, allow_unicode=False, width=120)
    tier_of = {group: tier for tier, group in groups.items()}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        written = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
        return [tier_of[served(written, r["messages"])] for r in requests]

    return Compiled({CONFIG: text}, replay, tuple(notes))


def _model(document: Mapping[str, Any], tier: Mapping[str, Any], group: str, notes: list[str]) -> dict[str, Any]:
    found = endpoint(tier["model"], group, unplaced(document), CONFIG)
    base = found.base or (None if found.base_env else BASES.get(found.vendor))
    if found.base_env:
        base = f"http://{group.lower()}.invalid/v1"
        notes.append(f"{group}: {tier['model']['litellm_model']} has no address yet. Put its own in place of {base} in {CONFIG}.")
    elif not base:
        raise BadInput(f"No OpenAI-style address is known for {found.model!r}. Give its tier an api_base.")
    elif found.note:
        notes.append(found.note)
    backend = {"name": "primary", "provider": "openai", "base_url": base, **({"api_key_env": found.key} if found.key else {})}
    price = tier.get("price")
    model = {"name": group, "external_model_ids": {"openai": found.name}, "backend_refs": [backend]}
    if price:
        model["pricing"] = {"currency": "USD", "prompt_per_1m": price["input_per_1m"], "completion_per_1m": price["output_per_1m"]}
    return model


def _routing(document: Mapping[str, Any], form: Portable, groups: Mapping[str, str]) -> dict[str, Any]:
    words = {f"rule_{i}": k for i, (k, _) in enumerate(form.rules)} | {f"group_{i}": k for i, (k, _) in enumerate(form.groups)}
    inputs = [{"type": "keyword", "name": f"group_{i}", "weight": weight} for i, (_, weight) in enumerate(form.groups)]
    if form.easy[0]:
        words["easy"] = form.easy[0]
        inputs.append({"type": "keyword", "name": "easy", "weight": -form.easy[1]})
    sizes = []
    if form.short > 0:
        sizes.append({"name": "short", "min_tokens": "0", "max_tokens": str(form.short - 1)})
        inputs.append({"type": "context", "name": "short", "weight": -form.size_weight})
    if form.long < NO_SIZE:
        sizes.append({"name": "long", "min_tokens": str(form.long + 1)})
        inputs.append({"type": "context", "name": "long", "weight": form.size_weight})
    if not inputs:
        raise BadInput("vLLM Semantic Router needs a score of at least one keyword group or size, and this policy has none.")
    signals = {"keywords": [{"name": name, "operator": "OR", "method": "regex", "keywords": list(k)} for name, k in words.items()],
               "context": sizes}  # fmt: skip
    tiers = [tier["name"] for tier in document["tiers"]]
    edges = [None, *form.boundaries, None]
    bands = [{"name": f"band_{i}", **({"gte": a} if a is not None else {}), **({"lt": b} if b is not None else {})}
             for i, (a, b) in enumerate(pairwise(edges)) if a is None or b is None or a < b]  # fmt: skip
    decisions = [_decision(f"rule_{i}", "keyword", 1000 - i, groups[tier]) for i, (_, tier) in enumerate(form.rules)]
    decisions += [_decision(band["name"], "projection", 100, groups[tiers[int(band["name"][5:])]]) for band in bands]
    return {
        "signals": {kind: found for kind, found in signals.items() if found},
        "projections": {
            "scores": [{"name": "difficulty", "method": "weighted_sum", "inputs": inputs}],
            "mappings": [{"name": "bands", "source": "difficulty", "method": "threshold_bands", "outputs": bands}],
        },
        "decisions": decisions,
    }


def _decision(signal: str, kind: str, priority: int, group: str) -> dict[str, Any]:
    rules = {"operator": "AND", "conditions": [{"type": kind, "name": signal}]}
    return {"name": f"to_{signal}", "priority": priority, "rules": rules, "modelRefs": [{"model": group, "use_reasoning": False}]}


def served(config: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> str:
    """The model that a configuration chooses, by the documented meaning of its parts; tokens are taken for four characters each."""
    from tierwise import evaluator

    routing, text = config["routing"], evaluator.request_text(messages)
    if not text.strip():
        return config["providers"]["defaults"]["model"]
    lower, tokens = text.lower(), evaluator.tokens(text)
    held = {("keyword", s["name"]): any(_word(lower, k.lower()) for k in s["keywords"]) for s in routing["signals"].get("keywords", ())}
    for band in routing["signals"].get("context", ()):
        held["context", band["name"]] = int(band.get("min_tokens", 0)) <= tokens <= int(band.get("max_tokens", NO_SIZE))
    score = sum(i["weight"] for i in routing["projections"]["scores"][0]["inputs"] if held[i["type"], i["name"]])
    for band in routing["projections"]["mappings"][0]["outputs"]:
        held["projection", band["name"]] = band.get("gte", score) <= score and not score >= band.get("lt", float("inf"))
    matched = [d for d in routing["decisions"] if all(held[c["type"], c["name"]] for c in d["rules"]["conditions"])]
    return max(matched, key=lambda d: d["priority"])["modelRefs"][0]["model"]


def _word(text: str, keyword: str) -> bool:
    return re.search(rf"\b{re.escape(keyword)}\b", text) is not None
