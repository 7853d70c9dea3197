"""Where a tier's model is called, as every gateway form needs it: vendor, model name, address, and the NAME of the key's variable."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tierwise import __version__

FAMILIES = (("gpt-", "openai", "OPENAI_API_KEY"), ("chatgpt-", "openai", "OPENAI_API_KEY"), ("claude-", "anthropic", "ANTHROPIC_API_KEY"),
            ("gemini-", "gemini", "GEMINI_API_KEY"))  # fmt: skip
"""Vendors of bare model names, as recorded results give them."""

Pin = tuple[str, str]
"""Tier and provider of a rule that allows no fallbacks."""


@dataclass(frozen=True)
class Endpoint:
    """A model with its address. One of a simulated or recorded run has none yet: environment variables name it."""

    model: str
    """LiteLLM's name of it, such as anthropic/claude-x; bare where no vendor is known."""
    base: str | None = None
    base_env: str | None = None
    """Variable that holds the address, where the policy knows none."""
    key_env: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    """What to check before traffic is sent, if anything."""

    @property
    def vendor(self) -> str:
        """LiteLLM's name of the provider; an unknown bare name is taken for an OpenAI-style endpoint."""
        return self.model.split("/", 1)[0] if "/" in self.model else _family(self.model)[0] or "openai"

    @property
    def name(self) -> str:
        """The model's name at its vendor."""
        return self.model.split("/", 1)[-1]

    @property
    def key(self) -> str:
        """The variable with the key; the vendor's usual one at the vendor's own address only: another must not see that key."""
        return self.key_env or ("" if self.base else f"{variable(self.vendor)}_API_KEY")


def endpoint(model: Mapping[str, Any], group: str, unplaced: bool, where: str) -> Endpoint:
    """The endpoint of a policy's model; `unplaced` says that its run was not live, `where` names the file to check it in."""
    name, simulated = model["litellm_model"], model["litellm_model"].startswith("sim/")
    params = dict(model.get("params", {}))
    if "api_base" in model or "api_key_env" in model or not (unplaced or simulated):
        return Endpoint(name, model.get("api_base"), None, model.get("api_key_env"), params)
    vendor, key = _family(name)
    if vendor:
        note = f"{group}: {name} is taken for {vendor}'s model of that name, with the key in {key}. Check it in {where}."
        return Endpoint(f"{vendor}/{name}", key_env=key, params=params, note=note)
    base, key = f"TIERWISE_{variable(group)}_API_BASE", f"TIERWISE_{variable(group)}_API_KEY"
    why = "is simulated" if simulated else "was recorded without an endpoint"
    note = f"{group}: {name} {why}. Set {base} and {key} (any OpenAI-style endpoint), or name a real model in {where}."
    return Endpoint(f"openai/{name.removeprefix('sim/')}", None, base, key, {} if simulated else params, note)


def _family(name: str) -> tuple[str, str]:
    return next(((vendor, key) for start, vendor, key in FAMILIES if name.startswith(start)), ("", ""))


def unplaced(document: Mapping[str, Any]) -> bool:
    """Whether models without an address are not known to be anybody's: no live run called them."""
    return document["provenance"]["run"]["kind"] != "live"


def variable(text: str) -> str:
    """A text as part of an environment variable's name."""
    return re.sub(r"[^A-Z0-9]", "_", text.upper())


class Names:
    """Safe names for what a person named freely: letters, digits, dot, dash and underscore, each with variables of its own."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {variable(t) for t in taken}

    def take(self, wanted: str) -> str:
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-.")[:64] or "tier"
        name = next(c for c in (base, *(f"{base}-{i}" for i in range(2, 1000))) if variable(c) not in self._taken)
        self._taken.add(variable(name))
        return name


def pin_of(rule: Mapping[str, Any]) -> Pin | None:
    """The pin of a rule that allows no fallbacks."""
    pin = rule.get("pin")
    return (rule["tier"], pin.get("provider", "")) if pin and not pin["allow_fallbacks"] else None


def pins(document: Mapping[str, Any]) -> list[Pin]:
    """The different pins of a policy's rules, in order."""
    return list(dict.fromkeys(pin for rule in document["rules"] if (pin := pin_of(rule))))


def by_rule(document: Mapping[str, Any], served: Mapping[Pin, Any]) -> dict[str, Any]:
    """What serves each pinned rule, by the rule's id."""
    return {rule["id"]: served[pin] for rule in document["rules"] if (pin := pin_of(rule))}


def heading(document: Mapping[str, Any], target: str, mark: str = "# ") -> str:
    """Comment lines that say which policy a file holds and what it is for."""
    name = json.dumps(document["name"])  # one ASCII line, whatever is in it
    lines = ["SIMULATED: tuned on simulated models, so its figures say nothing about real ones."] if document["simulated"] else []
    lines.append(f"Policy {name}, version {document['version']}, digest {document['digest'][:12]}; written by Tierwise {__version__}.")
    lines.append(f"{target} Change the policy and export again rather than editing this file.")
    return "".join(f"{mark}{line}\n" for line in lines)
