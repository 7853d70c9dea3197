"""What every LiteLLM form shares: the proxy's model groups (one a tier, a fallback model and a pin), its config.yaml and its README."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tierwise.errors import BadInput
from tierwise.exporters.endpoints import Endpoint, Names, Pin, endpoint, heading, unplaced

CONFIG, README = "config.yaml", "README.txt"
TESTED = "1.106.2"
NEEDS = "litellm 1.94 or newer"
ALIAS = "auto"
SLOTS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
"""LiteLLM's own tier names, cheapest first. Tiers of other names are licensed, so ours are mapped onto these."""


class Groups:
    """Model groups of the proxy, each with a name of its own."""

    def __init__(self, document: Mapping[str, Any], pins: Sequence[Pin], needs: str = NEEDS) -> None:
        self.document, self.needs = document, needs
        self.notes: list[str] = []
        self.models: list[dict[str, Any]] = []
        """Entries of model_list."""
        self._names = Names([ALIAS])
        self._unplaced = unplaced(document)
        self.tiers = {tier["name"]: self._names.take(tier["name"]) for tier in document["tiers"]}
        """Our tier -> its group."""
        self.fallbacks = [{self.tiers[tier["name"]]: chain} for tier in document["tiers"] if (chain := self._tier(tier))]
        self.pinned = {pin: self._pinned(pin) for pin in pins}

    @property
    def default(self) -> str:
        return self.tiers[self.document["default_tier"]]

    def config(self, *more: Mapping[str, Any], **sections: Any) -> str:
        """config.yaml with the groups, `more` models and further sections; router settings given are added to ours."""
        import yaml

        router = {"num_retries": 1, "timeout": 600, "fallbacks": self.fallbacks} | sections.pop("router_settings", {})
        general = {"general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"}}
        if exact := self.document.get("cache", {}).get("exact"):
            settings = {"cache": True, "cache_params": {"type": "local", "ttl": exact["ttl_seconds"]}}
            sections["litellm_settings"] = sections.get("litellm_settings", {}) | settings
        document = {"model_list": [*self.models, *more], "router_settings": router, **sections, **general}
        return head(self.document, self.needs) + yaml.safe_dump(document, sort_keys=False, allow_unicode=False, width=120)

    def readme(self, *files: str, says: str) -> str:
        """How to start a proxy on the files and how to ask it; `says` is the last paragraph."""
        values = [v for m in self.models for v in m["litellm_params"].values() if isinstance(v, str)]
        variables = dict.fromkeys(v.removeprefix("os.environ/") for v in values if v.startswith("os.environ/"))
        tiers = "\n".join(f"  {self.tiers[t['name']]}: {t['model']['litellm_model']}" for t in self.document["tiers"])
        sets = "\n".join(f"  export {v}=..." for v in variables) or "  (no variables: the models need none)"
        return f"""{head(self.document, self.needs).replace("# ", "")}
Tiers, cheapest first
{tiers}

Start, with {" and ".join((CONFIG, *files))} {"in one folder" if files else "in any folder"}
  pip install 'litellm[proxy]=={TESTED}'
{sets}
  export LITELLM_MASTER_KEY=sk-...    # clients authenticate with it; without it whoever reaches the port can spend
  litellm --config {CONFIG} --host 127.0.0.1 --port 4000

Ask for the model '{ALIAS}'
  curl http://127.0.0.1:4000/v1/chat/completions -H "Authorization: Bearer $LITELLM_MASTER_KEY" -H "Content-Type: application/json" \\
    -d '{{"model": "{ALIAS}", "messages": [{{"role": "user", "content": "Hello"}}], "metadata": {{"request_type": "..."}}}}'

{says}
"""

    def _tier(self, tier: Mapping[str, Any]) -> list[str]:
        """Adds the tier's group and those of its fallback models; the groups it falls back to, in order."""
        group = self.tiers[tier["name"]]
        self._add(group, self._params(tier["model"], group) | _price(tier))
        chain = []
        for fallback in tier.get("fallbacks", ()):
            if "tier" in fallback:
                chain.append(self.tiers[fallback["tier"]])
            else:
                chain.append(self._names.take(f"{group}-fallback"))
                self._add(chain[-1], self._params(fallback["model"], chain[-1]))
        return chain

    def _pinned(self, pin: Pin) -> str:
        name, provider = pin
        tier = next(t for t in self.document["tiers"] if t["name"] == name)
        group = self._names.take(f"{self.tiers[name]}-pinned")
        params = _litellm(endpoint(tier["model"], self.tiers[name], self._unplaced, CONFIG)) | _price(tier)
        if provider and params["model"].startswith("openrouter/"):
            params["extra_body"] = {"provider": {"order": [provider], "allow_fallbacks": False}}
        elif provider:
            self.notes.append(f"{group}: pinned to {json.dumps(provider)} by having no fallbacks; it calls {params['model']} only.")
        self._add(group, params)
        return group

    def _params(self, model: Mapping[str, Any], group: str) -> dict[str, Any]:
        found = endpoint(model, group, self._unplaced, CONFIG)
        self.notes += [found.note] if found.note else []
        return _litellm(found)

    def _add(self, group: str, params: dict[str, Any]) -> None:
        self.models.append({"model_name": group, "litellm_params": params})


def head(document: Mapping[str, Any], needs: str = NEEDS) -> str:
    """Comment lines at the top of each file."""
    return heading(document, f"For {needs}; tested with {TESTED}.")


def complexity_router(default: str, tiers: Mapping[str, str], **settings: Any) -> dict[str, Any]:
    """The entry 'auto' of model_list. LiteLLM's own habits that would move a decision or a request are turned off by name."""
    router = {
        "tiers": dict(tiers),
        **settings,
        "escalation_keywords": [],
        "max_tokens_from_tier_model": False,
        "context_compaction": False,
        "deployment_affinity": False,
        "route_housekeeping_to_cheapest_tier": False,
    }
    params = {"model": "auto_router/complexity_router", "complexity_router_default_model": default, "complexity_router_config": router}
    return {"model_name": ALIAS, "litellm_params": params}


def too_many(needed: int, most: int, pins: int) -> BadInput:
    """The refusal of a policy with more tiers than LiteLLM's router has."""
    more = f" and {pins} more for pinned rules" if pins else ""
    return BadInput(
        f"LiteLLM's router has at most {'five' if most == 5 else 'four'} tiers, and this policy needs {needed - pins}{more}. "
        "Export it for the LiteLLM proxy by its pre-call hook (litellm-hook), which has no such limit, or tune again on fewer tiers."
    )


def _litellm(found: Endpoint) -> dict[str, Any]:
    """LiteLLM parameters of an endpoint."""
    base = found.base or (f"os.environ/{found.base_env}" if found.base_env else None)
    # without a key of its own, LiteLLM would send a server the key of the provider that its model name begins with
    key = f"os.environ/{found.key_env}" if found.key_env else ("unused" if base else None)
    return {k: v for k, v in {"model": found.model, "api_base": base, "api_key": key}.items() if v} | dict(found.params)


def _price(tier: Mapping[str, Any]) -> dict[str, float]:
    if "price" not in tier:
        return {}
    per_token = {side: float(f"{tier['price'][f'{side}_per_1m'] / 1e6:.12g}") for side in ("input", "output")}
    return {"input_cost_per_token": per_token["input"], "output_cost_per_token": per_token["output"]}
