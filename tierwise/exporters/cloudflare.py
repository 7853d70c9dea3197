"""Cloudflare AI Gateway: a dynamic route that goes by metadata, and the file that decides and sends that metadata.

A route's conditions see metadata and never score a prompt, so the caller's code decides and names the place; the route holds models,
fallbacks and pins. Only what documentation and API types agree on is used: `conditions` with `$eq` (docs/exports.md).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.exporters import SAYS, Compiled, Request, embedded, exporter
from tierwise.exporters.endpoints import Endpoint, Names, Pin, by_rule, endpoint, heading, pins, unplaced
from tierwise.types import Policy

ROUTE, ROUTER = "cloudflare-route.json", "cloudflare_router.py"
PROVIDERS = {
    "openai": "openai", "anthropic": "anthropic", "gemini": "google-ai-studio", "mistral": "mistral", "groq": "groq", "deepseek": "deepseek",
    "openrouter": "openrouter", "perplexity": "perplexity-ai", "xai": "grok", "cohere": "cohere", "cohere_chat": "cohere",
    "cerebras": "cerebras", "cloudflare": "workers-ai",
}  # fmt: skip
"""Cloudflare's provider for LiteLLM's; others are written by name and noted."""
TIMEOUT_S, RETRIES = 600, 1
NOT_SENT = ("timeout", "api_version", "drop_params")


@exporter(
    "cloudflare", "Cloudflare AI Gateway", "A dynamic route that goes by metadata, and the file that decides and sends it.", shadow=SAYS
)
def compile(policy: Policy) -> Compiled:
    document = policy.document
    route = _Route(document)
    about = "What follows speaks to Cloudflare: call `request(body, metadata)` before each request."
    head = heading(
        document, f"For Cloudflare AI Gateway, with the dynamic route of {ROUTE}. Written from its documentation; not run there."
    )
    tables = {"NAMES": route.tiers, "PINNED": by_rule(document, route.pinned), "PARAMS": route.params, "ROUTE": route.name}
    ttl = document.get("cache", {}).get("exact", {}).get("ttl_seconds")
    files = {
        ROUTE: json.dumps({"name": route.name, "elements": route.elements}, indent=2, ensure_ascii=True) + "\n",
        ROUTER: embedded.source(document, head, about, _ROUTER, **tables, CACHE=ttl),
    }

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        elements = json.loads((folder / ROUTE).read_text(encoding="utf-8"))["elements"]
        told = embedded.run(folder / ROUTER, requests, 'return module.metadata_header(r["messages"], r["metadata"])')
        return [route.tier_of[first_model(elements, json.loads(line))] for line in told]

    return Compiled(files, replay, tuple(route.notes))


def first_model(elements: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]) -> str:
    """Id of the model element that a request with this metadata reaches first, as the route's documentation reads.

    Raises:
        ValueError: an element or an operator that is not read here.
    """
    known = {e["id"]: e for e in elements}
    at = next(e for e in elements if e["type"] == "start")["outputs"]["next"]["elementId"]
    while known[at]["type"] != "model":
        if known[at]["type"] != "conditional":
            raise ValueError(f"element {known[at]['type']}")
        ((key, test),) = known[at]["properties"]["conditions"].items()
        if set(test) != {"$eq"}:
            raise ValueError(f"operators {sorted(test)}")
        met = metadata.get(key.removeprefix("metadata.")) == test["$eq"]
        at = known[at]["outputs"]["true" if met else "false"]["elementId"]
    return at


class _Route:
    """Elements: a chain of conditions, one a place, and behind each its model with its fallbacks."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        names = Names(["start", "end"])
        self.document, self.notes, self.params, self.tier_of = document, [], {}, {}
        self.name = names.take(document["id"])
        self.tiers = {tier["name"]: names.take(tier["name"]) for tier in document["tiers"]}
        self.pinned: dict[Pin, str] = {pin: names.take(f"{self.tiers[pin[0]]}-pinned") for pin in pins(document)}
        self.elements: list[dict[str, Any]] = []
        by_name = {t["name"]: t for t in document["tiers"]}
        places = {name: by_name[tier] for tier, name in self.tiers.items()}
        models = [m for name, tier in places.items() for m in self._chain(name, tier, tier.get("fallbacks", ()))]
        for (tier, provider), name in self.pinned.items():
            models += self._chain(name, by_name[tier], ())
            if provider:
                self.notes.append(f"{name}: pinned to {json.dumps(provider)} by having no fallbacks; it calls that tier's model only.")
        asked = [*self.tiers.values(), *self.pinned.values()]
        otherwise = f"model-{self.tiers[document['default_tier']]}"
        ids = [f"if-{name}" for name in asked]
        self._add("start", "start", next={"elementId": ids[0]})
        for id_, name, after in zip(ids, asked, [*ids[1:], otherwise], strict=True):
            test = {"conditions": {"metadata.place": {"$eq": name}}}
            self._add(id_, "conditional", test, true={"elementId": f"model-{name}"}, false={"elementId": after})
        self.elements += models
        self._add("end", "end")
        self.tier_of = {f"model-{name}": tier["name"] for name, tier in places.items()}
        self.tier_of |= {f"model-{name}": tier for (tier, _), name in self.pinned.items()}
        self.notes.append(
            f"Create the route with POST .../ai-gateway/gateways/GATEWAY/routes and {ROUTE} as its body, deploy it, and store the "
            "providers' keys at the gateway. Not run: Cloudflare cannot be reached from tests. Try each tier once before traffic."
        )

    def _chain(self, name: str, tier: Mapping[str, Any], fallbacks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Model elements of a place: its tier's, then one for each fallback, which belongs to this place alone."""
        by_name = {t["name"]: t for t in self.document["tiers"]}
        found = [self._endpoint(tier["model"], name)]
        for fallback in fallbacks:
            other = by_name.get(fallback.get("tier"))
            found.append(self._endpoint(other["model"] if other else fallback["model"], self.tiers[other["name"]] if other else name))
        sent = [{k: v for k, v in f.params.items() if k not in NOT_SENT} for f in found]
        if other := next((f for f, params in zip(found, sent, strict=True) if params != sent[0]), None):
            raise BadInput(
                f"Cloudflare cannot hold the parameters of tier {tier['name']!r}: they travel in the request, and its fallback {other.model} "
                "would be called with them instead of its own. Export it for the LiteLLM proxy (litellm) or Portkey (portkey), which give each "
                "model its own, or give both the same parameters."
            )
        self.params |= {name: sent[0]} if sent[0] else {}
        ids = [f"model-{name}", *(f"model-{name}-fallback-{i}" for i in range(1, len(found)))]
        chain = []
        for model, id_, after in zip(found, ids, [*ids[1:], "end"], strict=True):
            seconds = model.params.get("timeout", TIMEOUT_S)
            asks = {"provider": self._provider(model), "model": model.name, "retries": RETRIES, "timeout": round(seconds * 1000)}
            outputs = {"success": {"elementId": "end"}, "fallback": {"elementId": after}}
            chain.append({"id": id_, "type": "model", "properties": asks, "outputs": outputs})
        return chain

    def _endpoint(self, model: Mapping[str, Any], group: str) -> Endpoint:
        found = endpoint(model, group, unplaced(self.document), ROUTE)
        if found.base:
            raise BadInput(
                f"Cloudflare's routes name providers and hold no addresses: {found.model!r} at {found.base!r} (tier or fallback {group!r}) "
                "would be sent elsewhere. Export it for the LiteLLM proxy (litellm), Portkey (portkey) or as openai-compatible, which call any "
                "address."
            )
        if found.base_env:
            note = f"{group}: {model['litellm_model']} has no provider yet. Name a provider and a model of Cloudflare's in {ROUTE}."
            self.notes += [note] if note not in self.notes else []
        return found

    def _provider(self, found: Endpoint) -> str:
        if found.vendor not in PROVIDERS:
            note = f"Cloudflare's provider for {found.model} is taken to be {json.dumps(found.vendor)}. Check it in {ROUTE}."
            self.notes += [note] if note not in self.notes else []
        return PROVIDERS.get(found.vendor, found.vendor)

    def _add(self, id_: str, kind: str, properties: Mapping[str, Any] | None = None, **outputs: Any) -> None:
        self.elements.append({"id": id_, "type": kind, **({"properties": properties} if properties else {}), "outputs": outputs})


_ROUTER = '''

def place(messages, metadata=None):
    """Where a request goes: the tier's place in the route, or the pinned rule's own."""
    found = decide(POLICY, messages, metadata)
    rule = found["why"].removeprefix("rule ") if found["score"] is None and found["why"].startswith("rule ") else None
    return PINNED.get(rule) or NAMES[found["tier"]]


def metadata_header(messages, metadata=None, where=None):
    """The value of cf-aig-metadata: ASCII JSON, the place and at most four short values of the caller's (Cloudflare takes five)."""
    sent = {str(k): str(v)[:128] for k, v in (metadata or {}).items() if isinstance(v, (str, int, float, bool)) and str(k) != "place"}
    return json.dumps({"place": where or place(messages, metadata), **dict(list(sent.items())[:4])})


def request(body, metadata=None):
    """(body, headers) of a chat completion that the route sends to the tier that the policy chooses.

        import openai, cloudflare_router
        client = openai.OpenAI(base_url="https://gateway.ai.cloudflare.com/v1/ACCOUNT/GATEWAY/compat", api_key=CF_AIG_TOKEN)
        body, headers = cloudflare_router.request({"messages": messages}, {"request_type": "faq"})
        client.chat.completions.create(**body, extra_headers=headers)

    The tier's own parameters replace the body's. Without the metadata a request goes to the default tier.
    """
    told = metadata or body.get("metadata")
    where = place(body.get("messages"), told)
    headers = {"cf-aig-metadata": metadata_header(body.get("messages"), told, where)}
    if CACHE:
        headers["cf-aig-cache-ttl"] = str(CACHE)
    return {**body, **PARAMS.get(where, {}), "model": "dynamic/" + ROUTE}, headers
'''
