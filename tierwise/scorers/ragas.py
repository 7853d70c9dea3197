"""Metrics of ragas, one answer at a time and through our own calls: the only file that imports ragas, and it does so on first use.

Ragas asks by itself again and again, swallows errors, reports usage and gives a half-failed metric a number. Here each of its requests
goes over the bench, ends at the first failure, and what is no number between 0 and 1 is unscored. Without ragas these scorers are off.
"""

import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from tierwise import settings
from tierwise.errors import BadInput
from tierwise.scorers.asking import Answer, Bench, Unusable, asking_scorer
from tierwise.scorers.judge import RUBRIC, chat_about, check, json_of, parse_levels
from tierwise.scorers.score import LONG, Score, scorer, unscored
from tierwise.scorers.text import MAX_LCS_CELLS, MAX_TEXT
from tierwise.types import Sample

VERSION = "ragas 0.4.3"
ACCURACY_RATINGS = (0, 2, 4)
INPUT, OUTPUT = "\nNow perform the same with the following input\ninput: ", "\nOutput: "
"""Between these ragas puts what is to be judged."""

INSTALL = "Install it with: pip install -r requirements.txt."
SYSTEM = """{task}

{rules}

Reply with one JSON object as described above and nothing else."""

_broken: list[str] = []


def off(thorough: bool) -> str | None:
    """Why the metrics of ragas cannot be used, or None; the import takes seconds, so it is tried only when `thorough`."""
    if _broken:
        return _broken[0]
    if not library.cache_info().currsize:
        if why := _plainly_missing():
            return why
        if thorough:
            try:
                library()
            except Exception as error:  # whatever a library raises at its import, the app goes on
                _broken.append(f"ragas could not be loaded ({type(error).__name__}: {error}). {INSTALL}"[:400])
                return _broken[0]
    return None


def _plainly_missing() -> str | None:
    if find_spec("ragas") is None:
        return f"the package ragas is not installed. {INSTALL}"
    community = find_spec("langchain_community")
    needed = Path((community.submodule_search_locations or [""])[0], "chat_models", "vertexai.py") if community else None
    if needed is None or not needed.exists():
        return f"ragas needs langchain-community 0.4.1, and another one is installed. {INSTALL}"
    return None


@cache
def library() -> SimpleNamespace:
    """Ragas, with its judge and its embedding model taken from a bench."""
    settings.quiet_libraries()
    from ragas import _analytics
    from ragas.embeddings.base import BaseRagasEmbedding
    from ragas.llms.base import InstructorBaseRagasLLM
    from ragas.metrics import DiscreteMetric, collections

    _analytics.user_data_dir = _nowhere  # it writes a mark of its user there, though it reports nothing

    class Judge(InstructorBaseRagasLLM):
        """What ragas asks goes to the bench. After one thing wrong it asks no more, whatever ragas makes of it."""

        def __init__(self, bench: Bench) -> None:
            self.bench = bench
            self.problem: Exception | None = None

        def generate(self, prompt: str, response_model: Any) -> Any:
            raise NotImplementedError("asked on the event loop only")

        async def agenerate(self, prompt: str, response_model: Any) -> Any:
            if self.problem is not None:
                raise self.problem
            try:
                found = _validated(await self.bench.ask(_fenced_again(prompt), response_model.model_json_schema()), response_model)
            except Exception as error:
                self.problem = error
                raise
            return found

    class Vectors(BaseRagasEmbedding):
        def __init__(self, bench: Bench) -> None:
            super().__init__()
            self.bench = bench

        def embed_text(self, text: str, **_: Any) -> list[float]:
            raise NotImplementedError("asked on the event loop only")

        async def aembed_text(self, text: str, **_: Any) -> list[float]:
            return (await self.bench.embed([text]))[0]

        async def aembed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:
            return await self.bench.embed(texts)

    return SimpleNamespace(metrics=collections, DiscreteMetric=DiscreteMetric, Judge=Judge, Vectors=Vectors)


def _nowhere(*_: object, **__: object) -> str:
    raise OSError("ragas keeps nothing")


