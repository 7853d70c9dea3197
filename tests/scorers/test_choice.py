"""Which of the offered letters an answer settles on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.scorers import SCORERS
from tierwise.scorers.choice import chosen_letter, offered
from tierwise.types import Sample

QUESTION = "What is the capital of France?\nA. Lyon\nB. Paris\nC. Nice\nD. The river Seine"


@pytest.mark.parametrize(("text", "letter"), [
    ("B", "B"), ("b", "B"), ("(B)", "B"), ("B.", "B"), ("**B**", "B"), (r"\boxed{B}", "B"), (r"$\boxed{\text{B}}$", "B"), ("B. Paris", "B"),
    ("The answer is B.", "B"), ("the correct answer is: (b)", "B"), ("Answer: B", "B"), ("**Answer:** B", "B"), ("Answer：B", "B"),
    ("Option B", "B"),
    ("I would choose B", "B"), ("The best choice is B) Paris", "B"), ("Final answer\nB", "B"), ("It is A? No.\nAnswer: C", "C"),
    ("A is tempting, but the answer is D", "D"), ("I think it is C", "C"), ("A man asked; C", "C"),
    ("B\nbecause A and C are cities too", "B"),
    ("Reasons follow.\n\nC", "C"), ("Surely (C), I would say", "C"), ("答案是B", "B"), ("Réponse : B", "B"), ("None of these (D)",
    "D")])  # fmt: skip
def test_the_letter_that_an_answer_settles_on(text, letter):
    assert chosen_letter(text)[0] == letter


@pytest.mark.parametrize("text", [
    "", "I do not know", "A or B", "The answer is A or B", "Answer: B or C", "The answer is (A) or (B).", "Answer: A/B",
    "A, B and C are cities",
    "The answer is a city", "I think a man did it", "The answer is not A but B", "answer"])  # fmt: skip
def test_an_answer_that_settles_on_none(text):
    letter, why = chosen_letter(text)
    assert letter is None and ("no letter" in why or "settles on none" in why)
    assert SCORERS["multiple_choice"](text, Sample("s", "q", "A")).value == 0, "the model failed to choose"


def test_options_are_read_from_the_prompt():
    assert offered(QUESTION) == {"A": "Lyon", "B": "Paris", "C": "Nice", "D": "The river Seine"}
    assert offered("(A) one\n(B) two") == {"A": "one", "B": "two"} and offered("- A) one\n- B) two") == {"A": "one", "B": "two"}
    assert offered("A. Smith wrote it.") == {} and offered("B. two\nC. three") == {} and offered("") == {}
    assert list(offered("A. old\nB. old\n\nA. new\nB. newer\nC. newest")) == ["A", "B", "C"]


def test_with_options_a_letter_outside_them_is_no_choice_and_their_text_is_one():
    def grade(output: str, reference: str = "B") -> float | None:
        return SCORERS["multiple_choice"](output, Sample("s", QUESTION, reference)).value

    assert grade("It is Paris, of course.") == 1 and grade("paris") == 1 and grade("Lyon, not Paris") == 0
    assert grade("E") == 0 and grade("The answer is E") == 0
    assert grade("B", "Paris") == 1 and grade("A", "the river seine") == 0, "a reference may be the option's text"
    assert grade("B", "B. Paris") == 1 and grade("B", "Rome") is None
    in_messages = Sample("s", "", "C", messages=({"role": "user", "content": QUESTION},))
    assert SCORERS["multiple_choice"]("Nice", in_messages).value == 1


WAYS = ["{}", "({})", "Answer: {}", "The answer is {}.", "**{}**", "{}.", "So, the answer is ({})"]


@given(st.sampled_from("ABCDEFGHIJ"), st.sampled_from(WAYS))
@settings(max_examples=60, deadline=None)
def test_every_letter_comes_back_from_every_way_of_giving_it(letter, way):
    assert chosen_letter(way.format(letter))[0] == letter
