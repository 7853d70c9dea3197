"""Any endpoint that speaks OpenAI's chat completions (TokenMix.ai, vLLM, Ollama, OpenAI itself): addresses by tier, and a small client.

The file picks the tier, then calls its model and its fallbacks in order; keys are read from the environment when a call is made.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.exporters import SAYS, Compiled, Request, embedded, exporter
from tierwise.exporters.endpoints import Endpoint, Names, by_rule, endpoint, heading, pins, unplaced
from tierwise.exporters.openrouter import PICK
from tierwise.types import Policy

TIERS, ROUTER = "tiers.json", "tier_router.py"
BASES = {
    "openai": "https://api.openai.com/v1", "openrouter": "https://openrouter.ai/api/v1", "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai", "mistral": "https://api.mistral.ai/v1",
    "deepseek": "https://api.deepseek.com/v1", "groq": "https://api.groq.com/openai/v1", "xai": "https://api.x.ai/v1",
    "together_ai": "https://api.together.xyz/v1", "fireworks_ai": "https://api.fireworks.ai/inference/v1",
}  # fmt: skip
"""OpenAI-style addresses of vendors, as each documents its own."""
NOT_SENT = ("api_version", "drop_params", "timeout")


@exporter(
    "openai-compatible", "OpenAI-compatible APIs", "TokenMix.ai, vLLM, OpenAI: addresses by tier and a small client.", "API", shadow=SAYS
)
def compile(policy: Policy) -> Compiled:
    document = policy.document
    names, notes = Names(), []
    groups = {tier["name"]: names.take(tier["name"]) for tier in document["tiers"]}
    found = {t["name"]: endpoint(t["model"], groups[t["name"]], unplaced(document), TIERS) for t in document["tiers"]}
    tiers: dict[str, list[dict[str, Any]]] = {}
    for tier in document["tiers"]:
        chain = [found[tier["name"]]]
        for i, fallback in enumerate(tier.get("fallbacks", ()), 1):
            other, called = fallback.get("tier"), f"{groups[tier['name']]}-fallback-{i}"
            chain.append(found[other] if other else endpoint(fallback["model"], called, unplaced(document), TIERS))
        notes += [e.note for e in chain if e.note and e.note not in notes]
        tiers[groups[tier["name"]]] = [_call(e) for e in chain]
    pinned = {pin: names.take(f"{groups[pin[0]]}-pinned") for pin in pins(document)}
    for (tier, provider), name in pinned.items():
        tiers[name] = [_call(found[tier], provider)]
        if provider and found[tier].vendor != "openrouter":
            notes.append(f"{name}: pinned to {json.dumps(provider)} by having no fallbacks; it calls {found[tier].model} only.")
    about = "What follows calls the chosen tier: `complete(body, metadata)`."
    head = heading(document, f"For OpenAI-compatible endpoints, with {TIERS} beside this file.")
    tables = {"NAMES": groups, "PINNED": by_rule(document, pinned)}
    files = {
        TIERS: json.dumps(tiers, indent=2, ensure_ascii=True) + "\n",
        ROUTER: embedded.source(document, head, about, PICK + _CLIENT, **tables),
    }
    tier_of = {name: tier for tier, name in groups.items()} | {name: tier for (tier, _), name in pinned.items()}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        known = json.loads((folder / TIERS).read_text(encoding="utf-8"))
        picked = embedded.run(folder / ROUTER, requests, 'return module.pick(r["messages"], r["metadata"])')
        return [tier_of[name] if known.get(name) else "" for name in picked]

    return Compiled(files, replay, tuple(notes))


def _call(found: Endpoint, provider: str = "") -> dict[str, Any]:
    """One model as the client calls it."""
    base = found.base or (None if found.base_env else BASES.get(found.vendor))
    if not base and not found.base_env:
        raise BadInput(
            f"No OpenAI-style address is known for {found.model!r}. Give its tier an api_base, or export it for the LiteLLM proxy "
            f"(litellm), which calls {found.vendor} in its own form."
        )
    sent: Mapping[str, Any] = {k: v for k, v in found.params.items() if k not in NOT_SENT}
    only = {"provider": {"order": [provider], "allow_fallbacks": False}} if provider and found.vendor == "openrouter" else {}
    timeout = found.params.get("timeout")
    return {
        **({"base_url": base} if base else {"base_url_env": found.base_env}),
        **({"api_key_env": found.key} if found.key else {}),
        "body": {"model": found.name, **sent, **only},
        **({"timeout_s": timeout} if isinstance(timeout, int | float) else {}),
    }


_CLIENT = '''

def targets(messages, metadata=None):
    """What to call for a request, in order: the tier's model, then its fallbacks."""
    return _beside("tiers.json")[pick(messages, metadata)]


def complete(body, metadata=None, environment=None, timeout=600):
    """The answer to a chat completion from the tier that the policy chooses; the next fallback when one is down, busy or too slow.

        import tier_router
        answer = tier_router.complete({"messages": messages, "max_tokens": 500}, {"request_type": "faq"})

    With a client of your own, take `targets(messages, metadata)[0]`: base_url, the variable of the key, and the fields of the body.
    """
    import os
    import urllib.error
    import urllib.request

    environment = os.environ if environment is None else environment
    failed = None
    for call in targets(body.get("messages"), metadata or body.get("metadata")):
        base = call.get("base_url") or environment.get(call["base_url_env"])
        if not base:
            raise RuntimeError(f"Set {call['base_url_env']} to an OpenAI-compatible address, or name one in tiers.json.")
        headers = {"content-type": "application/json"}
        if environment.get(call.get("api_key_env", "")):
            headers["authorization"] = "Bearer " + environment[call["api_key_env"]]
        data = json.dumps({**body, **call["body"]}).encode()
        request = urllib.request.Request(base.rstrip("/") + "/chat/completions", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=call.get("timeout_s", timeout)) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429) and error.code < 500:
                raise
            failed = error
        except OSError as error:
            failed = error
    raise failed
'''
