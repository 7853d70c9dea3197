"""A prompt set and its tiers as a promptfoo configuration: one prompt, one provider a tier, one test a prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tierwise.errors import BadInput
from tierwise.types import EvalSet, Sample, Tier

PROVIDERS = {
    "openai": "openai:chat", "anthropic": "anthropic:messages", "azure": "azure:chat", "openrouter": "openrouter", "mistral": "mistral",
    "groq": "groq", "vertex_ai": "vertex", "bedrock": "bedrock", "deepseek": "deepseek", "xai": "xai", "together_ai": "togetherai",
}  # fmt: skip
"""promptfoo's names for providers that LiteLLM calls otherwise."""
PARAMS = ("temperature", "max_tokens", "top_p", "seed")


def to_promptfoo(evalset: EvalSet, tiers: Sequence[Tier]) -> str:
    """The YAML of `promptfooconfig.yaml`. References become `equals` checks; how a scorer of ours grades is not carried.

    The messages of a prompt are one variable, as JSON text: a list would be expanded into several tests, and {{...}} be filled in.

    Raises:
        BadInput: a tier is simulated, which promptfoo cannot call.
    """
    import yaml

    if simulated := [t.name for t in tiers if t.simulated]:
        raise BadInput(f"Tier {simulated[0]!r} is simulated, and promptfoo cannot call it. Give the tiers of real models with --tiers.")
    document = {
        "description": f"{evalset.name} ({len(evalset.samples)} prompts, SHA-256 {evalset.digest}), from Tierwise",
        "prompts": [{"id": "tierwise", "label": "As sent by Tierwise", "raw": "{{ messages }}"}],
        "providers": [_provider(t) for t in tiers],
        "tests": [_test(s) for s in evalset.samples],
    }
    return "# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json\n" + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=140
    )


def _provider(tier: Tier) -> dict[str, Any]:
    family, slash, model = tier.model.partition("/")
    name = f"{PROVIDERS.get(family, family)}:{model}" if slash else f"openai:chat:{tier.model}"
    config: dict[str, Any] = {k: tier.params[k] for k in PARAMS if k in tier.params}
    if tier.api_base:
        config["apiBaseUrl"] = tier.api_base
    if tier.api_key_env:
        config["apiKeyEnvar"] = tier.api_key_env
    if tier.input_per_1m is not None and tier.output_per_1m is not None:
        config |= {"inputCost": tier.input_per_1m / 1e6, "outputCost": tier.output_per_1m / 1e6}
    return {"id": name, "label": tier.name, **({"config": config} if config else {})}


def _test(sample: Sample) -> dict[str, Any]:
    metadata = {"sample_id": sample.id} | ({"category": sample.request_type} if sample.request_type else {})
    test: dict[str, Any] = {
        "description": sample.id,
        "vars": {"messages": _raw(json.dumps(sample.chat(), ensure_ascii=False))},
        "metadata": metadata,
    }
    if sample.reference is not None:
        test["assert"] = [{"type": "equals", "value": _raw(sample.reference)}]
    return test


def _raw(text: str) -> str:
    """promptfoo renders variables and values as templates too; what looks like one is kept from it."""
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return text
    end = "{% endraw %}"
    return f"{{% raw %}}{text.replace(end, end + '{{ ' + json.dumps(end) + ' }}{% raw %}')}{end}"
