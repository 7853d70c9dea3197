"""Scorers that compare text: against hand computation and against the libraries whose measures they give."""

import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from tierwise.scorers import SCORERS
from tierwise.scorers.text import MAX_TEXT, normalise, tokens
from tierwise.types import Sample

PAIRS = [
    ("The cat sat on the mat.", "A cat was sitting on the mat."), ("Refund within 30 days",
    "Refunds are given within 30 days of purchase."),
    ("no", "The quick brown fox jumps over the lazy dog"), ("Paris, France", "Paris"), ("x y z", "z y x"),
    ("It's a self-contained e-mail; 3.5 per cent, isn't it?", "It is a self contained email, 3.5 percent."), ("one", "one one one"),
]  # fmt: skip
VOCABULARY = ["the", "cat", "sat", "on", "a", "mat", "and", "dogs", "ran", "3.5", "miles"]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)


def value(name: str, output: str, reference: str, **options) -> float | None:
    return SCORERS[name](output, Sample("s", "q", reference), **options).value


def test_normalising_follows_squad_and_keeps_numbers_apart():
    assert normalise("  The Quick, brown  FOX! ") == "quick brown fox"
    assert normalise("An apple a day") == "apple day" and normalise("theatre") == "theatre"
    assert normalise("3.5") == "3.5" != normalise("35") and normalise("-5") == normalise("−5") == "-5" != normalise("5")
    assert normalise("e-mail") == "email" and normalise("ＡＢＣ") == "abc" and normalise("Straße") == "strasse"
    assert normalise("x < 5") != normalise("x > 5") and normalise("$5") == "5" and normalise("???") == "???"


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_normalising_twice_changes_nothing_more_to_the_verdict(text):
    assert value("normalized_exact", text, text) in (1.0, None)
    assert value("normalized_exact", f" {text}\n", text) in (1.0, None)


def squad_normalise(text: str) -> str:
    """As in the SQuAD evaluation script, for plain English."""
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(w for w in kept.split() if w not in ("a", "an", "the"))


@given(WORDS, WORDS)
@settings(max_examples=100, deadline=None)
def test_token_f1_is_the_harmonic_mean_of_precision_and_recall(output, reference):
    got, wanted = (squad_normalise(t.replace("3.5", "number")).split() for t in (output, reference))
    assume(got and wanted)  # a text of articles alone stays as it is
    common = sum(min(got.count(w), wanted.count(w)) for w in set(got))
    precision, recall = common / len(got), common / len(wanted)
    f1 = 2 * precision * recall / (precision + recall) if common else 0.0
    assert value("token_f1", output, reference) == pytest.approx(f1, abs=1e-12)


def test_token_f1_by_hand():
    # 3 of 4 words of the answer are among the 5 of the reference: P = 3/4, R = 3/5, F1 = 2/3
    assert value("token_f1", "big red fox ran", "the red fox ran away today") == pytest.approx(2 / 3)
    assert value("token_f1", "fox fox fox", "fox") == pytest.approx(0.5), "a repeated word counts once"
    assert tokens("東京 is 大きい") == ["東", "京", "is", "大", "き", "い"]


@pytest.mark.parametrize(("output", "reference"), PAIRS)
def test_rouge_bleu_and_chrf_are_those_of_their_libraries(output, reference):
    rouge = RougeScorer(["rougeL"], use_stemmer=False).score(reference, output)["rougeL"].fmeasure
    assert value("rouge_l", output, reference) == pytest.approx(rouge, abs=1e-12)
    bleu = BLEU(effective_order=True).sentence_score(output, [reference]).score / 100
    assert value("bleu", output, reference) == pytest.approx(min(bleu, 1), abs=1e-12)
    assert value("chrf", output, reference) == pytest.approx(CHRF().sentence_score(output, [reference]).score / 100, abs=1e-12)


@given(WORDS)
@settings(max_examples=50, deadline=None)
def test_equal_texts_score_one_and_never_more(text):
    for name in ("rouge_l", "bleu", "chrf"):
        assert value(name, text, text) == pytest.approx(1, abs=1e-9)
        assert value(name, text, text) <= 1, "libraries give 1.0000000000000004"


@given(WORDS, WORDS)
@settings(max_examples=50, deadline=None)
def test_overlap_measures_do_not_depend_on_the_direction_of_their_f_measure(output, reference):
    for name in ("token_f1", "rouge_l"):
        assert value(name, output, reference) == pytest.approx(value(name, reference, output), abs=1e-12)


def test_exact_and_includes():
    assert value("exact", "Yes", "Yes\n") == 1 and value("exact", "Yes", "Yes\n", strip=False) == 0
    assert value("exact", "e\u0301", "é") == 0, "character for character"
    assert value("includes", "cafe\u0301", "café") == 1, "composed and decomposed letters are the same"
    assert value("includes", "the Straße", "STRASSE") == 1
    assert value("includes", "a.c", "a.c", whole_words=True) == 1 and value("includes", "abc", "a.c", whole_words=True) == 0, "no pattern"
    assert value("includes", "scattered", "cat") == 1 and value("includes", "scattered", "cat", whole_words=True) == 0


def test_a_text_too_long_for_a_measure_is_unscored_in_words_or_cut():
    found = SCORERS["rouge_l"]("word " * 3000, Sample("s", "q", "other " * 3000))
    assert found.value is None and found.reason == "3,000 words against 3,000 is too long for ROUGE-L; use token_f1 or chrf"
    assert value("token_f1", "w " * MAX_TEXT, "w") is not None