def _fenced_again(prompt: str) -> list[dict[str, str]]:
    """Ragas' one text as instructions and, between fences, what is judged. It writes that as JSON, so no answer can forge the mark."""
    task, mark, rest = prompt.partition(INPUT)
    if not mark:
        raise Unusable("ragas asks in a way that this version of Tierwise does not know")
    return chat_about(SYSTEM, json_of(rest.removesuffix(OUTPUT)), "Output:", task=task.rstrip("- \n"))


def _validated(reply: str, response_model: Any) -> Any:
    """A reply as ragas wants it.

    Raises:
        Unusable: it is not that, or holds a verdict that there is not, or nothing to give one on.
    """
    try:
        found = response_model.model_validate(json_of(reply))
    except ValueError:
        raise Unusable(f"the judge's reply is not what ragas asked for: {reply[:160]!r}") from None
    if getattr(found, "rating", 0) not in ACCURACY_RATINGS:
        raise Unusable(f"the judge's rating is {found.rating}, and not 0, 2 or 4")
    for name in ("claims", "statements", "question"):
        if hasattr(found, name) and not getattr(found, name):
            told = "the judge wrote no question" if name == "question" else "the judge found no claim in the text that could be checked"
            raise Unusable(told)
    if any(getattr(s, "verdict", 0) not in (0, 1) for s in getattr(found, "statements", ())):
        raise Unusable("the judge's verdict on a claim is neither 0 nor 1")
    return found


def number(value: object, low: float = 0.0, high: float = 1.0) -> float:
    """What a metric gave, on a scale of 0 to 1; raises Unusable where it is none."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise Unusable("ragas gave no number")
    found = (value - low) / (high - low)
    if not -1e-6 <= found <= 1 + 1e-6:
        raise Unusable(f"ragas gave {value:g}, outside {low:g} to {high:g}")
    return min(max(found, 0.0), 1.0)


def now(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that awaits nothing: ragas' metrics without a model are async in name only."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise Unusable("ragas waits for something where it should compute")


@lru_cache(16)
def _metric(name: str) -> Any:
    return getattr(library().metrics, name)()


def _computed(name: str, output: str, sample: Sample) -> Score:
    return Score(number(now(_metric(name).ascore(reference=sample.reference, response=output[:MAX_TEXT])).value))


def _ragas_scorer(name: str, summary: str, examples: Sequence[Any]) -> Callable:
    return scorer(name, summary=summary, examples=examples, needs="A right answer for each prompt, and the package ragas.", off=off)


@_ragas_scorer("ragas_exact_match", "ExactMatch of ragas: the answer is the reference, letter for letter",
               [("Paris", "Paris", 1), ("paris", "Paris", 0), ("x", None, None)])  # fmt: skip
def ragas_exact_match(output: str, sample: Sample) -> Score:
    """As `exact`."""
    return _computed("ExactMatch", output, sample)


@_ragas_scorer("ragas_rouge", "RougeScore of ragas: longest common run of English word stems (ROUGE-L)",
               [("the cats sat", "the cat sat", 1), ("dog", "the cat sat", 0), ("x", None, None)])  # fmt: skip
def ragas_rouge(output: str, sample: Sample) -> Score:
    """Unlike `rouge_l` it takes English stems, and sees no letters but those of English."""
    if len(output[:MAX_TEXT].split()) * len(sample.reference.split()) > MAX_LCS_CELLS:
        return unscored("the texts are too long for ROUGE-L; use token_f1 or chrf")
    return _computed("RougeScore", output, sample)


@_ragas_scorer("ragas_chrf", "CHRFScore of ragas: character sequences in common with the reference",
               [("the cat sat", "the cat sat", 1), ("zzzz", "the cat", 0), ("x", None, None)])  # fmt: skip
def ragas_chrf(output: str, sample: Sample) -> Score:
    """sacrebleu's corpus chrF of one pair."""
    return _computed("CHRFScore", output, sample)


