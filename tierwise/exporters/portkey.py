"""A Portkey gateway that routes by the policy: a conditional config, and the scorer that fills the metadata it looks at.

Portkey's conditions see metadata and never the prompt, so the caller scores a request first. The thresholds stand in the config.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise.exporters import SAYS, Compiled, Request, embedded, exporter, portkey_conditions
from tierwise.exporters.endpoints import Endpoint, Names, Pin, endpoint, heading, pin_of, pins, unplaced
from tierwise.types import Policy

CONFIG, SCORER = "portkey-config.json", "portkey_scorer.py"
TESTED = "1.15.2"
RETRIED = [408, 429, 500, 502, 503, 504, 529]
"""Answers after which the next target is tried."""
PROVIDERS = {
    "openai": "openai", "anthropic": "anthropic", "gemini": "google", "openrouter": "openrouter", "mistral": "mistral-ai", "groq": "groq",
    "deepseek": "deepseek", "together_ai": "together-ai", "fireworks_ai": "fireworks-ai", "cohere": "cohere", "cohere_chat": "cohere",
    "perplexity": "perplexity-ai", "xai": "x-ai", "deepinfra": "deepinfra", "cerebras": "cerebras",
    "sambanova": "sambanova", "moonshot": "moonshot", "nebius": "nebius", "hosted_vllm": "openai", "litellm_proxy": "openai",
    "ollama": "ollama", "ollama_chat": "ollama",
}  # fmt: skip
"""Portkey's provider for LiteLLM's; others need more than a key there."""
NOT_SENT = ("timeout", "api_version", "drop_params")
"""Parameters that are LiteLLM's own and no part of a request body."""
ON_ERROR = "on-error"
LONGEST = 12_000
"""Characters of a config that still fit, with the metadata, in the 16 KB of headers that Node takes."""


@exporter("portkey", "Portkey gateway", "A conditional config and the scorer that fills its metadata.", "Gateway", shadow=SAYS)
def compile(policy: Policy) -> Compiled:
    document = policy.document
    layout = _Targets(document)
    rules = _rule_names(document)
    config = {"strategy": {"mode": "conditional", "conditions": _conditions(document, layout, rules), "default": layout.default},
              "targets": layout.targets}  # fmt: skip
    if exact := document.get("cache", {}).get("exact"):
        config["cache"] = {"mode": "simple", "max_age": exact["ttl_seconds"]}
        layout.notes.append("The cache is Portkey's own; its self-hosted gateway from npm has it switched off.")
    if len(json.dumps(config)) > LONGEST:
        layout.notes.append(f"{CONFIG} is too long for a request header: save it at Portkey and send its id, or start the gateway with "
                            "NODE_OPTIONS=--max-http-header-size=262144.")  # fmt: skip
    about = "What follows fills Portkey's metadata: call `headers(messages, metadata)` before each request."
    head = heading(document, f"For Portkey; tested with @portkey-ai/gateway {TESTED} and {CONFIG} beside this file.")
    files = {
        CONFIG: json.dumps(config, indent=2, ensure_ascii=True) + "\n",
        SCORER: embedded.source(document, head, about, _SCORER, RULES=rules),
    }

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        written = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        told = embedded.run(folder / SCORER, requests, 'return module.header(r["messages"], r["metadata"])')
        return [layout.tier_of[portkey_conditions.target(written, json.loads(line))] for line in told]

    return Compiled(files, replay, tuple(layout.notes))


def _rule_names(document: Mapping[str, Any]) -> dict[str, str]:
    """What metadata calls each rule: short, ASCII and nobody else's, whatever its id is."""
    names = Names([ON_ERROR])
    return {rule["id"]: names.take(rule["id"]) for rule in document["rules"]}


def _conditions(document: Mapping[str, Any], layout: "_Targets", rules: Mapping[str, str]) -> list[dict[str, Any]]:
    """First match wins: rules by their name, then the score band by band. Each is wrapped, for siblings of $and are not looked at."""
    found = []
    for rule in document["rules"]:
        found.append(({"metadata.tier_rule": {"$eq": rules[rule["id"]]}}, layout.pinned.get(pin_of(rule)) or layout.tiers[rule["tier"]]))
    found.append(({"metadata.tier_rule": {"$eq": ON_ERROR}}, layout.tiers[document["on_error_tier"]]))
    below = 0.0
    for step in document["thresholds"]:
        found.append(({"metadata.tier_score": {"$lt": step["lt"]} if "lt" in step else {"$gte": below}}, layout.tiers[step["tier"]]))
        below = step.get("lt", below)
    return [{"query": {"$and": [query]}, "then": target} for query, target in found]


