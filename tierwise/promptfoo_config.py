"""A prompt set and its tiers as a promptfoo configuration: one provider a tier, one test a prompt, one template a sequence of roles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tierwise.errors import BadInput
from tierwise.types import EvalSet, Sample, Tier

PROVIDERS = {
    "openai": "openai:chat", "anthropic": "anthropic:messages", "azure": "azure:chat", "openrouter": "openrouter", "mistral": "mistral",
    "groq": "groq", "vertex_ai": "vertex", "bedrock": "bedrock", "deepseek": "deepseek", "xai": "xai", "together_ai": "togetherai",
}  # fmt: skip
"""promptfoo's names for providers that LiteLLM calls otherwise."""
VARIABLE = "tierwise_message_"
LOADED = ("file://", "package:")
PARAMS = ("temperature", "max_tokens", "top_p", "seed")


def to_promptfoo(evalset: EvalSet, tiers: Sequence[Tier]) -> str:
    """The YAML of `promptfooconfig.yaml`. References become `equals` checks; how a scorer of ours grades is not carried.

    Raises:
        BadInput: a tier is simulated, which promptfoo cannot call, or a prompt begins with what promptfoo takes for a file.
    """
    import yaml

    if simulated := [t.name for t in tiers if t.simulated]:
        raise BadInput(f"Tier {simulated[0]!r} is simulated, and promptfoo cannot call it. Give the tiers of real models with --tiers.")
    for sample in evalset.samples:
        for text in (*(m["content"] for m in sample.chat()), sample.reference or ""):
            if isinstance(text, str) and text.startswith(LOADED):
                raise BadInput(
                    f"Prompt {sample.id!r} begins with {text.split(':')[0]}:, and promptfoo would load a file in its place. Leave it out."
                )
    shapes = {_shape(s): s.chat() for s in evalset.samples}
    document = {
        "description": f"{evalset.name} ({len(evalset.samples)} prompts, SHA-256 {evalset.digest}), from Tierwise",
        "prompts": [{"id": name, "label": name, "raw": _template(chat)} for name, chat in shapes.items()],
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
    config["omitDefaults"] = True  # else promptfoo asks for at most 1,024 tokens at temperature 0
    if tier.api_base:
        config["apiBaseUrl"] = tier.api_base
    if tier.api_key_env:
        config["apiKeyEnvar"] = tier.api_key_env
    if tier.input_per_1m is not None and tier.output_per_1m is not None:
        config |= {"inputCost": tier.input_per_1m / 1e6, "outputCost": tier.output_per_1m / 1e6}
    return {"id": name, "label": tier.name, **({"config": config} if config else {})}


def _test(sample: Sample) -> dict[str, Any]:
    metadata = {"sample_id": sample.id} | ({"category": sample.request_type} if sample.request_type else {})
    # promptfoo drops one newline at the end of a variable
    texts = {f"{VARIABLE}{i}": m["content"] + "\n" * m["content"].endswith("\n") for i, m in enumerate(sample.chat(), 1)}
    test: dict[str, Any] = {"description": sample.id, "prompts": [_shape(sample)], "vars": texts, "metadata": metadata}
    if sample.reference is not None:
        test["assert"] = [{"type": "equals", "value": _raw(sample.reference)}]
    return test


def _shape(sample: Sample) -> str:
    """The roles of a prompt's messages: prompts of one shape share a template."""
    return "-".join(m["role"] for m in sample.chat())


def _template(chat: Sequence[Mapping[str, Any]]) -> str:
    """Messages with a variable each. In a prompt that is JSON, promptfoo puts variables in as they are, without reading templates in them."""
    return json.dumps([{"role": m["role"], "content": f"{{{{ {VARIABLE}{i} }}}}"} for i, m in enumerate(chat, 1)])


def _raw(text: str) -> str:
    """promptfoo renders values as templates; what looks like one is kept from it."""
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return text
    end = "{% endraw %}"
    return f"{{% raw %}}{text.replace(end, end + '{{ ' + json.dumps(end) + ' }}{% raw %}')}{end}"