@_ragas_scorer("ragas_bleu", "BleuScore of ragas, put right: word sequences in common with the reference, for the whole text",
               [("the cat sat on the mat", "the cat sat on the mat", 1), ("dog", "the cat sat", 0), ("x", None, None)])  # fmt: skip
def ragas_bleu(output: str, sample: Sample) -> Score:
    """By sacrebleu itself: ragas pairs the sentences off, so that one more or less of them gives 0, and goes above 1."""
    from tierwise.scorers.text import bleu

    return bleu(output, sample)


def _question(sample: Sample) -> str:
    """The user's last words."""
    text = next((m["content"] for m in reversed(sample.chat()) if m["role"] == "user"), "")
    if not text.strip():
        raise Unusable("the prompt is empty")
    return text


async def _asked(judge: Any, work: Coroutine[Any, Any, Any]) -> Any:
    """The metric's result, unless anything went wrong on the way: ragas averages over what is left, or calls it nothing."""
    try:
        result = await work
    except Exception:
        if judge.problem is not None:
            raise judge.problem from None
        raise
    if judge.problem is not None:
        raise judge.problem
    return result


JUDGED = {"version": VERSION, "off": off}
NEEDS = "A model to judge, and the package ragas"


@asking_scorer("ragas_answer_accuracy", summary="AnswerAccuracy of ragas: agreement with the reference, the mean of two ratings",
               requests=2, prompt_tokens=420, needs=f"{NEEDS}; a right answer for each prompt.", cost="Two requests for each answer.",
               needs_reference=True, **JUDGED)  # fmt: skip
async def ragas_answer_accuracy(answer: Answer, bench: Bench) -> Score:
    """Rated 0, 2 or 4, once with answer and reference the other way round."""
    lib = library()
    judge = lib.Judge(bench)
    work = lib.metrics.AnswerAccuracy(llm=judge).ascore(_question(answer.sample), answer.output, answer.sample.reference)
    return Score(number((await _asked(judge, work)).value))


@asking_scorer("ragas_factual_correctness", summary="FactualCorrectness of ragas: claims in common with the reference",
               requests=4, prompt_tokens=900, needs=f"{NEEDS}; a right answer for each prompt.",
               cost="Four long requests for each answer, two when only precision is asked.", needs_reference=True, **JUDGED)  # fmt: skip
async def ragas_factual_correctness(
    answer: Answer, bench: Bench, *,
    mode: Annotated[
        Literal["f1", "precision", "recall"], "Precision: claims of the answer that hold. Recall: of the reference, that it makes"
    ] = "f1",
    atomicity: Annotated[Literal["low", "high"], "High takes sentences apart into small claims"] = "low",
    coverage: Annotated[Literal["low", "high"], "High takes every claim, low the main ones"] = "low",
) -> Score:  # fmt: skip
    """Texts are taken apart into claims, and each is checked against the other text. One without a claim is unscored."""
    lib = library()
    judge = lib.Judge(bench)
    metric = lib.metrics.FactualCorrectness(llm=judge, mode=mode, atomicity=atomicity, coverage=coverage)
    return Score(number((await _asked(judge, metric.ascore(response=answer.output, reference=answer.sample.reference))).value))


@asking_scorer("ragas_faithfulness", summary="Faithfulness of ragas: share of the answer's claims that the prompt's context supports",
               requests=2, prompt_tokens=900, needs=f"{NEEDS}; a context with each prompt.", cost="Two requests for each answer.",
               **JUDGED)  # fmt: skip
async def ragas_faithfulness(answer: Answer, bench: Bench) -> Score:
    """For answers from documents. It asks whether they say so, not whether it is right."""
    if not (answer.sample.context or "").strip():
        return unscored("the prompt has no context to hold the answer against")
    lib = library()
    judge = lib.Judge(bench)
    question = answer.sample.input or _question(answer.sample)
    work = lib.metrics.Faithfulness(llm=judge).ascore(question, answer.output, [answer.sample.context])
    return Score(number((await _asked(judge, work)).value))


