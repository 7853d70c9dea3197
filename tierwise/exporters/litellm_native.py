"""A LiteLLM proxy that routes by its own scorer: settings only, no plugin file. Only for policies that fit it exactly."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tierwise.exporters import Compiled, Request, exporter, litellm_heuristic
from tierwise.exporters.litellm_groups import ALIAS, CONFIG, README, SLOTS, Groups, complexity_router, too_many
from tierwise.exporters.litellm_portable import Portable, portable
from tierwise.types import Policy

NEVER = 1e9
UNUSED = "tierwise-no-such-mark"
SAYS = f"""The header x-litellm-complexity-router-tier of an answer names LiteLLM's tier; {CONFIG} maps it to the groups above.
LiteLLM drops outer blanks before it counts tokens: a prompt that is padded across a size limit counts as shorter than in Tierwise."""


@exporter("litellm-native", "LiteLLM proxy, native", "config.yaml alone, by LiteLLM's own scorer. Only for policies of keywords and sizes.")
def compile(policy: Policy) -> Compiled:
    document = policy.document
    names = [tier["name"] for tier in document["tiers"]]
    if len(names) > len(SLOTS):
        raise too_many(len(names), 4, 0)
    form = portable(document)
    slots = dict(zip(names, SLOTS, strict=False))
    groups = Groups(document, ())
    top = groups.tiers[names[-1]]
    served = {slot: top for slot in SLOTS} | {slot: groups.tiers[tier] for tier, slot in slots.items()}
    auto = complexity_router(groups.default, served, default_model=groups.default, classifier_type="heuristic", **_settings(form, slots))
    files = {CONFIG: groups.config(auto), README: groups.readme(says=SAYS)}
    tier_of = {slot: tier for tier, slot in slots.items()} | {None: document["default_tier"]}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        import yaml

        models = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))["model_list"]
        router = next(m for m in models if m["model_name"] == ALIAS)["litellm_params"]["complexity_router_config"]
        return [tier_of.get(litellm_heuristic.tier(router, r["messages"]), names[-1]) for r in requests]

    return Compiled(files, replay, tuple(groups.notes))


def _settings(form: Portable, slots: dict[str, str]) -> dict[str, Any]:
    boundaries = (*form.boundaries, *[max(form.boundaries) + NEVER] * 3)[:3]
    words, easy = form.easy
    custom = [{"name": f"group{i}", "weight": w, "keywords": list(k)} for i, (k, w) in enumerate(form.groups, 1)]
    return {
        "tier_boundaries": dict(zip(("simple_medium", "medium_complex", "complex_reasoning"), boundaries, strict=True)),
        "token_thresholds": {"simple": form.short, "complex": form.long},
        "dimension_weights": {"tokenCount": form.size_weight} | ({"simpleIndicators": easy} if words else {}),
        **({"simple_keywords": list(words)} if words else {}),
        **({"custom_dimensions": custom} if custom else {}),
        "keyword_tier_rules": [{"keywords": list(k), "tier": slots[t]} for k, t in form.rules],
        "reasoning_override_min_score": NEVER,  # else two of LiteLLM's own reasoning words jump to the top
        "reminder_markers": [{"open": f"<{UNUSED}>", "close": f"</{UNUSED}>"}],  # else marked parts of a prompt are not read
    }
