"""A ladder of tiers from a TOML file, and the checks that every ladder passes, wherever it was written.

[[tier]]
name = "small"
model = "gpt-5-mini"
api_key_env = "OPENAI_API_KEY"

[[tier]]
name = "large"
model = "gpt-5.5"
input_per_1m = 5.0
output_per_1m = 30.0
params = { temperature = 0, max_tokens = 400 }
fallbacks = ["small"]
"""

import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from tierwise.endpoints import addresses
from tierwise.endpoints.prices import provider_and_name
from tierwise.errors import BadInput
from tierwise.types import Tier

KEYS = tuple(f.name for f in fields(Tier))
PRICES = ("input_per_1m", "output_per_1m", "cached_input_per_1m")
LIMITS = ("rpm", "tpm", "timeout_s")
KINDS = {
    "params": (dict, "a table"),
    "fallbacks": (list, "a list of names"),
    **dict.fromkeys((*PRICES, *LIMITS), ((int, float), "a number")),
}
NAME_LENGTH, TEXT_LENGTH = 40, 300

ENVIRONMENT = {
    "openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY", "mistral": "MISTRAL_API_KEY",
    "codestral": "CODESTRAL_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "dashscope": "DASHSCOPE_API_KEY", "openrouter": "OPENROUTER_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY", "groq": "GROQ_API_KEY", "xai": "XAI_API_KEY", "cohere": "COHERE_API_KEY",
    "azure": "AZURE_API_KEY", "azure_ai": "AZURE_AI_API_KEY", "cerebras": "CEREBRAS_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY", "deepinfra": "DEEPINFRA_API_KEY", "perplexity": "PERPLEXITYAI_API_KEY",
    "moonshot": "MOONSHOT_API_KEY", "zai": "ZAI_API_KEY", "huggingface": "HUGGINGFACE_API_KEY", "replicate": "REPLICATE_API_KEY",
    "nvidia_nim": "NVIDIA_NIM_API_KEY", "vercel_ai_gateway": "VERCEL_AI_GATEWAY_API_KEY", "bedrock": "AWS_ACCESS_KEY_ID",
}  # fmt: skip
"""Where LiteLLM looks for a provider's key."""

