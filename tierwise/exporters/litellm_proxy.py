"""A LiteLLM proxy that routes by the policy: config.yaml beside a classifier plugin, and how to start it.

The form is LiteLLM's complexity router with a custom classifier (litellm 1.94 or newer; docs/export-litellm.md). The router's own
habits that would move a decision or a request (escalation words, replaced max_tokens, compaction) are turned off by name.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise import __version__
from tierwise.errors import BadInput
from tierwise.exporters import Compiled, Request, exporter, litellm_plugin
from tierwise.types import Policy

CONFIG, README = "config.yaml", "README.txt"
TESTED = "1.106.2"
ALIAS = "auto"
SLOTS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
"""LiteLLM's own tier names, cheapest first. Tiers of other names are licensed, so ours are mapped onto these."""
LOWEST = "NON_REASONING"
"""LiteLLM's optional fifth, below the others."""
FAMILIES = (("gpt-", "openai", "OPENAI_API_KEY"), ("chatgpt-", "openai", "OPENAI_API_KEY"), ("claude-", "anthropic", "ANTHROPIC_API_KEY"),
            ("gemini-", "gemini", "GEMINI_API_KEY"))  # fmt: skip
"""Vendors of bare model names, as recorded results give them."""

Pin = tuple[str, str]
"""Tier and provider of a rule that allows no fallbacks."""


@exporter("litellm", "LiteLLM proxy", "config.yaml and a classifier plugin for LiteLLM 1.94 or newer. Clients ask for the model 'auto'.")
def compile(policy: Policy) -> Compiled:
    import yaml

    document = policy.document
    slots, pins = _slots(document)
    layout = _Layout(document, slots, pins)
    text = yaml.safe_dump(layout.config(), sort_keys=False, allow_unicode=False, width=120)
    heading = _heading(document)
    by_rule = {r["id"]: pins[pin] for r in document["rules"] if (pin := _pin(r))}
    files = {
        CONFIG: heading + text,
        litellm_plugin.FILE: litellm_plugin.source(document, heading, slots, by_rule),
        README: _readme(document, layout),
    }
    tier_of = {slot: tier for tier, slot in slots.items()} | {slot: tier for (tier, _), slot in pins.items()}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        return [tier_of[slot] for slot in litellm_plugin.run(folder / litellm_plugin.FILE, requests)]

    return Compiled(files, replay, tuple(layout.notes))


def _pin(rule: Mapping[str, Any]) -> Pin | None:
    pin = rule.get("pin")
    return (rule["tier"], pin.get("provider", "")) if pin and not pin["allow_fallbacks"] else None


def _slots(document: Mapping[str, Any]) -> tuple[dict[str, str], dict[Pin, str]]:
    """LiteLLM's tier for each of ours, and for each pin; the pins take the names that are left."""
    names = [tier["name"] for tier in document["tiers"]]
    pins = dict.fromkeys(pin for rule in document["rules"] if (pin := _pin(rule)))
    needed = len(names) + len(pins)
    if needed > len(SLOTS) + 1:
        more = f" and {len(pins)} more for pinned rules" if pins else ""
        raise BadInput(f"A LiteLLM proxy has at most five tiers, and this policy needs {len(names)}{more}. Tune again on fewer tiers.")
    slots = SLOTS if needed <= len(SLOTS) else (LOWEST, *SLOTS)
    return dict(zip(names, slots, strict=False)), dict(zip(pins, slots[len(names) :], strict=False))


