"""OpenRouter: one request template a tier, and a small file that picks the template for a request before it is sent.

OpenRouter cannot hold a policy. Its templates carry fallback models, provider preferences and a price ceiling (docs/exports.md).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.exporters import SAYS, Compiled, Request, embedded, exporter
from tierwise.exporters.endpoints import Endpoint, Names, Pin, by_rule, endpoint, heading, pins, unplaced
from tierwise.types import Policy

TEMPLATES, ROUTER = "tier_templates.json", "tier_router.py"
AUTHORS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "mistral": "mistralai", "deepseek": "deepseek", "xai": "x-ai"}
"""OpenRouter's author for LiteLLM's provider; the names after it may differ, so they are to be checked."""
NOT_SENT = ("timeout", "api_version", "drop_params")
USUAL_MOST = 3
"""OpenRouter has limited `models` to this many."""


@exporter(
    "openrouter", "OpenRouter", "A request template a tier, with fallbacks and provider preferences, and a picker.", "API", shadow=SAYS
)
def compile(policy: Policy) -> Compiled:
    document = policy.document
    layout = _Templates(document)
    about = "What follows picks OpenRouter's template: call `request(body, metadata)` before each request."
    head = heading(document, f"For OpenRouter, with {TEMPLATES} beside this file.")
    tables = {"NAMES": layout.tiers, "PINNED": by_rule(document, layout.pinned), "VARIABLES": layout.variables}
    files = {
        TEMPLATES: json.dumps(layout.templates, indent=2, ensure_ascii=True) + "\n",
        ROUTER: embedded.source(document, head, about, PICK + _REQUEST, **tables),
    }
    tier_of = {name: tier for tier, name in layout.tiers.items()} | {name: tier for (tier, _), name in layout.pinned.items()}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        known = json.loads((folder / TEMPLATES).read_text(encoding="utf-8"))
        picked = embedded.run(folder / ROUTER, requests, 'return module.pick(r["messages"], r["metadata"])')
        return [tier_of[name] if name in known else "" for name in picked]

    return Compiled(files, replay, tuple(layout.notes))


class _Templates:
    """Bodies by name: one a tier, and one a pin."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        names = Names()
        self.document, self.notes, self.variables = document, [], {}
        self.tiers = {tier["name"]: names.take(tier["name"]) for tier in document["tiers"]}
        self.pinned = {pin: names.take(f"{self.tiers[pin[0]]}-pinned") for pin in pins(document)}
        self.templates = {self.tiers[tier["name"]]: self._tier(tier) for tier in document["tiers"]}
        self.templates |= {name: self._pin(pin) for pin, name in self.pinned.items()}
        self.notes.append(
            'Every template says data_collection "deny": providers that keep prompts are not used. Take it out if that leaves none.'
        )

    def _tier(self, tier: Mapping[str, Any]) -> dict[str, Any]:
        group, all_tiers = self.tiers[tier["name"]], {t["name"]: t for t in self.document["tiers"]}
        found, prices = self._endpoint(tier["model"], group), [tier.get("price")]
        chain: list[str] = []
        for i, fallback in enumerate(tier.get("fallbacks", ())):
            other = all_tiers.get(fallback.get("tier"))
            model = other["model"] if other else fallback["model"]
            chain.append(self._model(self._endpoint(model, self.tiers[other["name"]] if other else f"{group}-fallback-{i + 1}")))
            prices.append(other.get("price") if other else None)
        if len(chain) > USUAL_MOST:
            self.notes.append(f"{group}: {len(chain)} fallback models; OpenRouter has taken at most {USUAL_MOST} and may refuse more.")
        body = {"model": self._model(found), **({"models": chain} if chain else {})}
        provider: dict[str, Any] = {"allow_fallbacks": True, "data_collection": "deny"}
        # the ceiling holds for fallback models too, so it is that of the dearest; one unknown price leaves it out
        if all(prices):
            dearest = {side: max(p[f"{side}_per_1m"] for p in prices) for side in ("input", "output")}
            provider["max_price"] = {"prompt": dearest["input"], "completion": dearest["output"]}
        return {**body, "provider": provider, **self._params(found)}

    def _pin(self, pin: Pin) -> dict[str, Any]:
        name, provider = pin
        tier = next(t for t in self.document["tiers"] if t["name"] == name)
        found = self._endpoint(tier["model"], self.tiers[name])
        only = ({"order": [provider]} if provider else {}) | {"allow_fallbacks": False, "data_collection": "deny"}
        return {"model": self._model(found), "provider": only, **self._params(found)}

    def _params(self, found: Endpoint) -> dict[str, Any]:
        return {k: v for k, v in found.params.items() if k not in NOT_SENT}

    def _model(self, found: Endpoint) -> str:
        """OpenRouter's id of a model, or ${A_VARIABLE} that will hold it."""
        if found.base_env:
            variable = found.base_env.replace("_API_BASE", "_MODEL")
            self.variables[f"${{{variable}}}"] = variable
            return f"${{{variable}}}"
        if found.model.startswith("openrouter/"):
            return found.name
        author = AUTHORS.get(found.vendor, found.vendor)
        note = f"{found.model} is taken to be called {author}/{found.name} at OpenRouter. Check it in {TEMPLATES}."
        self.notes += [note] if note not in self.notes else []
        return f"{author}/{found.name}"

    def _endpoint(self, model: Mapping[str, Any], group: str) -> Endpoint:
        found = endpoint(model, group, unplaced(self.document), TEMPLATES)
        if found.base and not found.model.startswith("openrouter/"):
            raise BadInput(
                f"OpenRouter cannot reach {found.model!r} at {found.base!r} (tier or fallback {group!r}). Export it for the "
                "LiteLLM proxy (litellm), Portkey (portkey) or as openai-compatible, which call any address."
            )
        if found.base_env:
            variable = found.base_env.replace("_API_BASE", "_MODEL")
            note = f"{group}: {model['litellm_model']} has no id at OpenRouter yet. Set {variable}, or name a model in {TEMPLATES}."
            self.notes += [note] if note not in self.notes else []
        return found


