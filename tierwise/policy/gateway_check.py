"""Ask a running gateway: does it send real requests where the policy says? Each prompt costs one call with the shortest answer."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tierwise import secrets
from tierwise.endpoints import addresses
from tierwise.errors import BadInput
from tierwise.policy import decide_sample
from tierwise.types import Policy, Sample

MOST = 500
TIMEOUT_S = 60.0
SAYS_WHO = ("x-litellm-model-group", "x-litellm-model-name", "x-tierwise-tier")
"""Headers that name what served, besides the reply's own model."""


@dataclass(frozen=True)
class Asked:
    """One prompt sent through a gateway."""

    sample_id: str
    wanted: str
    """The policy's tier."""
    got: str | None
    """The tier that served; None where that cannot be told, or the call failed."""
    served: str
    """What the gateway named."""
    error: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Checked:
    """How a gateway's decisions compare."""

    asked: tuple[Asked, ...]

    @property
    def agree(self) -> int:
        return sum(a.got == a.wanted for a in self.asked)

    @property
    def told(self) -> int:
        """Answers from which the tier can be told."""
        return sum(a.got is not None for a in self.asked)


def check_gateway(
    policy: Policy,
    samples: Sequence[Sample],
    url: str,
    model: str,
    key_env: str | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Checked:
    """Send prompts through a gateway, evenly spread over the set, and compare who serves them with the policy.

    Args:
        url: as far as /v1.
        model: the name under which the gateway routes, such as auto.
        key_env: the variable that holds the gateway's key.

    Raises:
        BadInput: no address, no key under that name, or nothing answers.
    """
    import httpx

    addresses.check_url("The gateway's address", url)
    addresses.check_key_goes("The gateway", url, [key_env] if key_env else [])
    key = secrets.key(key_env)
    if key_env and not key:
        raise BadInput(f"No key in {key_env}. Set the variable in the environment that Tierwise is started from.")
    names = _names(policy)
    headers = {"authorization": f"Bearer {key or 'unused'}"}
    found = []
    step = max(1, -(-len(samples) // MOST))
    chosen = samples[::step]
    # without a team, the proxies of the environment hold, which a transport of our own would leave out
    through = {"transport": addresses.guarded_transport()} if addresses.of_a_team() else {}
    with httpx.Client(timeout=TIMEOUT_S, headers=headers, follow_redirects=False, **through) as client:
        for number, sample in enumerate(chosen, 1):
            found.append(_ask(client, url.rstrip("/"), model, sample, decide_sample(policy, sample).tier, names))
            if number == 3 and all(a.error for a in found):
                raise BadInput(f"The gateway does not answer: {found[0].error}")
            if progress:
                progress(number, len(chosen))
    return Checked(tuple(found))


def _ask(client: Any, url: str, model: str, sample: Sample, wanted: str, names: dict[str, str]) -> Asked:
    import httpx

    body = {"model": model, "messages": sample.chat(), "max_tokens": 1, "metadata": sample.request_metadata()}
    began = time.monotonic()
    try:
        reply = client.post(f"{url}/chat/completions", content=json.dumps(body), headers={"content-type": "application/json"})
    except httpx.HTTPError as error:
        return Asked(sample.id, wanted, None, "", secrets.scrub(f"{type(error).__name__}: {error}")[:300], time.monotonic() - began)
    took = time.monotonic() - began
    if reply.status_code >= 400:
        return Asked(sample.id, wanted, None, "", secrets.scrub(f"HTTP {reply.status_code}: {reply.text[:200]}"), took)
    try:
        said = reply.json().get("model") or ""
    except ValueError:
        return Asked(sample.id, wanted, None, "", "its reply is not JSON", took)
    told = [reply.headers[h] for h in SAYS_WHO if h in reply.headers] + [str(said)]
    tier = next((found for t in told if (found := _tier_of(t, names))), None)
    return Asked(sample.id, wanted, tier, next((t for t in told if t), ""), None, took)


def _names(policy: Policy) -> dict[str, str]:
    """What a gateway may call each tier: its name, and its model with and without the provider. Names of two tiers tell nothing."""
    found: dict[str, str | None] = {}
    for tier in policy.document["tiers"]:
        for name in {_bare(tier["name"]), _bare(tier["model"]["litellm_model"]), _bare(tier["model"]["litellm_model"].rpartition("/")[2])}:
            found[name] = tier["name"] if found.get(name, tier["name"]) == tier["name"] else None
    return {name: tier for name, tier in found.items() if tier}


def _tier_of(told: str, names: dict[str, str]) -> str | None:
    """A gateway may write more before a model's name than the policy does: openai/vendor/model for vendor/model."""
    parts = _bare(told).split("/")
    return next((names[short] for i in range(len(parts)) if (short := "/".join(parts[i:])) in names), None)


def _bare(name: str) -> str:
    return name.strip().lower()
