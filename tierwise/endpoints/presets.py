"""Where models are reached: a preset for each provider and gateway, and a test call that says in plain words what is wrong."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from tierwise import secrets
from tierwise.endpoints import models
from tierwise.endpoints.models import CallFailed
from tierwise.endpoints.tiers import check_tiers, default_key_env
from tierwise.errors import BadInput, NotReady
from tierwise.registry import Registry
from tierwise.runs import background
from tierwise.runs.budget import check_room_today, no_room
from tierwise.runs.plan import worst_case_usd
from tierwise.store import Store
from tierwise.store.attempts import TEST_RUN, Intent, Refusal, Settlement
from tierwise.types import Tier

TEST_CHAT = [{"role": "user", "content": "Reply with the word ready."}]
TEST_TOKENS = 64
TEST_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Endpoint:
    """A provider or gateway, with a ladder to start from."""

    name: str
    title: str
    summary: str
    models: tuple[tuple[str, str], ...]
    """(tier, LiteLLM model), cheapest first; names in capitals are for the user to replace."""
    api_base: str | None = None
    api_key_env: str | None = None
    """None: the provider's usual variable, or no key where `keyless`."""
    keyless: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    """What to do before the first call."""
    gateway: bool = False

    def tiers(self) -> tuple[Tier, ...]:
        """The ladder of this preset."""
        return tuple(
            Tier(tier, model, self.api_base, self.api_key_env or (None if self.keyless else default_key_env(model)), params=self.params)
            for tier, model in self.models
        )


ENDPOINTS: Registry[Endpoint] = Registry("endpoint")


def _add(*args: Any, **kwargs: Any) -> None:
    entry = Endpoint(*args, **kwargs)
    ENDPOINTS.add(entry.name)(entry)


_add("openai", "OpenAI", "Models of OpenAI, called directly.",
     (("small", "gpt-6-luna"), ("medium", "gpt-6.1-sol"), ("large", "gpt-6-astra")),
     steps=("Make a key in the OpenAI console.", "Start Tierwise with OPENAI_API_KEY set."))  # fmt: skip
_add("anthropic", "Anthropic", "Claude models, called directly.",
     (("small", "anthropic/claude-haiku-5-5"), ("medium", "anthropic/claude-sonnet-5-5"), ("large", "anthropic/claude-opus-5-5")),
     steps=("Make a key in the Anthropic console.", "Start Tierwise with ANTHROPIC_API_KEY set."))  # fmt: skip
_add("google", "Google", "Gemini models by an AI Studio key.",
     (("small", "gemini/gemini-3.5-flash-lite"), ("medium", "gemini/gemini-3.8-flash"), ("large", "gemini/gemini-4-argon")),
     steps=("Make a key in Google AI Studio.", "Start Tierwise with GEMINI_API_KEY set."))  # fmt: skip
_add("mistral", "Mistral", "Mistral models, called directly.",
     (("small", "mistral/ministral-8b-latest"), ("medium", "mistral/mistral-small-latest"), ("large", "mistral/mistral-large-4")),
     steps=("Make a key in the Mistral console.", "Start Tierwise with MISTRAL_API_KEY set."))  # fmt: skip
_add("deepseek", "DeepSeek", "DeepSeek models, called directly.",
     (("small", "deepseek/deepseek-v4-flash"), ("large", "deepseek/deepseek-v4-pro")),
     steps=("Make a key on the DeepSeek platform.", "Start Tierwise with DEEPSEEK_API_KEY set."))  # fmt: skip
_add("qwen", "Qwen (DashScope)", "Qwen models of Alibaba Cloud Model Studio.",
     (("small", "dashscope/qwen3.8-flash"), ("large", "dashscope/qwen3.8-max")),
     steps=("Make a key in Model Studio.", "Start Tierwise with DASHSCOPE_API_KEY set.",
            "Outside China, give the endpoint https://dashscope-intl.aliyuncs.com/compatible-mode/v1 and your prices."))  # fmt: skip