ENVIRONMENT_REFERENCE = re.compile(r"os\.environ/[A-Za-z_][A-Za-z0-9_]{0,99}")
"""The name of a variable in place of a secret, as LiteLLM writes it."""

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:api_?key|authori[sz]ation|auth|bearer|token|secret|passw(?:or)?d|credentials?|access_?key(?:_?id)?|private_?key)$", re.I
)
SECRET_START = re.compile(r"(?:[Bb]earer\s|sk[-_]|pk[-_]|rk[-_]|gsk_|xai-|hf_|ghp_|github_pat_|glpat-|pplx-|r8_|AIza|ya29\.|AKIA|eyJ)")
HEXADECIMAL = re.compile(r"[0-9a-f]{24,}|[0-9A-F]{24,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RANDOM = re.compile(r"[A-Za-z0-9]{20,}|[A-Za-z0-9+/]{32,}={0,2}")
NAMES_A_PLACE = re.compile(r"(?i)(?:credential|endpoint|_file|_path|_url|_uri|_host|profile|identity_token|ad_token|proxy|base)")
PLACE = re.compile(r"://|^oidc/|^~?/|^\.\.?/|\\")
INSTEAD = "Keys are never stored: put it into an environment variable, and name the environment variable instead (api_key_env)."
ELSEWHERE = {
    "model": "model stands beside params", "messages": "the messages come from the prompt set",
    "api_base": "api_base stands beside params", "base_url": "write api_base beside params", "stream": "answers are read whole",
    "n": "one answer a call is graded, and a budget counts one", "best_of": "one answer a call is graded, and a budget counts one",
    "fallbacks": "fallbacks stand beside params", "input_cost_per_token": "write input_per_1m beside params",
    "output_cost_per_token": "write output_per_1m beside params",
}  # fmt: skip


def load_tiers_toml(data: bytes) -> tuple[Tier, ...]:
    """The `[[tier]]` tables of a TOML file, cheapest first.

    Raises:
        BadInput: not TOML (with the line), an unknown key (with near names), or a tier that `check_tiers` refuses.
    """
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(f"The tiers file is not UTF-8 text (line {line}).") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"The tiers file is not TOML: {error}.") from None
    except RecursionError:
        raise BadInput("The tiers file is not usable: its values are nested too deeply.") from None
    _known(document, ("tier",), "The tiers file")
    tables = document.get("tier", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise BadInput("The tiers file holds one [tier]. Write [[tier]], with two brackets, before each tier.")
    return check_tiers([_tier(number, table) for number, table in enumerate(tables, 1)])


def check_tiers(tiers: Sequence[Tier]) -> tuple[Tier, ...]:
    """The tiers as given, once all is well with them.

    Raises:
        BadInput: there is none, two share a name, a price is negative, an endpoint is no web address, something looks like a key ...
    """
    if not tiers:
        raise BadInput("There is no tier. Give at least one, as a [[tier]] table with name and model.")
    named: set[str] = set()
    for number, tier in enumerate(tiers, 1):
        where = _where(number, tier.name)
        _check_text(where, "name", tier.name, NAME_LENGTH)
        _check_text(where, "model", tier.model, TEXT_LENGTH)
        if tier.name in named:
            raise BadInput(f"Two tiers are called {tier.name!r}. Give each a name of its own.")
        named.add(tier.name)
        _check_model(where, tier)
        _check_endpoint(where, tier.api_base)
        _check_key_name(where, tier.api_key_env)
        _check_numbers(where, tier)
        _check_params(where, tier.params)
        check_reach(where, tier)
        for fallback in tier.fallbacks:
            _check_text(where, "fallbacks", fallback, TEXT_LENGTH)
            if fallback == tier.name:
                raise BadInput(f"{where}: a tier cannot be its own fallback.")
    return tuple(tiers)


def default_key_env(model: str) -> str | None:
    """The environment variable in which LiteLLM looks for the key of this model; None where it needs none or is not known."""
    return ENVIRONMENT.get(provider_and_name(model)[0])


def looks_like_key(text: str) -> bool:
    """Whether a text is probably a secret: a known beginning, or long and random."""
    text = text.strip()
    if SECRET_START.match(text) and len(text) >= 12:
        return True
    if HEXADECIMAL.fullmatch(text):
        return True
    digits, upper, lower = (sum(map(test, text)) for test in (str.isdigit, str.isupper, str.islower))
    return RANDOM.fullmatch(text) is not None and digits >= 2 and upper >= 3 and lower >= 3


def _tier(number: int, table: Mapping[str, Any]) -> Tier:
    name = table.get("name")
    where = _where(number, name)
    _known(table, KEYS, where)
    for key in ("name", "model"):
        if key not in table:
            raise BadInput(f"{where} has no {key}.")
    for key, value in table.items():
        kind, told = KINDS.get(key, (str, "text in quotes"))
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadInput(f"{where}: {key} should be {told}, not {type(value).__name__}.")
    for fallback in table.get("fallbacks", ()):
        if not isinstance(fallback, str):
            raise BadInput(f"{where}: fallbacks should be a list of names, each text in quotes.")
    return Tier(**{**table, "fallbacks": tuple(table.get("fallbacks", ()))})


def _known(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key in known:
            continue
        if SECRET_NAME.search(key):
            raise BadInput(f"{where} has {key!r}. {INSTEAD}")
        near = difflib.get_close_matches(key, known, n=2)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise BadInput(f"{where} has {_shown(key)}, which is not known here.{hint} Known: {', '.join(known)}.")


def _where(number: int, name: object) -> str:
    return f"Tier {number} ({name!r})" if isinstance(name, str) and name and not looks_like_key(name) else f"Tier {number}"


def _shown(text: str) -> str:
    """A text as a message may repeat it: short, and never a key."""
    return "a value that looks like a key" if looks_like_key(text) else repr(text if len(text) <= 60 else text[:57] + "...")


def _check_text(where: str, key: str, text: str, longest: int) -> None:
    if not text or text != text.strip():
        raise BadInput(f"{where}: {key} is empty or has space around it.")
    if looks_like_key(text):
        raise BadInput(f"{where}: {key} looks like a key. {INSTEAD}")
    if len(text) > longest or not text.isprintable():
        raise BadInput(f"{where}: {key} should be one line of at most {longest} characters.")


def _check_model(where: str, tier: Tier) -> None:
    if tier.simulated:
        from tierwise.simulation.simulator import MODELS

        if tier.model not in MODELS:
            raise BadInput(f"{where}: there is no simulated model called {_shown(tier.model)}. Available: {', '.join(MODELS)}.")


def _check_endpoint(where: str, address: str | None) -> None:
    if address is None:
        return
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", address):
        raise BadInput(f"{where}: api_base should be an address such as https://example.com/v1.")
    if "@" in parts.netloc:
        raise BadInput(f"{where}: api_base holds a user name or password. {INSTEAD}")
    if parts.query or parts.fragment:
        raise BadInput(f"{where}: api_base should end before any ? or #.")


def check_reach(where: str, tier: Tier) -> None:
    """What a tier may make this process call, and send there.

    Raises:
        BadInput: an address that may not be called, or, on a server for a team, a parameter that names an address or a file of the server.
    """
    if tier.api_base is not None:
        addresses.check_url(f"{where}: api_base", tier.api_base)
    if not addresses.of_a_team():
        return
    keys = {tier.api_key_env} if tier.api_key_env else set()
    waiting: list[tuple[str, Any]] = [("params", dict(tier.params))]
    while waiting:
        path, value = waiting.pop()
        sent = path.startswith(("params.extra_headers", "params.extra_body"))  # goes over the wire as it is
        if isinstance(value, Mapping):
            waiting += [(f"{path}.{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(path, inner) for inner in value]
        elif isinstance(value, str) and ENVIRONMENT_REFERENCE.fullmatch(value):
            keys.add(value.partition("/")[2])
        elif isinstance(value, str) and not sent and (NAMES_A_PLACE.search(path) or PLACE.search(value)):
            raise BadInput(
                f"{where}: {path} names an address or a file, which a tier on a server for a team may not. Write api_base beside params."
            )
    addresses.check_key_goes(where, tier.api_base, sorted(keys))


def _check_key_name(where: str, variable: str | None) -> None:
    if variable is None:
        return
    if looks_like_key(variable):
        raise BadInput(f"{where}: api_key_env looks like a key. {INSTEAD}")
    if not VARIABLE.fullmatch(variable):
        raise BadInput(f"{where}: api_key_env should be the name of an environment variable, such as OPENAI_API_KEY.")


def _check_numbers(where: str, tier: Tier) -> None:
    for key in PRICES:
        value = getattr(tier, key)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise BadInput(f"{where}: {key} should be 0 or more US dollars for a million tokens, not {value}.")
    for key in LIMITS:
        value = getattr(tier, key)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise BadInput(f"{where}: {key} should be more than 0, not {value}.")
    if (tier.input_per_1m is None) != (tier.output_per_1m is None):
        raise BadInput(f"{where}: give both prices, input_per_1m and output_per_1m, or neither.")
    if tier.cached_input_per_1m is not None and tier.input_per_1m is None:
        raise BadInput(f"{where}: cached_input_per_1m needs input_per_1m and output_per_1m beside it.")


def _check_params(where: str, params: Mapping[str, Any]) -> None:
    body = params.get("extra_body")
    for key, why in ELSEWHERE.items():
        if key in params or (isinstance(body, Mapping) and key in body and key != "fallbacks"):
            raise BadInput(f"{where}: params may not hold {key}: {why}.")
    if isinstance(body, Mapping) and (hidden := sorted({"max_tokens", "max_completion_tokens"} & set(body))):
        raise BadInput(f"{where}: write {hidden[0]} beside extra_body, not inside it: it bounds what a call can cost.")
    waiting: list[tuple[str, Any]] = [("params", dict(params))]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(inner, str) and ENVIRONMENT_REFERENCE.fullmatch(inner):
                    continue
                if SECRET_NAME.search(key) or looks_like_key(key):
                    raise BadInput(f"{where}: {path} holds a key ({_shown(key)}). {INSTEAD}")
                waiting.append((f"{path}.{key}", inner))
        elif isinstance(value, list | tuple):
            waiting += [(path, inner) for inner in value]
        elif isinstance(value, str):
            if looks_like_key(value):
                raise BadInput(f"{where}: {path} looks like a key. {INSTEAD}")
        elif not (value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
            raise BadInput(f"{where}: {path} should be text, a number, true or false, not {type(value).__name__}.")
