"""Scorers that ask models: how one is declared, what it is given, and the options by which all of them name their model.

Such a scorer is an async function `(answer, bench, *, option=default, ...) -> Score` under `@asking_scorer`. It asks through the bench
alone, which keeps every request on the ledger, inside the budget, and retried. What it raises leaves that one answer unscored.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from tierwise.errors import BadInput
from tierwise.scorers.score import ASIDE, SCORERS, Option, Score, Scorer, options_of, unscored
from tierwise.types import Sample, Tier

MAX_TOKENS = 1024
"""Of a verdict, with its explanation and what thinking a model counts as its answer."""

CONCURRENCY = 8


@dataclass(frozen=True)
class Answer:
    """What is graded."""

    sample: Sample
    tier: str
    repeat: int
    output: str
    others: Mapping[str, str] = field(default_factory=dict)
    """What the other tiers answered to the same prompt in the same repeat, by tier, cheapest first."""
    tiers: tuple[str, ...] = ()
    """All tiers of the run, cheapest first."""


class Unusable(Exception):
    """A reply that is no verdict. The message becomes the reason why the answer is unscored."""


class Bench(Protocol):
    """Where a scorer asks. After one failure nothing more is sent for the same answer."""

    async def ask(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None = None) -> str:
        """The text that the judge replies; with a `schema` it is asked for JSON of that shape. Raises where there is none."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text, by the embedding model."""


@dataclass(frozen=True)
class Asking:
    """How a scorer asks models."""

    function: Callable[..., Awaitable[Score]]
    requests: int
    """For one answer, as a rule: for the estimate."""
    prompt_tokens: int
    """Of one request, besides the prompt, the reference and the answer: likewise."""
    version: str
    """Of the words in which it asks; kept with each grade."""
    judge: bool = True
    """Whether it asks a chat model."""
    embedder: bool = False
    """Whether it asks an embedding model."""
    optional: bool = False
    """Whether it can do without: it then asks only where an option names a model."""
    check: Callable[[Mapping[str, Any]], None] = lambda options: None
    """Raises BadInput where the options cannot be used: found before the first request, not by each."""
    members: Callable[[Mapping[str, Any]], list[dict[str, Any]]] | None = None
    """Of a panel: the options of each `llm_judge` on it."""
    combine: Callable[..., Score] | None = None
    """Of a panel: one score from the grades of its members."""

    def wanted(self, options: Mapping[str, Any]) -> bool:
        return not self.optional or bool(options.get("model") or options.get("embedding_model"))

    def judges(self, options: Mapping[str, Any]) -> dict[str, Tier]:
        """The models that these options name, as tiers: `judge`, `embedder`.

        Raises:
            BadInput: an option that names one is missing.
        """
        if self.members is not None:
            return {f"judge {i}": judge_tier(o, "model") for i, o in enumerate(self.members(options), 1)}
        found = {}
        if self.judge:
            found["judge"] = judge_tier(options, "model")
        if self.embedder:
            found["embedder"] = judge_tier(options, "embedding_model")
        return found


def _judge(
    *,
    model: Annotated[str | None, "The model that judges, by its LiteLLM name, such as openai/gpt-5 or anthropic/claude-sonnet-4-5"] = None,
    api_base: Annotated[str | None, "The address of a server of your own, where the model is not with its provider"] = None,
    api_key_env: Annotated[str | None, "The NAME of the environment variable with the key; the usual one without it", ASIDE] = None,
    input_per_1m: Annotated[float | None, "US dollars for a million prompt tokens; the list price without it", ASIDE] = None,
    output_per_1m: Annotated[float | None, "US dollars for a million answer tokens; the list price without it", ASIDE] = None,
    temperature: Annotated[float | None, "The model's own without it"] = None,
    max_tokens: Annotated[int, "The longest reply", ASIDE] = MAX_TOKENS,
    reply_format: Annotated[
        Literal["schema", "json", "text"], "How the model is held to JSON: by a schema, loosely, or by words alone", ASIDE
    ] = "schema",
    concurrency: Annotated[int, "Requests at once", ASIDE] = CONCURRENCY,
    rpm: Annotated[float | None, "Requests a minute that the endpoint allows", ASIDE] = None,
) -> None: ...  # fmt: skip