class _Targets:
    """Portkey's targets: one a tier with its fallbacks inside, and one a pin."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        names, self.notes = Names(), []
        self.tiers = {tier["name"]: names.take(tier["name"]) for tier in document["tiers"]}
        self.default = self.tiers[document["default_tier"]]
        self._found = {t["name"]: endpoint(t["model"], self.tiers[t["name"]], unplaced(document), CONFIG) for t in document["tiers"]}
        self.targets, self.pinned = [], {}
        for tier in document["tiers"]:
            group, chain = self.tiers[tier["name"]], [self._found[tier["name"]]]
            for fallback in tier.get("fallbacks", ()):
                other = fallback.get("tier")
                chain.append(self._found[other] if other else endpoint(fallback["model"], f"{group}-fallback", unplaced(document), CONFIG))
            self.notes += [e.note for e in chain if e.note and e.note not in self.notes]
            self.targets.append(self._target(group, chain))
        for pin in pins(document):
            self.pinned[pin] = names.take(f"{self.tiers[pin[0]]}-pinned")
            self.targets.append({"name": self.pinned[pin], **self._pinned(pin)})
        self.tier_of = {group: tier for tier, group in self.tiers.items()} | {group: tier for (tier, _), group in self.pinned.items()}

    def _target(self, group: str, chain: Sequence[Endpoint]) -> dict[str, Any]:
        called = [self._model(e, group) for e in chain]
        if len(called) == 1:
            return {"name": group, **called[0]}
        return {"name": group, "strategy": {"mode": "fallback", "on_status_codes": RETRIED}, "targets": called}

    def _pinned(self, pin: Pin) -> dict[str, Any]:
        tier, provider = pin
        called = self._model(self._found[tier], self.pinned[pin])
        if provider and called["provider"] == "openrouter":
            called["override_params"]["provider"] = {"order": [provider], "allow_fallbacks": False}
        elif provider:
            model = self._found[tier].model
            self.notes.append(f"{self.pinned[pin]}: pinned to {json.dumps(provider)} by having no fallbacks; it calls {model} only.")
        return called

    def _model(self, found: Endpoint, group: str) -> dict[str, Any]:
        """One model as a target. The key and an unknown address are named by variables, which the scorer fills in."""
        provider = PROVIDERS.get(found.vendor) or ("openai" if found.base or found.base_env else found.vendor)
        if found.vendor not in PROVIDERS and provider == found.vendor:
            note = f"{group}: Portkey's provider for {found.model} is taken to be {json.dumps(provider)}; complete that target in {CONFIG}."
            self.notes += [note] if note not in self.notes else []
        base = found.base or (f"${{{found.base_env}}}" if found.base_env else None)
        sent = {k: v for k, v in found.params.items() if k not in NOT_SENT}
        return {
            "provider": provider,
            "api_key": f"${{{found.key}}}" if found.key else "unused",
            **({"custom_host": base} if base else {}),
            "override_params": {"model": found.name, **sent},
            **({"request_timeout": round(found.params["timeout"] * 1000)} if isinstance(found.params.get("timeout"), int | float) else {}),
        }


_SCORER = '''
ERROR = "could not be scored"


def scores(messages, metadata=None):
    """What the conditions of portkey-config.json look at: the rule that holds or the score, and the tier for your logs. Text only."""
    found = decide(POLICY, messages, metadata)
    told = {"tier": found["tier"][:120]}
    if found["score"] is not None:
        told["tier_score"] = repr(found["score"] if found["score"] == found["score"] else 2.0)  # no number: above every threshold
    elif found["why"].startswith("rule "):
        told["tier_rule"] = RULES[found["why"].removeprefix("rule ")]
    elif found["why"].startswith(ERROR):
        told["tier_rule"] = "on-error"
    return told


def header(messages, metadata=None):
    """The value of x-portkey-metadata: ASCII JSON, the caller's short values with the scores after them."""
    sent = {str(k): str(v)[:128] for k, v in list((metadata or {}).items())[:20] if isinstance(v, (str, int, float, bool))}
    return json.dumps({**sent, **scores(messages, metadata)})


def config(path=None, environment=None):
    """portkey-config.json with the keys and addresses that its ${NAMES} name, from the environment.

    The filled-in config holds keys: send it, never save it. On Portkey's own service, add each provider to the Model Catalog
    instead, put "provider": "@your-slug" in place of provider and api_key (older accounts: "virtual_key"), save the config there,
    and send its id.
    """
    import os
    import pathlib

    environment = os.environ if environment is None else environment
    path = pathlib.Path(path or pathlib.Path(__file__).with_name("portkey-config.json"))
    missing = set()

    def filled(value, key=None):
        if isinstance(value, dict):
            return {k: filled(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [filled(v) for v in value]
        if key in ("api_key", "custom_host") and value.startswith("${"):
            name = value[2:-1]
            missing.update([] if name in environment else [name])
            return environment.get(name)
        return value

    found = filled(json.loads(path.read_text(encoding="utf-8")))
    if missing:
        raise RuntimeError(f"Set {', '.join(sorted(missing))}: portkey-config.json names them.")
    return found


def headers(messages, metadata=None, sent=None):
    """Headers for one request; `sent` is `config()` or the id of a config saved at Portkey, such as pc-abc-123.

    With your own gateway (`npx @portkey-ai/gateway`; it listens on all interfaces and checks no key: keep it inside your network):

        import litellm, portkey_scorer
        config = portkey_scorer.config()
        litellm.completion(model="openai/auto", api_base="http://127.0.0.1:8787/v1", api_key="unused", messages=messages,
                           extra_headers=portkey_scorer.headers(messages, {"request_type": "faq"}, config))

        client = openai.OpenAI(base_url="http://127.0.0.1:8787/v1", api_key="unused")
        client.chat.completions.create(model="auto", messages=messages,
                                       extra_headers=portkey_scorer.headers(messages, {"request_type": "faq"}, config))

    With Portkey's service: base_url "https://api.portkey.ai/v1", `sent` the id of the saved config, and your Portkey key in the header
    x-portkey-api-key. A gateway of your own calls addresses in private networks only when TRUSTED_CUSTOM_HOSTS names their hosts.
    The model name is replaced by the chosen tier's. Without these headers' metadata every request goes to the default tier.
    """
    sent = config() if sent is None else sent
    return {
        "x-portkey-config": sent if isinstance(sent, str) else json.dumps(sent),
        "x-portkey-metadata": header(messages, metadata),
    }
'''
