"""A LiteLLM proxy that routes by the policy: config.yaml beside a classifier plugin, and how to start it.

The form is LiteLLM's complexity router with a custom classifier (litellm 1.94 or newer; docs/exports.md).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise.exporters import Compiled, Request, exporter, litellm_plugin
from tierwise.exporters.endpoints import Pin, by_rule, pins
from tierwise.exporters.litellm_groups import CONFIG, README, SLOTS, Groups, complexity_router, head, too_many
from tierwise.types import Policy

LOWEST = "NON_REASONING"
"""LiteLLM's optional fifth tier, below the others."""


@exporter("litellm", "LiteLLM proxy", "config.yaml and a classifier plugin for LiteLLM 1.94 or newer. Clients ask for the model 'auto'.")
def compile(policy: Policy) -> Compiled:
    document = policy.document
    slots, pinned = _slots(document, pins(document))
    groups = Groups(document, list(pinned))
    served = {slot: groups.tiers[tier] for tier, slot in slots.items()} | {slot: groups.pinned[pin] for pin, slot in pinned.items()}
    top = groups.tiers[document["tiers"][-1]["name"]]
    auto = complexity_router(
        groups.default,
        served | {slot: top for slot in SLOTS if slot not in served},
        **({"enable_non_reasoning_tier": True} if LOWEST in served else {}),
        classifier_type="custom",
        classifier_plugin=litellm_plugin.INSTANCE,
        classifier_plugin_timeout_ms=500,
        classifier_fallback="default_model",
        default_model=groups.default,
    )
    says = f"The header x-litellm-complexity-router-tier of an answer names LiteLLM's tier; {CONFIG} maps it to the groups above."
    files = {
        CONFIG: groups.config(auto),
        litellm_plugin.FILE: litellm_plugin.source(document, head(document), slots, by_rule(document, pinned)),
        README: groups.readme(litellm_plugin.FILE, says=says),
    }
    tier_of = {slot: tier for tier, slot in slots.items()} | {slot: tier for (tier, _), slot in pinned.items()}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        return [tier_of[slot] for slot in litellm_plugin.run(folder / litellm_plugin.FILE, requests)]

    return Compiled(files, replay, tuple(groups.notes))


def _slots(document: Mapping[str, Any], pinned: Sequence[Pin]) -> tuple[dict[str, str], dict[Pin, str]]:
    """LiteLLM's tier for each of ours, and for each pin; the pins take the names that are left."""
    names = [tier["name"] for tier in document["tiers"]]
    needed = len(names) + len(pinned)
    if needed > len(SLOTS) + 1:
        raise too_many(needed, 5, len(pinned))
    slots = SLOTS if needed <= len(SLOTS) else (LOWEST, *SLOTS)
    return dict(zip(names, slots, strict=False)), dict(zip(pinned, slots[len(names) :], strict=False))
