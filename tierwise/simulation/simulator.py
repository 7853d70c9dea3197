"""Offline models that behave like models: they fail more on harder prompts, cost money on paper, and need no key and no network.

Item response: a prompt's difficulty is what can be read off it, plus a residue that all models share, plus a small one of each model; an
answer is right with probability (1 - SLIP) * logistic(DISCRIMINATION * (ability - difficulty)). A model that is to answer rightly now and
then must know the right answer, so the caller hands over the sample's reference. Grading and tuning do not know that a run is simulated.

`simulate` is the model; `register` puts the same model behind LiteLLM, where a call costs two hundred times as much.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import NormalDist
from typing import Any

from tierwise.errors import BadInput
from tierwise.simulation.answers import Dice, cut_off, right, wrong
from tierwise.simulation.difficulty import Text, read, visible
from tierwise.types import Outcome, Sample, Tier

DISCRIMINATION = 5.0
SHARED, OWN = 0.5, 0.3
"""Standard deviations of the residues: of the prompt, and of the prompt on one model."""

SLIP = 0.008
"""Share of answers that go wrong however easy the prompt is, so that now and then the weaker model is the right one."""

FAILED, CUT_OFF = 0.0025, 0.006
"""Shares of calls that fail, and of answers that run out of tokens."""

STEADY = 0.85
"""Share of repeats in which a model puts the same right answer, or the same mistake, in the same words."""

NORMAL = NormalDist()


@dataclass(frozen=True)
class Model:
    """A simulated model: what it can do, how it answers, and list prices in US dollars for a million tokens."""

    ability: float
    thinking: float
    """Reasoning tokens, as a multiple of what a prompt of this difficulty takes."""
    first_s: float
    """Seconds to the first token."""
    tokens_per_s: float
    limit: int
    """Completion tokens at which it is cut off."""
    input_per_1m: float
    output_per_1m: float


MODELS = {
    "sim/small": Model(0.6, 0.0, 0.28, 160, 256, 0.15, 0.60),
    "sim/medium": Model(1.6, 0.4, 0.45, 95, 384, 0.80, 3.20),
    "sim/large": Model(2.9, 1.0, 0.80, 60, 768, 2.50, 10.00),
}


def ladder() -> tuple[Tier, ...]:
    """The three simulated models as tiers, cheapest first."""
    return tuple(
        Tier(name.removeprefix("sim/"), name, input_per_1m=m.input_per_1m, output_per_1m=m.output_per_1m) for name, m in MODELS.items()
    )


def simulate(sample: Sample, tier: Tier | str, seed: int = 0, repeat: int = 0) -> Outcome:
    """What a simulated model answers; the same for the same seed, model, prompt, reference and repeat, in every process.

    Args:
        tier: its own prices are charged, and none where it has none; a bare model name is charged at its list prices.

    Raises:
        BadInput: no such simulated model; names those there are.
    """
    tier = _tier(tier)
    model = _model(tier.model)
    chat = sample.chat()
    text = read(chat)
    prompt = _digest(*(part for m in chat for part in (m["role"], m["content"])), sample.reference or "")
    shared, own = (_normal((_number(prompt, key) + 0.5) / 2**64) for key in (f"{seed}", f"{seed}|{tier.model}"))
    call = Dice(_number(prompt, f"{seed}|{tier.model}|{repeat}"))
    difficulty = visible(sample, text) + SHARED * shared + OWN * own
    fate = call.roll()
    if fate < FAILED:
        return Outcome(
            sample.id, tier.name, repeat, "failed", error="503: the simulated provider is overloaded, try again later",
            latency_s=round(0.2 + 2 * call.roll(), 3), served_model=tier.model,
        )  # fmt: skip
    cut = fate < FAILED + CUT_OFF
    known = call.roll() < (1 - SLIP) / (1 + math.exp(-DISCRIMINATION * (model.ability - difficulty)))
    words = Dice(_number(prompt, f"{seed}|{tier.model}|words")) if call.chance(STEADY) else call
    output = cut_off(text.task, words) if cut else (right if known else wrong)(sample, text.task, words)
    return _priced(sample, tier, repeat, model, text, difficulty, output, cut, call)


def register() -> None:
    """Make `litellm.completion("sim/small", messages, tierwise_sample={...})` and `acompletion` work; once is enough.

    `**described(sample, seed)` gives the `tierwise_sample` keyword. Without it there is no
    reference, and the answer is free text. A simulated failure is raised as LiteLLM raises a provider's. LiteLLM takes seconds to import.
    """
    from tierwise.settings import quiet_libraries

    quiet_libraries()
    import litellm
    from litellm.utils import custom_llm_setup

    litellm.suppress_debug_info = True
    if any(p["provider"] == "sim" for p in litellm.custom_provider_map):
        return

    class Simulated(litellm.CustomLLM):
        def completion(self, model: str, messages: Sequence[Mapping[str, Any]], *, model_response: Any, optional_params: Mapping[str, Any],
                       **_: Any) -> Any:  # fmt: skip
            given = dict(optional_params.get("tierwise_sample") or {})
            seed, repeat = int(given.pop("seed", 0)), int(given.pop("repeat", 0))
            sample = Sample(messages=tuple(messages), **({"id": "", "input": ""} | given))
            try:
                outcome = simulate(sample, f"sim/{model}", seed, repeat)
            except BadInput as error:
                raise litellm.NotFoundError(str(error), model=model, llm_provider="sim") from None
            if outcome.status == "failed":
                raise litellm.ServiceUnavailableError(outcome.error, model=model, llm_provider="sim")
            model_response.model = outcome.served_model
            model_response.choices[0].message.content = outcome.output
            model_response.choices[0].finish_reason = outcome.finish_reason
            model_response.usage = litellm.Usage(
                prompt_tokens=outcome.prompt_tokens, completion_tokens=outcome.completion_tokens,
                total_tokens=outcome.prompt_tokens + outcome.completion_tokens,
            )  # fmt: skip
            return model_response

        async def acompletion(self, *positional: Any, **named: Any) -> Any:
            return self.completion(*positional, **named)

    litellm.custom_provider_map = [*litellm.custom_provider_map, {"provider": "sim", "custom_handler": Simulated()}]
    custom_llm_setup()


def described(sample: Sample, seed: int = 0, repeat: int = 0) -> dict[str, Any]:
    """What a simulated model must know beside the messages, as a keyword of a LiteLLM call; see `register`."""
    known = {"id": sample.id, "reference": sample.reference, "request_type": sample.request_type, "metadata": dict(sample.metadata)}
    return {"tierwise_sample": known | {"seed": seed, "repeat": repeat}}


def _priced(
    sample: Sample, tier: Tier, repeat: int, model: Model, text: Text, difficulty: float, output: str, cut: bool, call: Dice
) -> Outcome:
    prompt_tokens = max(1, round(text.characters / 4))
    thought = model.thinking * (10 + 25 * math.log1p(math.exp(difficulty))) * (0.6 + 0.8 * call.roll())
    completion_tokens = model.limit if cut else min(model.limit, max(1, round(len(output) / 4 + thought)))
    cost = None
    if tier.input_per_1m is not None and tier.output_per_1m is not None:
        cost = (prompt_tokens * tier.input_per_1m + completion_tokens * tier.output_per_1m) / 1e6
    latency = (model.first_s + prompt_tokens / 20_000 + completion_tokens / model.tokens_per_s) * math.exp(0.35 * _normal(call.roll()))
    return Outcome(
        sample.id, tier.name, repeat, "truncated" if cut else "ok", output, finish_reason="length" if cut else "stop",
        prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost_usd=cost, latency_s=round(latency, 3),
        served_model=tier.model,
    )  # fmt: skip


def _tier(tier: Tier | str) -> Tier:
    if isinstance(tier, Tier):
        return tier
    model = _model(tier)
    return Tier(tier.removeprefix("sim/"), tier, input_per_1m=model.input_per_1m, output_per_1m=model.output_per_1m)


def _model(name: str) -> Model:
    if name not in MODELS:
        raise BadInput(f"There is no simulated model called {name!r}. Available: {', '.join(MODELS)}.")
    return MODELS[name]


def _digest(*parts: str) -> bytes:
    joined = "".join(f"{len(p)}:{p}" for p in parts)
    return blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _number(digest: bytes, key: str) -> int:
    return int.from_bytes(blake2b(digest + key.encode(), digest_size=8).digest(), "big")


def _normal(chance: float) -> float:
    return NORMAL.inv_cdf(min(max(chance, 1e-12), 1 - 1e-12))