class _Layout:
    """Model groups of the proxy: one a tier, a fallback model and a pin, each with a name of its own."""

    def __init__(self, document: Mapping[str, Any], slots: Mapping[str, str], pins: Mapping[Pin, str]) -> None:
        self.document, self.slots, self.pins = document, slots, pins
        self.notes: list[str] = []
        self.models: list[dict[str, Any]] = []
        self._taken = {_variable(ALIAS)}
        self.groups = {tier["name"]: self._name(tier["name"]) for tier in document["tiers"]}
        self.unplaced = document["provenance"]["run"]["kind"] != "live"

    def config(self) -> dict[str, Any]:
        """The whole of config.yaml."""
        fallbacks = [{self.groups[tier["name"]]: chain} for tier in self.document["tiers"] if (chain := self._tier(tier))]
        served = {slot: self.groups[tier] for tier, slot in self.slots.items()}
        served |= {slot: self._pinned(pin) for pin, slot in self.pins.items()}
        top, default = self.groups[self.document["tiers"][-1]["name"]], self.groups[self.document["default_tier"]]
        router = {
            "tiers": served | {slot: top for slot in SLOTS if slot not in served},
            **({"enable_non_reasoning_tier": True} if LOWEST in served else {}),
            "classifier_type": "custom",
            "classifier_plugin": litellm_plugin.INSTANCE,
            "classifier_plugin_timeout_ms": 500,
            "classifier_fallback": "default_model",
            "default_model": default,
            "escalation_keywords": [],
            "max_tokens_from_tier_model": False,
            "context_compaction": False,
            "deployment_affinity": False,
        }
        auto = {"model": "auto_router/complexity_router", "complexity_router_default_model": default, "complexity_router_config": router}
        return {
            "model_list": [*self.models, {"model_name": ALIAS, "litellm_params": auto}],
            "router_settings": {"num_retries": 1, "timeout": 600, "fallbacks": fallbacks},
            "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
        }

    def _tier(self, tier: Mapping[str, Any]) -> list[str]:
        """Adds the tier's group and those of its fallback models; the groups it falls back to, in order."""
        group = self.groups[tier["name"]]
        self._add(group, self._target(tier["model"], group) | _price(tier))
        chain = []
        for fallback in tier.get("fallbacks", ()):
            if "tier" in fallback:
                chain.append(self.groups[fallback["tier"]])
            else:
                chain.append(self._name(f"{group}-fallback"))
                self._add(chain[-1], self._target(fallback["model"], chain[-1]))
        return chain

    def _pinned(self, pin: Pin) -> str:
        name, provider = pin
        tier = next(t for t in self.document["tiers"] if t["name"] == name)
        group = self._name(f"{self.groups[name]}-pinned")
        said = len(self.notes)
        params = self._target(tier["model"], self.groups[name]) | _price(tier)
        del self.notes[said:]
        if provider and params["model"].startswith("openrouter/"):
            params["extra_body"] = {"provider": {"order": [provider], "allow_fallbacks": False}}
        elif provider:
            self.notes.append(f"{group}: pinned to {json.dumps(provider)} by having no fallbacks; it calls {params['model']} only.")
        self._add(group, params)
        return group

    def _target(self, model: Mapping[str, Any], group: str) -> dict[str, Any]:
        """LiteLLM parameters of a model. One of a simulated or recorded run has no endpoint yet: environment variables name it."""
        name, simulated = model["litellm_model"], model["litellm_model"].startswith("sim/")
        if "api_base" in model or "api_key_env" in model or not (self.unplaced or simulated):
            placed = {"model": name, "api_base": model.get("api_base"), "api_key": model.get("api_key_env")}
            if placed["api_key"]:
                placed["api_key"] = f"os.environ/{placed['api_key']}"
            return {k: v for k, v in placed.items() if v} | dict(model.get("params", {}))
        if family := next(((vendor, key) for start, vendor, key in FAMILIES if name.startswith(start)), None):
            vendor, key = family
            self.notes.append(f"{group}: {name} is taken for {vendor}'s model of that name, with the key in {key}. Check it in {CONFIG}.")
            return {"model": f"{vendor}/{name}", "api_key": f"os.environ/{key}"} | dict(model.get("params", {}))
        base, key = f"TIERWISE_{_variable(group)}_API_BASE", f"TIERWISE_{_variable(group)}_API_KEY"
        why = "is simulated" if simulated else "was recorded without an endpoint"
        self.notes.append(f"{group}: {name} {why}. Set {base} and {key} (any OpenAI-style endpoint), or name a real model in {CONFIG}.")
        params = {} if simulated else dict(model.get("params", {}))
        return {"model": f"openai/{name.removeprefix('sim/')}", "api_base": f"os.environ/{base}", "api_key": f"os.environ/{key}"} | params

    def _add(self, group: str, params: dict[str, Any]) -> None:
        self.models.append({"model_name": group, "litellm_params": params})

    def _name(self, wanted: str) -> str:
        """Letters, digits, dot, dash and underscore; also its environment variables are nobody else's."""
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-.")[:64] or "tier"
        name = next(c for c in (base, *(f"{base}-{i}" for i in range(2, 100))) if _variable(c) not in self._taken)
        self._taken.add(_variable(name))
        return name


def _variable(group: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", group.upper())


def _price(tier: Mapping[str, Any]) -> dict[str, float]:
    if "price" not in tier:
        return {}
    return {"input_cost_per_token": tier["price"]["input_per_1m"] / 1e6, "output_cost_per_token": tier["price"]["output_per_1m"] / 1e6}


def _heading(document: Mapping[str, Any]) -> str:
    name = json.dumps(document["name"])  # one ASCII line, whatever is in it
    lines = ["SIMULATED: tuned on simulated models, so its figures say nothing about real ones."] if document["simulated"] else []
    lines.append(f"Policy {name}, version {document['version']}, digest {document['digest'][:12]}; written by Tierwise {__version__}.")
    lines.append(f"For litellm 1.94 or newer; tested with {TESTED}. Change the policy and export again rather than editing this file.")
    return "".join(f"# {line}\n" for line in lines)


def _readme(document: Mapping[str, Any], layout: _Layout) -> str:
    values = [v for m in layout.models for v in m["litellm_params"].values() if isinstance(v, str)]
    variables = dict.fromkeys(v.removeprefix("os.environ/") for v in values if v.startswith("os.environ/"))
    tiers = "\n".join(f"  {layout.groups[t['name']]}: {t['model']['litellm_model']}" for t in document["tiers"])
    sets = "\n".join(f"  export {v}=..." for v in variables) or "  (no variables: the models need none)"
    return f"""{_heading(document).replace("# ", "")}
Tiers, cheapest first
{tiers}

Start, with {CONFIG} and {litellm_plugin.FILE} in one folder
  pip install 'litellm[proxy]=={TESTED}'
{sets}
  export LITELLM_MASTER_KEY=sk-...    # clients authenticate with it; without it whoever reaches the port can spend
  litellm --config {CONFIG} --host 127.0.0.1 --port 4000

Ask for the model '{ALIAS}'
  curl http://127.0.0.1:4000/v1/chat/completions -H "Authorization: Bearer $LITELLM_MASTER_KEY" -H "Content-Type: application/json" \\
    -d '{{"model": "{ALIAS}", "messages": [{{"role": "user", "content": "Hello"}}], "metadata": {{"request_type": "..."}}}}'

The header x-litellm-complexity-router-tier of an answer names LiteLLM's tier; {CONFIG} maps it to the groups above.
"""