@asking_scorer("ragas_answer_relevancy", summary="AnswerRelevancy of ragas (once ResponseRelevancy): does it answer what was asked",
               requests=5, prompt_tokens=450, needs=f"{NEEDS}; an embedding model.",
               cost="A request for each question and two for vectors, for each answer: five as a rule.", embedder=True,
               **JUDGED)  # fmt: skip
async def ragas_answer_relevancy(
    answer: Answer, bench: Bench, *, questions: Annotated[int, "So many are written for the answer, and compared with the prompt"] = 3
) -> Score:
    """A judge writes questions that the answer would answer; the score is their nearness to the prompt, 0 for an evasive answer."""
    lib = library()
    judge = lib.Judge(bench)
    metric = lib.metrics.AnswerRelevancy(llm=judge, embeddings=lib.Vectors(bench), strictness=min(max(questions, 1), 10))
    found = (await _asked(judge, metric.ascore(_question(answer.sample), answer.output))).value
    return Score(number(max(found, 0.0) if isinstance(found, float) else found))


STEPS = """1: entirely wrong, beside the point, or against the reference
2: partly right, with major errors or gaps
3: mostly right, with some errors or gaps
4: right, with small slips
5: entirely right and complete"""


def _steps(text: str) -> dict[str, str]:
    """`1: what it means` on five lines, as ragas names them."""
    found = dict(line.split(":", 1) for line in text.strip().splitlines() if ":" in line)
    steps = {f"score{k.strip()}_description": v.strip() for k, v in found.items()}
    if list(steps) != [f"score{i}_description" for i in range(1, 6)]:
        raise BadInput("Option steps has five lines, from '1: the worst' to '5: the best'.")
    return steps


def _check_steps(options: Mapping[str, Any]) -> None:
    _steps(options.get("steps", STEPS))


@asking_scorer("ragas_rubric", summary="DomainSpecificRubrics of ragas: a step from 1 to 5 by your description of each",
               requests=1, prompt_tokens=900, needs=f"{NEEDS}. A reference makes it surer.", cost="One request for each answer.",
               check=_check_steps, **JUDGED)  # fmt: skip
async def ragas_rubric(answer: Answer, bench: Bench, *, steps: Annotated[str, "What each step from 1 to 5 means", LONG] = STEPS) -> Score:
    """1 becomes 0 and 5 becomes 1."""
    lib, sample = library(), answer.sample
    judge = lib.Judge(bench)
    metric = lib.metrics.DomainSpecificRubrics(llm=judge, rubrics=_steps(steps))
    work = metric.ascore(_question(sample), answer.output, [sample.context] if sample.context else None, None, sample.reference)
    result = await _asked(judge, work)
    return Score(number(result.value, 1.0, 5.0), f"{result.value:g} of 5: {result.reason or ''}"[:2000])


@asking_scorer("ragas_discrete", summary="DiscreteMetric of ragas: one of your named levels", requests=1, prompt_tokens=300,
               needs=f"{NEEDS}. A reference makes it surer.", cost="One request for each answer.", check=check, **JUDGED)  # fmt: skip
async def ragas_discrete(
    answer: Answer, bench: Bench, *,
    rubric: Annotated[str, "What the judge goes by", LONG] = RUBRIC,
    levels: Annotated[str, "Named levels, as in fail=0, pass=1"] = "fail=0, pass=1",
) -> Score:  # fmt: skip
    """As `llm_judge` with levels, in ragas' words."""
    lib, named = library(), parse_levels(levels)
    judge = lib.Judge(bench)
    metric = lib.DiscreteMetric(name="level", prompt="{task}" + INPUT + "{data}" + OUTPUT, allowed_values=list(named))
    task = f"{rubric.strip()}\n\nGive `reason`, in at most three sentences, and `value`: one of {', '.join(named)}."
    sample = answer.sample
    data = {"request": sample.chat(), "answer": answer.output} | ({"reference": sample.reference} if sample.reference else {})
    result = await _asked(judge, metric.ascore(llm=judge, task=task, data=json.dumps(data)))
    if result.value not in named:
        raise Unusable(f"the judge's level is none of {', '.join(named)}")
    return Score(named[result.value], f"{result.value}: {result.reason or ''}"[:2000])