_add("litellm-proxy", "LiteLLM proxy", "Your own LiteLLM proxy: a tier is one of its model names.",
     (("small", "litellm_proxy/SMALL"), ("large", "litellm_proxy/LARGE")), "http://127.0.0.1:4000", "LITELLM_PROXY_API_KEY", gateway=True,
     steps=("Put the proxy's address and two of its model names into the table.", "Set LITELLM_PROXY_API_KEY to a virtual key of the proxy.",
            "Switch its cache and fallbacks off while you measure, or a tier may not be what its name says.",
            "Give your prices: a proxy's model names have no list price."))  # fmt: skip
_add("portkey-local", "Portkey (self-hosted)", "The open-source Portkey gateway, which passes your provider's key on.",
     (("small", "openai/gpt-6-luna"), ("large", "openai/gpt-6-astra")), "http://127.0.0.1:8787/v1", "OPENAI_API_KEY", gateway=True,
     params={"extra_headers": {"x-portkey-provider": "openai"}},
     steps=("Start it: npx @portkey-ai/gateway (it listens on port 8787, on every interface: put a firewall before it).",
            "The key in the table is your provider's; x-portkey-provider in settings says which provider."))  # fmt: skip
_add("portkey", "Portkey (hosted)", "Portkey's service, by a workspace key and a saved provider.",
     (("small", "openai/@PROVIDER/MODEL"), ("large", "openai/@PROVIDER/MODEL")), "https://api.portkey.ai/v1", "PORTKEY_API_KEY", gateway=True,
     params={"extra_headers": {"x-portkey-api-key": "os.environ/PORTKEY_API_KEY"}},
     steps=("Save your provider's key in Portkey; its name stands after the @ of the model.",
            "Start Tierwise with PORTKEY_API_KEY set.", "Give your prices: they depend on the provider behind it."))  # fmt: skip
_add("openrouter", "OpenRouter", "One key for many providers; what it charged is taken from its own reply.",
     (("small", "openrouter/PROVIDER/SMALL"), ("large", "openrouter/PROVIDER/LARGE")), gateway=True,
     params={"extra_body": {"provider": {"allow_fallbacks": False}}},
     steps=("Start Tierwise with OPENROUTER_API_KEY set.", "Write model ids as OpenRouter lists them.",
            "allow_fallbacks false in settings keeps a tier on one provider while you measure; order, sort and max_price go there as well."))  # fmt: skip
_add("tokenmix", "TokenMix.ai", "An OpenAI-compatible service with many providers behind it.",
     (("small", "openai/gpt-4o-mini"), ("large", "openai/gpt-4o")), "https://api.tokenmix.ai/v1", "TOKENMIX_API_KEY", gateway=True,
     steps=("Start Tierwise with TOKENMIX_API_KEY set.", "Write openai/ before the model id as TokenMix lists it.",
            "Give your prices: OpenAI's list price does not hold there."))  # fmt: skip
_add("ollama", "Ollama", "Models on your own machine.",
     (("small", "openai/llama3.2:3b"), ("large", "openai/llama3.3:70b")), "http://127.0.0.1:11434/v1", keyless=True,
     steps=("Start Ollama and pull the models.", "Give prices (electricity, or what the same model costs elsewhere): unpriced tiers cannot be tuned on."))  # fmt: skip
_add("vllm", "vLLM", "A server of your own that speaks the OpenAI protocol.",
     (("small", "hosted_vllm/SMALL"), ("large", "hosted_vllm/LARGE")), "http://127.0.0.1:8000/v1", keyless=True,
     steps=("Start the server and write its model names.", "Give prices: unpriced tiers cannot be tuned on."))  # fmt: skip
_add("compatible", "OpenAI-compatible", "Any other server with /chat/completions.",
     (("small", "openai/SMALL"), ("large", "openai/LARGE")), "https://example.com/v1", "MY_API_KEY",
     steps=("Write the address as far as /v1, and openai/ before each model name.", "Name the variable that holds the key.",
            "Give prices."))  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """What a test call showed."""

    ok: bool
    says: str
    """One sentence: what is well, or what is wrong and what to do."""
    latency_s: float | None = None
    cost_usd: float | None = None
    served_model: str | None = None
    answer: str | None = None