PICK = '''

def pick(messages, metadata=None):
    """Name of the template for a request: its tier's, or that of the pinned rule that holds."""
    found = decide(POLICY, messages, metadata)
    rule = found["why"].removeprefix("rule ") if found["score"] is None and found["why"].startswith("rule ") else None
    return PINNED.get(rule) or NAMES[found["tier"]]


def _beside(name):
    import pathlib

    return json.loads(pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8"))
'''

_REQUEST = '''

def request(body, metadata=None, environment=None):
    """A chat completion's body, sent to the tier that the policy chooses: the template's fields replace the body's own.

        import os, openai, tier_router
        client = openai.OpenAI(base_url="https://openrouter.ai/api/v1", api_key=os.environ["OPENROUTER_API_KEY"])
        body = tier_router.request({"messages": messages, "max_tokens": 500}, {"request_type": "faq"})
        extra = {name: body.pop(name) for name in ("models", "provider") if name in body}
        client.chat.completions.create(**body, extra_body=extra)

    Through LiteLLM: litellm.completion(**{**body, "model": "openrouter/" + body["model"]}, extra_body=extra).
    """
    import os

    environment = os.environ if environment is None else environment
    chosen = _beside("tier_templates.json")[pick(body.get("messages"), metadata or body.get("metadata"))]

    def named(model):
        name = VARIABLES.get(model)
        if name and not environment.get(name):
            raise RuntimeError(f"Set {name} to an OpenRouter model, or name one in tier_templates.json.")
        return environment[name] if name else model

    found = {**body, **chosen, "model": named(chosen["model"])}
    if "models" in chosen:
        found["models"] = [named(model) for model in chosen["models"]]
    return found
'''
