"""The prompt sets that ship: whole, gradable, honest about what they hold."""

import contextlib
import io
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tierwise.types import Sample

FOLDER = Path(__file__).resolve().parent.parent / "evalsets"
NAMES = sorted(p.stem for p in FOLDER.glob("*.jsonl"))
KEYS = {"id", "input", "reference", "request_type", "context", "system", "cluster", "metadata"}
REQUEST_TYPES = {"classification", "extraction", "summarisation", "contract_qa", "document_qa", "reasoning", "arithmetic", "code"}
SCORER_NAMES = {
    "exact": "exact",
    "normalized_exact": "normalised exact",
    "includes": "includes",
    "numeric": "numeric",
    "json": "JSON",
    "multiple_choice": "multiple choice",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
}


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def samples(name: str) -> list[Sample]:
    return [Sample(**row) for row in rows(name)]


EVERY = [(name, sample) for name in NAMES for sample in samples(name)]


def wrong(sample: Sample) -> str:
    """An answer of the right shape that is not the reference."""
    reference, kind = sample.reference, sample.metadata["scorer"]
    if kind == "numeric":
        return str(float(reference) + 1)
    if kind == "multiple_choice":
        return "ABCD"["ABCD".index(reference) - 1]
    if kind == "json":
        first, *_ = parsed = json.loads(reference)
        return json.dumps(parsed | {first: "something else"})
    return "quite unrelated"


def test_there_are_enough_of_them():
    assert len(NAMES) >= 4
    assert "support-mix" in NAMES
    assert len(EVERY) >= 240
    assert len(rows("support-mix")) >= 150


def test_every_request_type_of_the_demonstration_is_there():
    assert {row["request_type"] for row in rows("support-mix")} == REQUEST_TYPES


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_well_formed(name):
    text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n") and "\n\n" not in text
    ids = [row["id"] for row in rows(name)]
    assert len(set(ids)) == len(ids)
    for row in rows(name):
        assert set(row) <= KEYS, row["id"]
        assert row["input"].strip() and row["reference"].strip(), row["id"]
        assert row["request_type"] in REQUEST_TYPES, row["id"]
        assert row["metadata"]["scorer"] in SCORER_NAMES, row["id"]


def test_no_two_prompts_are_identical_over_all_sets():
    seen = Counter(json.dumps(sample.chat()) for _, sample in EVERY)
    assert [prompt[:80] for prompt, times in seen.items() if times > 1] == []


def test_prompts_on_one_document_share_a_cluster():
    families = defaultdict(set)
    for name, sample in EVERY:
        if sample.context:
            families[sample.context].add((name, sample.cluster))
    counts = Counter(sample.context for _, sample in EVERY if sample.context)
    for context, family in families.items():
        assert len(family) == 1, "a document belongs to one set and one cluster"
        assert counts[context] == 1 or next(iter(family))[1] is not None


def test_a_simple_question_comes_with_a_document_of_over_6000_tokens():
    longest = max((sample for _, sample in EVERY), key=lambda sample: len(sample.chat()[-1]["content"]))
    assert len(longest.chat()[-1]["content"]) // 4 > 6000
    assert "WARRANTY CLAIM" in longest.context
    assert longest.reference in longest.context


def test_a_long_document_does_not_repeat_itself():
    for context in {sample.context for _, sample in EVERY if sample.context and len(sample.context) > 6000}:
        sentences = [s for s in re.split(r"(?<=[.!?])\s+|\n", context) if len(s) > 60]
        assert len(sentences) > 15
        assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_one_of_those_offered(name):
    letters = Counter()
    for sample in samples(name):
        if sample.metadata["scorer"] == "multiple_choice":
            assert re.findall(r"^([A-D])\. ", sample.input, re.M) == list("ABCD"), sample.id
            assert sample.reference in "ABCD"
            letters[sample.reference] += 1
        if sample.request_type == "classification":
            labels = re.search(r"one label: ([^.\n]+)\.", sample.input)[1].split(", ")
            assert sample.reference in labels, sample.id
        if "nswer yes or no" in sample.input:
            assert sample.reference in {"yes", "no"}, sample.id
        if offered := re.search(r"nswer with one of: ([^.\n]+)\.", sample.input):
            assert sample.reference in offered[1].split(", "), sample.id
    if letters.total() >= 8:
        assert max(letters.values()) <= letters.total() / 2, "one letter for all must not do well"


@pytest.mark.parametrize("name", NAMES)
def test_json_references_have_the_keys_the_prompt_asks_for(name):
    for sample in samples(name):
        if sample.metadata["scorer"] == "json":
            for key in json.loads(sample.reference):
                assert re.search(rf"\b{key}\b", sample.input), (sample.id, key)


@pytest.mark.parametrize("sample", [s for _, s in EVERY if s.request_type == "code" and "program print" in s.input], ids=lambda s: s.id)
def test_programs_print_their_reference(sample):
    source = re.search(r"```python\n(.*?)```", sample.input, re.S)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, sample.id, "exec"), {"__name__": "__main__"})
    assert printed.getvalue().rstrip("\n") == sample.reference


@pytest.mark.parametrize("name", NAMES)
def test_references_are_right_answers_and_wrong_ones_are_not(name):
    from tierwise.scorers import SCORERS

    for sample in samples(name):
        score = SCORERS[sample.metadata["scorer"]]
        options = sample.metadata.get("scorer_options", {})
        right = score(sample.reference, sample, **options)
        assert right.value == pytest.approx(1), (sample.id, right)
        assert score(wrong(sample), sample, **options).value < 0.5, (sample.id, wrong(sample))


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_loads_what_the_file_says(name):
    from tierwise.evalsets import load_shipped

    loaded = load_shipped(name)
    assert loaded.name == name
    assert [(s.id, s.input, s.reference, s.request_type, s.context, s.cluster, dict(s.metadata)) for s in loaded.samples] == [
        (s.id, s.input, s.reference, s.request_type, s.context, s.cluster, dict(s.metadata)) for s in samples(name)
    ]


def test_shipped_lists_every_set_with_its_title_and_size():
    from tierwise.evalsets import shipped

    listed = {s.name: s for s in shipped()}
    assert sorted(listed) == NAMES
    for name, entry in listed.items():
        assert entry.size == len(rows(name))
        assert (FOLDER / f"{name}.md").read_text(encoding="utf-8").startswith(f"# {entry.title}\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_card_agrees_with_the_file(name):
    card = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    table = {m[0]: (int(m[1]), set(m[2].split(", "))) for m in re.findall(r"^\| (\w+) \| (\d+) \| (.+) \|$", card, re.M)}
    counted, graded = Counter(), defaultdict(set)
    for row in rows(name):
        counted[row["request_type"]] += 1
        graded[row["request_type"]].add(SCORER_NAMES[row["metadata"]["scorer"]])
    assert table == {kind: (n, graded[kind]) for kind, n in counted.items()}
    assert f"| **Total** | **{len(rows(name))}** |" in card
    clustered = [row["cluster"] for row in rows(name) if "cluster" in row]
    if clustered:
        assert f"{len(clustered)} prompts share {len(set(clustered))} documents" in card
    for heading in ("## How it is graded", "## Licence", "## Limits"):
        assert heading in card
