"""The prompt features that routers may use: their names and words for the screens. `evaluator.features` computes them.

To add one: compute it in `tierwise/reading.py` (it must run inside a gateway) and describe it here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tierwise import evaluator
from tierwise.registry import Registry
from tierwise.types import Sample


@dataclass(frozen=True)
class Feature:
    """One number known of a prompt before any model is called."""

    name: str
    title: str
    description: str
    counted: bool = False
    """The value is log(1 + count), so that screens and sentences can show the count."""

    def shown(self, value: float) -> str:
        """A value of this feature as a person reads it."""
        return f"{np.expm1(value):.0f}" if self.counted else f"{value:.2f}"


FEATURES: Registry[Feature] = Registry("feature")


def _add(name: str, title: str, description: str, counted: bool = False) -> None:
    FEATURES.add(name)(Feature(name, title, description, counted))


_add("log_tokens", "tokens", "Length of the last user message, four characters a token.", True)
_add("numbers", "numbers", "Numbers in the text.", True)
_add("number_share", "share of numbers", "Numbers among all words.")
_add("digit_share", "share of digits", "Digits among all characters.")
_add(
    "largest_number", "size of the largest number", "Digits before the point of the largest number, and a tenth for each unit of its first."
)
_add("decimals", "decimal numbers", "Numbers with a point.", True)
_add("money_percent", "money and per cent signs", "Signs such as $, € and %.", True)
_add("code_marks", "code marks", "Code fences, definitions, braces, arrows and calls.", True)
_add("maths_marks", "maths marks", "Operators, equals signs, TeX commands and sums between numbers.", True)
_add("question_marks", "question marks", "Question marks.", True)
_add("opens_what", "opens with what, which, who", "The first word asks for a fact.")
_add("asks_why_how", "asks why or how", "The words why or how occur.")
_add("blanks", "blanks", "Gaps to fill in, drawn as lines or dots.", True)
_add("lines", "lines", "Lines of text.", True)
_add("longest_line", "longest line", "Characters of the longest line.", True)
_add("sentences", "sentences", "Ends of sentences.", True)
_add("word_length", "word length", "Mean letters a word.")
_add("long_words", "share of long words", "Words of more than eight letters among all words.")
_add("distinct_words", "share of distinct words", "Different words among all words.")
_add("capitals", "share of capitals", "Capital letters among all characters.")
_add("non_ascii", "share of other scripts", "Characters outside plain English text.")
_add("list_items", "list items", "Lines that begin with a bullet or a number.", True)
_add("options", "answer options", "Lines that begin with A., B) and so on.", True)
_add("asks_json", "mentions JSON", "The word JSON or a JSON object occurs.")
_add("quotes", "quotation marks", "Opening or straight double quotation marks.", True)
_add("earlier_turns", "earlier turns", "User and assistant messages before the last one.", True)
_add("system_prompt", "system prompt", "A system message is there.")
_add("legal_words", "legal words", "Words such as liability, indemnify, clause.", True)
_add("code_words", "code words", "Words such as python, function, exception.", True)
_add("maths_words", "maths words", "Words such as solve, integral, how many.", True)
_add("reasoning_words", "reasoning words", "Words such as prove, explain, why, compare.", True)
_add("constraint_words", "constraint words", "Words such as must, exactly, only, without.", True)
_add("reference_words", "reference words", "Words that point at a document, table or passage.", True)
_add("simple_words", "simple-task words", "Words such as summarise, translate, classify, extract.", True)


def prompt_features(samples: Sequence[Sample]) -> np.ndarray:
    """(n, F) features of prompts in the order of FEATURES, read exactly as a gateway would read them."""
    rows = [evaluator.features(s.chat(), s.request_metadata()) for s in samples]
    return np.array([[row[name] for name in FEATURES] for row in rows], dtype=float).reshape(len(rows), len(list(FEATURES)))
