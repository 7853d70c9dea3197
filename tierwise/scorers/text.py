"""Scorers that compare an answer with its reference as text."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Annotated

from tierwise.scorers.score import Score, scorer, unscored
from tierwise.types import Sample

MAX_PATTERN = 500
MAX_TEXT = 200_000
"""Characters; beyond these a pattern or an answer is unscored, since it could hold up the server."""

MAX_LCS_CELLS = 4_000_000
"""ROUGE-L compares every word with every word: about a second's work."""

ARTICLES = re.compile(r"\b(?:a|an|the)\b")
IDEOGRAPHS = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])")
PARTS_OF_NUMBERS = re.compile(r"(?<=\d)\.(?=\d)|(?<![\w)\]])-(?=\.?\d)")


class _Punctuation(dict):
    """Maps code points of punctuation and of symbols that are not mathematical to nothing, and learns as it goes."""

    def __missing__(self, code: int) -> int | None:
        kind = unicodedata.category(chr(code))
        self[code] = None if kind[0] == "P" or kind in ("Sc", "Sk", "So") else code
        return self[code]


PUNCTUATION = _Punctuation()
KEPT = {".": "\ue000", "-": "\ue001"}  # private-use marks that carry a number's point and sign past the punctuation


def normalise(text: str) -> str:
    """Text without case, punctuation, articles and extra space, as in the SQuAD evaluation script.

    Beyond it: Unicode compatibility forms are folded (NFKC), and the sign and point of a number are kept, so 3.5 is not 35.
    An answer of punctuation alone stays as it is.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2212", "-")
    marked = PARTS_OF_NUMBERS.sub(lambda m: KEPT[m[0]], folded)
    bare = ARTICLES.sub(" ", marked.translate(PUNCTUATION))
    words = " ".join(bare.split()).replace(KEPT["."], ".").replace(KEPT["-"], "-")
    return words or " ".join(folded.split())


@lru_cache(4096)
def _normalised_reference(text: str) -> str:
    return normalise(text)


def tokens(text: str) -> list[str]:
    """The words of `normalise(text)`; Chinese, Japanese and Korean characters count as a word each."""
    return IDEOGRAPHS.sub(r" \1 ", normalise(text)).split()


@scorer("exact", summary="The answer is the reference, character for character", examples=[
    ("yes", "yes", 1), (" yes\n", "yes", 1), ("Yes", "yes", 0), (" yes", "yes", 0, {"strip": False}), ("x", None, None)])  # fmt: skip
def exact(output: str, sample: Sample, *, strip: Annotated[bool, "Ignore space before and after"] = True) -> Score:
    """1 when equal. Surrounding space does not count unless `strip` is off."""
    same = output.strip() == sample.reference.strip() if strip else output == sample.reference
    return Score(1.0) if same else Score(0.0)


@scorer("normalized_exact", summary="The same words; case, punctuation, articles and spacing do not count", examples=[
    ("The Galway.", "galway", 1), ("ＹＥＳ!", "yes", 1), ("3.5", "35", 0), ("−5", "-5", 1), ("5", "-5", 0), ("no", "yes", 0),
    ("???", "?", 0), ("x > 5", "x < 5", 0), ("x", None, None)])  # fmt: skip
def normalized_exact(output: str, sample: Sample) -> Score:
    """1 when equal after `normalise`."""
    return Score(1.0) if normalise(output[:MAX_TEXT]) == _normalised_reference(sample.reference) else Score(0.0)


@scorer("includes", summary="The answer contains the reference", examples=[
    ("The capital is Paris.", "paris", 1), ("PARIS", "Paris", 0, {"ignore_case": False}), ("London", "Paris", 0), ("a party", "art", 1),
    ("a party", "art", 0, {"whole_words": True}), ("It is C++.", "c++", 1, {"whole_words": True}), ("x", None, None)])  # fmt: skip
def includes(
    output: str, sample: Sample, *,
    ignore_case: Annotated[bool, "Capital and small letters are the same"] = True,
    whole_words: Annotated[bool, "The reference must not be part of a longer word"] = False,
) -> Score:  # fmt: skip
    """1 when the reference, without surrounding space, occurs in the answer."""
    text, wanted = unicodedata.normalize("NFC", output), unicodedata.normalize("NFC", sample.reference.strip())
    if ignore_case:
        text, wanted = text.casefold(), wanted.casefold()
    if whole_words:
        return Score(float(re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None))
    return Score(float(wanted in text))


@scorer("token_f1", summary="Share of words in common with the reference (F1, as in SQuAD)", examples=[
    ("the red fox", "red fox", 1), ("red fox", "red dog", 0.5), ("cat", "dog", 0), ("東京都", "東京", 0.8), ("x", None, None)])  # fmt: skip
def token_f1(output: str, sample: Sample) -> Score:
    """Harmonic mean of precision and recall over the bag of words (Rajpurkar et al. 2016)."""
    got, wanted = Counter(tokens(output[:MAX_TEXT])), Counter(tokens(sample.reference))
    common, total = (got & wanted).total(), got.total() + wanted.total()
    value = 2 * common / total if total else 1.0
    return Score(value, f"{common} of {wanted.total()} reference words, in {got.total()}")


class Words:
    """Tokens for ROUGE: letters and digits of any script, lower case. On English text the same as rouge-score's own."""

    def tokenize(self, text: str) -> list[str]:
        return IDEOGRAPHS.sub(r" \1 ", re.sub(r"[\W_]+", " ", text.lower())).split()