def test_call(store: Store, tier: Tier) -> Diagnosis:
    """Send one small request to a tier. It may cost a fraction of a cent, and stands on the ledger.

    Raises:
        BadInput: the tier itself is not usable; nothing is sent then.
    """
    check_tiers([tier])
    if tier.simulated:
        return Diagnosis(True, "Simulated: it needs no key and always answers.")
    placeholder = next((part for part in tier.model.split("/")[1:] if part.strip("@").isupper() and part.strip("@").isalpha()), None)
    if placeholder:
        raise BadInput(f"Tier {tier.name!r}: write the name of a model in place of {placeholder}.")
    name = models.key_name(tier)
    if name and not secrets.key(name):
        return Diagnosis(
            False, f"No key: {name} is not set in the environment that Tierwise was started from. Set it and start Tierwise again."
        )
    tier = _brief(tier)
    models.load(tier)
    worst = worst_case_usd(TEST_CHAT, tier)
    caps = check_room_today(store, worst or 0.0)
    together = {"caps": caps} if store.shared else {}  # another copy of the app may be about to send as well
    (attempt,) = store.attempts.commit(TEST_RUN, [Intent((TEST_RUN, tier.name, 0), worst, tier.model)], **together)
    if isinstance(attempt, Refusal):
        raise NotReady(no_room("a cap for the day", caps[attempt.cap]))
    work = models.call(
        tier, TEST_CHAT, max_tokens=TEST_TOKENS, timeout_s=tier.timeout_s or TEST_TIMEOUT_S, request_id=f"tierwise-{TEST_RUN}-{attempt}"
    )
    began = time.monotonic()
    try:
        reply = background.submit(work).result()
    except CallFailed as failure:
        billed = failure.billed == "no"
        store.attempts.commit(
            TEST_RUN, [Settlement(attempt, "refused" if billed else "unknown", 0.0 if billed else None, str(failure), failure.status)]
        )
        return Diagnosis(False, explain(failure, tier), time.monotonic() - began)
    store.attempts.commit(TEST_RUN, [Settlement(attempt, "answered", reply.cost_usd, reply.error, 200)])
    if reply.status in ("empty", "failed"):
        return Diagnosis(False, f"It answered, but not with text: {reply.error}.", reply.latency_s, reply.cost_usd, reply.served_model)
    other = not tier.served_by(reply.served_model)
    says = f"It answered in {reply.latency_s:.1f} s."
    if other:
        says += f" But another model served: {reply.served_model}. Look for a fallback or an alias on the way."
    if reply.cost_usd is None:
        says += " Its cost is not known: give both prices."
    return Diagnosis(True, says, reply.latency_s, reply.cost_usd, reply.served_model, reply.output)


def explain(failure: CallFailed, tier: Tier) -> str:
    """A failed call in plain words, with what to do."""
    name, where = models.key_name(tier), tier.api_base or "the provider"
    told = str(failure)
    if failure.status == 401:
        return f"The key was refused by {where}. Check {name or 'the key'}: it may be of another account, or withdrawn. ({told})"
    if failure.status == 403:
        return f"The key may not use this model ({tier.model}). Ask for access, or take another model. ({told})"
    if failure.status == 402:
        return f"The account has no money left. ({told})"
    if failure.status == 404:
        return f"{where} does not know the model {tier.model!r}, or the endpoint is not its address. Check both. ({told})"
    if failure.status == 429:
        return f"The endpoint is there and the key is good, but a limit is reached. Wait, or lower the rate. ({told})"
    if failure.status and failure.status >= 500:
        return f"{where} answers with an error of its own. Try again later. ({told})"
    if told.startswith("no connection"):
        return f"Nothing answers at {where}. Is the server running, and is the address right? ({told})"
    if "in time" in told:
        return f"No answer within {tier.timeout_s or TEST_TIMEOUT_S:g} seconds. Is it the right address, and is the model loaded?"
    if "not JSON" in told:
        return f"What answers at {where} does not speak the OpenAI protocol: its reply is not JSON. The address usually ends in /v1."
    if "provider" in told.lower() and "not" in told.lower():
        return f"LiteLLM does not know the model {tier.model!r}. Write the provider before it, such as openai/NAME for a compatible server."
    return told


def _brief(tier: Tier) -> Tier:
    """The tier with the limit of a test call in place of its own."""
    return replace(tier, params={k: v for k, v in tier.params.items() if k != "max_completion_tokens"} | {"max_tokens": TEST_TOKENS})