def _embedder(
    *,
    embedding_model: Annotated[str | None, "The embedding model, by its LiteLLM name, such as openai/text-embedding-3-small"] = None,
    embedding_api_base: Annotated[str | None, "The address of a server of your own for it"] = None,
    embedding_api_key_env: Annotated[str | None, "The NAME of the environment variable with its key", ASIDE] = None,
    embedding_per_1m: Annotated[float | None, "US dollars for a million tokens of it; the list price without it", ASIDE] = None,
) -> None: ...  # fmt: skip


def _pace(
    *,
    concurrency: Annotated[int, "Requests at once", ASIDE] = CONCURRENCY,
    rpm: Annotated[float | None, "Requests a minute that the endpoint allows", ASIDE] = None,
) -> None: ...


JUDGE, EMBEDDER, PACE = options_of(_judge), options_of(_embedder), options_of(_pace)
SHARED = frozenset(o.name for o in (*JUDGE, *EMBEDDER))


def own_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the scorer's function takes itself."""
    return {k: v for k, v in options.items() if k not in SHARED}


def judge_tier(options: Mapping[str, Any], which: Literal["model", "embedding_model"]) -> Tier:
    """The model that the options name, as a tier; raises BadInput where they name none."""
    model = (options.get(which) or "").strip()
    if not model:
        kind = "judges" if which == "model" else "embeds"
        raise BadInput(f"Say which model {kind}: option {which}, a LiteLLM name such as "
                       f"{'openai/gpt-5' if which == 'model' else 'openai/text-embedding-3-small'}.")  # fmt: skip
    if model.startswith("sim/"):
        raise BadInput(f"A simulated model cannot grade: option {which} is {model!r}.")
    if which == "embedding_model":
        per_1m = options.get("embedding_per_1m")
        return Tier("embedding model", model, options.get("embedding_api_base"), options.get("embedding_api_key_env"),
                    per_1m, None if per_1m is None else 0.0, rpm=options.get("rpm"))  # fmt: skip
    params = {"max_tokens": options.get("max_tokens", MAX_TOKENS)}
    if options.get("temperature") is not None:
        params["temperature"] = options["temperature"]
    names = ("api_base", "api_key_env", "input_per_1m", "output_per_1m", "rpm")
    return Tier("judge", model, params=params, **{n: options.get(n) for n in names})


def asking_scorer(
    name: str, *, summary: str, version: str, requests: int, prompt_tokens: int, needs: str, cost: str, needs_reference: bool = False,
    embedder: bool = False, check: Callable[[Mapping[str, Any]], None] = lambda options: None,
    off: Callable[[bool], str | None] = lambda thorough: None,
) -> Callable[[Callable[..., Awaitable[Score]]], Scorer]:  # fmt: skip
    """Register a scorer that asks a judge, and an embedding model with `embedder`. The rest as in `Scorer` and `Asking`."""

    def register(function: Callable[..., Awaitable[Score]]) -> Scorer:
        asking = Asking(function, requests, prompt_tokens, version, embedder=embedder, check=check)
        options = (*JUDGE, *(EMBEDDER if embedder else ()), *options_of(function))
        return SCORERS.add(name)(Scorer(name, alone(name), summary, needs_reference, (), order(options), needs, cost, off, asking))

    return register


def order(options: Sequence[Option]) -> tuple[Option, ...]:
    """Which model, what is asked of it, and last what changes no grade."""
    return tuple(sorted(options, key=lambda o: (o.name not in ("model", "models"), ASIDE in o.marks)))


def alone(name: str) -> Callable[..., Score]:
    """What such a scorer says to an answer where nothing can be asked."""

    def function(output: str, sample: Sample, **options: Any) -> Score:
        return unscored(f"{name} asks a model: it grades the answers of a run, and not an answer by itself")

    return function