@lru_cache(1)
def _rouge():
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=Words())


@scorer("rouge_l", summary="Longest run of words in common order with the reference (ROUGE-L)", examples=[
    ("the cat sat", "the cat sat", 1), ("the cat", "the cat sat", 0.8), ("dog", "the cat sat", 0), ("привет мир", "привет мир", 1),
    ("x", None, None)])  # fmt: skip
def rouge_l(output: str, sample: Sample) -> Score:
    """ROUGE-L F-measure by the rouge-score library, without stemming."""
    cut = output[:MAX_TEXT]
    words = len(Words().tokenize(cut)), len(Words().tokenize(sample.reference))
    if words[0] * words[1] > MAX_LCS_CELLS:
        return unscored(f"{words[0]:,} words against {words[1]:,} is too long for ROUGE-L; use token_f1 or chrf")
    return Score(_clip(_rouge().score(sample.reference, cut)["rougeL"].fmeasure))


@scorer("bleu", summary="Word sequences in common with the reference (BLEU)", examples=[
    ("the cat sat on the mat", "the cat sat on the mat", 1), ("dog", "the cat sat", 0), ("x", None, None)])  # fmt: skip
def bleu(output: str, sample: Sample) -> Score:
    """Sentence BLEU by sacrebleu, n-grams up to the length of the text (effective order), on a scale of 0 to 1."""
    from sacrebleu import sentence_bleu

    return Score(_clip(sentence_bleu(output[:MAX_TEXT], [sample.reference], use_effective_order=True).score / 100))


@scorer("chrf", summary="Character sequences in common with the reference (chrF)", examples=[
    ("the cat sat", "the cat sat", 1), ("zzzz", "the cat", 0), ("x", None, None)])  # fmt: skip
def chrf(output: str, sample: Sample) -> Score:
    """chrF2 by sacrebleu, on a scale of 0 to 1."""
    from sacrebleu import sentence_chrf

    return Score(_clip(sentence_chrf(output[:MAX_TEXT], [sample.reference]).score / 100))


@lru_cache(256)
def _compiled(pattern: str, ignore_case: bool):
    import re2

    settings = re2.Options()
    settings.log_errors = False
    settings.case_sensitive = not ignore_case
    return re2.compile(pattern, settings)


@scorer("regex", summary="The answer matches a pattern", needs_reference=False, examples=[
    ("Order 4417.", r"\d{4}", 1), ("no digits", r"\d+", 0), ("abc", r"^abc$", 1), ("ABC", "abc", 1, {"ignore_case": True}),
    ("xabc", "abc", 0, {"whole": True}), ("id 7", None, 1, {"pattern": r"id \d"}), ("x", r"(?=x)x", None), ("x", "(", None),
    ("x", "y" * 501, None), ("x", None, None)])  # fmt: skip
def regex(
    output: str, sample: Sample, *,
    pattern: Annotated[str | None, "The pattern for all prompts; without it each prompt's reference is its pattern"] = None,
    ignore_case: Annotated[bool, "Capital and small letters are the same"] = False,
    whole: Annotated[bool, "The whole answer must match, not a part of it"] = False,
) -> Score:  # fmt: skip
    """1 when the pattern is found. RE2 syntax: linear time, hence no lookaround and no backreferences."""
    import re2

    wanted = sample.reference if pattern is None else pattern
    if wanted is None or not wanted.strip():
        return unscored("there is no pattern: give one as an option, or as the prompt's reference")
    if len(wanted) > MAX_PATTERN:
        return unscored(f"the pattern is longer than {MAX_PATTERN} characters")
    if len(output) > MAX_TEXT:
        return unscored(f"the answer is longer than {MAX_TEXT:,} characters")
    wanted, output = (text.encode("utf-8", "replace").decode() for text in (wanted, output))  # half a surrogate pair is no UTF-8
    try:
        compiled = _compiled(wanted, ignore_case)
    except re2.error as error:
        message = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        return unscored(f"the pattern cannot be used (RE2 syntax, without lookaround or backreferences): {message}")
    found = compiled.fullmatch(output.strip()) if whole else compiled.search(output)
    return Score(1.0, f"found {found[0][:80]!r}") if found else Score(0.0)


def _clip(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)
