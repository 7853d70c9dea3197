"""A LiteLLM proxy that routes by a pre-call hook: works on older versions, holds any number of tiers, and sees every kind of call.

The hook names the model group before LiteLLM's router runs, so metadata rules and pins hold on chat completions, streams,
/v1/messages and /v1/responses alike (docs/exports.md).
"""

from collections.abc import Sequence
from pathlib import Path

from tierwise.exporters import ASKS, Compiled, Request, embedded, exporter, litellm_shadow
from tierwise.exporters.endpoints import by_rule, pins
from tierwise.exporters.litellm_groups import ALIAS, CONFIG, README, Groups, head
from tierwise.exporters.litellm_plugin import TOLD
from tierwise.types import Policy

FILE = "litellm_policy_hook.py"
INSTANCE = "litellm_policy_hook.policy_hook"
NEEDS = "LiteLLM proxies that have pre-call hooks and model_group_alias, as those of the last years have"


@exporter(
    "litellm-hook", "LiteLLM proxy, pre-call hook", "For older LiteLLM versions, many tiers, /v1/messages and /v1/responses.", shadow=ASKS
)
def compile(policy: Policy) -> Compiled:
    document = policy.document
    groups = Groups(document, pins(document), NEEDS)
    pinned = by_rule(document, groups.pinned)
    about = "What follows is LiteLLM's side: it calls `policy_hook` before every request, and those to the model 'auto' are routed."
    says = f"An answer's header x-litellm-model-group names the group above that served it. Requests to models other than '{ALIAS}' pass."
    watched = "shadow" in document
    last = groups.tiers[document["tiers"][-1]["name"]]
    files = {
        CONFIG: groups.config(
            router_settings={"model_group_alias": {ALIAS: groups.default}},
            litellm_settings={"callbacks": [INSTANCE]},
        ),
        FILE: embedded.source(
            document,
            head(document, NEEDS),
            about,
            _IMPORT + TOLD + _HOOK + (litellm_shadow.HOOK if watched else _INSTANCE),
            GROUPS=groups.tiers,
            PINNED=pinned,
        ),
        README: groups.readme(FILE, says=f"{says}\n\n{litellm_shadow.readme(document, last)}" if watched else says),
    }
    tier_of = {group: tier for tier, group in groups.tiers.items()} | {group: tier for (tier, _), group in groups.pinned.items()}

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        data = '{"model": "auto", "messages": r["messages"], "metadata": r["metadata"]}'
        hook = f'await module.policy_hook.async_pre_call_hook(None, None, {data}, "completion")'
        return [tier_of[group] for group in embedded.run(folder / FILE, requests, f'return ({hook})["model"]', _STANDIN)]

    return Compiled(files, replay, tuple(groups.notes))


_STANDIN = """
logger = types.ModuleType("litellm.integrations.custom_logger")
logger.CustomLogger = object
sys.modules.update({name: types.ModuleType(name) for name in ("litellm", "litellm.integrations")} | {logger.__name__: logger})
"""
"""Stands where LiteLLM does, for the one class that the file takes from it."""

_IMPORT = """
from litellm.integrations.custom_logger import CustomLogger  # noqa: E402
"""

_HOOK = '''

def _parts(content):
    return [p for p in content if isinstance(p, dict)] if isinstance(content, list) else []


def _of_anthropic(message):
    """A message of /v1/messages in chat form: tool calls and their results are parts there."""
    if not isinstance(message, dict):
        return message
    parts = _parts(message.get("content"))
    if message.get("role") == "user" and parts and all(p.get("type") == "tool_result" for p in parts):
        return {"role": "tool", "content": ""}
    if any(p.get("type") == "tool_use" for p in parts):
        return {**message, "tool_calls": [p for p in parts if p.get("type") == "tool_use"]}
    return message


def _of_responses(item):
    """An input item of /v1/responses in chat form."""
    if not isinstance(item, dict):
        return {"role": "user", "content": str(item)}
    if item.get("type") == "function_call":
        return {"role": "assistant", "content": None, "tool_calls": [item]}
    if item.get("type") == "function_call_output":
        return {"role": "tool", "content": ""}
    return item


def chat(data):
    """The messages of a request in OpenAI chat form, whatever it came in as."""
    given, before = data.get("input"), data.get("instructions") or data.get("system")
    if isinstance(data.get("messages"), list):
        found = [_of_anthropic(m) for m in data["messages"]]
    elif given is not None:
        found = [_of_responses(item) for item in given] if isinstance(given, list) else [{"role": "user", "content": given}]
    else:
        text = data.get("prompt")
        found = [{"role": "user", "content": text}] if isinstance(text, str) else []
    return [{"role": "system", "content": before}, *found] if before else found


def routed(data):
    """Sends a request to the group that the policy chooses; the decision, or None for a request to another model than 'auto'."""
    if data.get("model") != "auto":
        return None
    found = decide(POLICY, chat(data), told(data.get("litellm_metadata"), data.get("metadata")), explain=False)
    data["model"] = place(found, GROUPS)
    if data["model"] in PINNED.values():
        data["disable_fallbacks"] = True  # a caller's own fallbacks would undo the pin
    return found


class PolicyHook(CustomLogger):
    """Names the model group of a request to 'auto' before LiteLLM routes it."""

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        """The request, sent to the group that the policy chooses."""
        routed(data)
        return data
'''

_INSTANCE = """

policy_hook = PolicyHook()
"""
