"""The number that an answer gives, however it is written."""

import math
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tierwise.scorers import SCORERS
from tierwise.scorers.numbers import Number, answer_number, equal, find_numbers, only_number
from tierwise.types import Sample


@pytest.mark.parametrize(("text", "value"), [
    ("1,234.50", 1234.5), ("1,234,567", 1234567), ("1.234,50", 1234.5), ("1.234.567,8", 1234567.8), ("1.234.567", 1234567), ("12,5", 12.5),
    ("0,5", 0.5), ("0,125", 0.125), ("1,234", 1234), ("3.141", 3.141), ("1 234 567", 1234567), ("1\u202f234,5", 1234.5),
    ("1 234,50 €", 1234.5),
    ("1'234.5", 1234.5), ("1’234", 1234), ("1_000", 1000), ("1{,}234", 1234), (r"1\,234", 1234)])  # fmt: skip
def test_separators_of_every_country(text, value):
    assert only_number(text) == Number(value)
    assert [n.value for n in find_numbers(f"It comes to {text} in all.")] == [value]


@pytest.mark.parametrize(("text", "value"), [
    ("-5", -5), ("−5", -5), ("–5", -5), ("－5", -5), ("- 5", -5), ("+5", 5), ("-.5", -0.5), ("-$5", -5), ("$-5", -5), ("−1.234,5", -1234.5),
    ("x = -5", -5), ("x=−5", -5), (r"-\frac{3}{4}", -0.75), ("-1 1/2", -1.5), ("-3/4", -0.75)])  # fmt: skip
def test_signs_of_every_make(text, value):
    assert answer_number(text).value == value


def test_a_dash_between_two_things_is_no_sign():
    for text in ("5-3", "5–3", "pages 5–3", "x-3", "5 of 7, e-3"):
        assert find_numbers(text)[-1].value == 3, text


@pytest.mark.parametrize(("text", "value"), [
    ("3/4", 0.75), ("3 / 4", 0.75), ("1 1/2", 1.5), ("½", 0.5), ("1½", 1.5), ("6/3", 2), ("3⁄4", 0.75),
    (r"\frac{3}{4}", 0.75), (r"\dfrac{3}{4}", 0.75), (r"$\tfrac{1}{8}$", 0.125)])  # fmt: skip
def test_fractions(text, value):
    assert answer_number(text).value == value


@pytest.mark.parametrize(("text", "value"), [
    ("6.02e23", 6.02e23), ("6.02E-5", 6.02e-5), ("6.02×10^23", 6.02e23), ("6.02 x 10^{23}", 6.02e23), (r"6.02 \times 10^{-3}", 6.02e-3),
    (r"3 \cdot 10^5", 300000), ("3 * 10**5", 300000), ("2.5 million", 2500000), ("3 thousand", 3000),
    ("1.5 billion people", 1500000000)])  # fmt: skip
def test_powers_and_words_for_them(text, value):
    assert answer_number(text).value == pytest.approx(value, rel=1e-12)


UNITS = ["$5", "$ 5", "5 €", "5 USD", "USD 5", "5 km", "5km", "5.", "5°", "**5**", "`5`", "about 5 apples", "5th", "£5 each"]


@pytest.mark.parametrize("text", UNITS)
def test_units_currencies_and_marks_around_a_number(text):
    assert answer_number(text) == Number(5)


@pytest.mark.parametrize(("text", "value"), [
    (r"First 3, then \boxed{42}, not 7", 42), (r"\boxed{1} no: \boxed{2}", 2), (r"\boxed{x = 5}", 5), (r"\boxed{\frac{1}{2}}", 0.5),
    (r"\boxed{\$1,000}", 1000),
    ("#### 42 \n7 left over", 42), ("The answer is 5 (see equation 12).", 5), ("answer: 12\nthe answer is 13", 13),
    ("Answer = 4 * 3 = 12", 12),
    ("6 * 7 = 42", 42), ("It took 3 days and 4 nights", 4), (r"\boxed{\text{none}} of the 9", 9),
    ("the answer is therefore clear: 7", 7)])  # fmt: skip
def test_where_the_answer_stands(text, value):
    assert answer_number(text).value == value


@pytest.mark.parametrize(("output", "reference", "right"), [
    ("45%", "45%", True), ("45%", "0.45", True), ("0.45", "45%", True), ("45", "45%", True), ("45%", "45", True), ("45 percent",
    "45 per cent", True),
    (r"\boxed{45\%}", "0.45", True), (r"45\%", "45%", True), ("4.5%", "0.45", False), ("45%", "0.045", False)])  # fmt: skip
def test_a_percentage_may_be_a_share(output, reference, right):
    assert SCORERS["numeric"](output, Sample("s", "q", reference)).value == right


@pytest.mark.parametrize("text", ["", "no", "1/0", "1e999", "e", ".", "-", "\\boxed{}", "####", "one"])
def test_where_there_is_no_number(text):
    assert answer_number(text) is None
    assert only_number(text) is None
    found = SCORERS["numeric"](text, Sample("s", "q", "3"))
    assert (found.value, found.explanation) == (0.0, "no number in the answer")


def test_only_a_lone_number_is_one():
    assert only_number("$5.") == Number(5) and only_number("45 %") == Number(45, percent=True)
    assert only_number("5 apples") is None and only_number("1 and 2") is None and only_number("B2") is None


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15), st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_a_float_comes_back_from_every_way_of_writing_it(x, places):
    x = round(x, places)
    american = f"{x:,.{places}f}"
    european = american.translate(str.maketrans(",.", ".,"))
    ways = [repr(x), american, f"{x:.17e}", f"${american}", f"The answer is {american}.", rf"\boxed{{{american}}}"]
    ways += [american.replace("-", minus) for minus in "−–"]
    if places in (1, 2, 4) and abs(x) >= 1000:  # 1,234 alone is American
        ways += [european, f"{european} €", european.replace(".", " "), f"Das macht {european}."]
    for text in ways:
        assert answer_number(text).value == pytest.approx(x, rel=1e-12, abs=1e-300), text


@given(st.integers(-(10**60), 10**60))
@settings(max_examples=100, deadline=None)
def test_an_integer_of_any_length_comes_back_exactly(n):
    for text in (str(n), f"{n:,}", f"{n:_}", f"so {n}."):
        assert answer_number(text).value == n
    assert SCORERS["numeric"](str(n + 1), Sample("s", "q", str(n))).value == 0, "neighbours differ, however long"


@given(st.integers(-99_999, 99_999), st.integers(1, 99_999))
@settings(max_examples=100, deadline=None)
def test_a_fraction_comes_back(over, under):
    assume(over)
    for text in (f"{over}/{under}", f"{over} / {under}", rf"\frac{{{over}}}{{{under}}}"):
        assert answer_number(text).value == pytest.approx(over / under, rel=1e-12)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_without_an_error(text):
    assert all(math.isfinite(n.value) for n in find_numbers(text))


def test_tolerances_hold_at_their_edge_and_the_larger_counts():
    assert equal(Number(10.1), Number(10), tolerance=0.1) and not equal(Number(10.11), Number(10), tolerance=0.1)
    assert equal(Number(105), Number(100), relative=0.05) and not equal(Number(106), Number(100), relative=0.05)
    assert equal(Number(106), Number(100), tolerance=6, relative=0.01) and equal(Number(-95), Number(-100), relative=0.05)
    assert equal(Number(0.1 + 0.2), Number(0.3)) and not equal(Number(10**30), Number(10**30 + 1))


@pytest.mark.parametrize("evil", ["9", "1,", "1/", "-", "\\boxed{", "answer is ", "1 ", "1.234.", "\\frac{1}", "- $", "#### ", "1e"])
def test_a_long_answer_is_read_at_its_end_and_cannot_hold_up_the_server(evil):
    began = time.monotonic()
    found = SCORERS["numeric"](evil * 300_000 + "\nThe answer is 7.", Sample("s", "q", "7"))
    assert found.value == 1
    assert time.monotonic() - began < 5


def test_a_product_is_two_numbers_a_power_is_one_and_marks_of_emphasis_are_none():
    assert [n.value for n in find_numbers("2*3 and 10**5 and (2)*4")] == [2, 3, 100_000, 2, 4]
    assert [n.value for n in find_numbers("**2** and *-3* and total:**4**")] == [2, -3, 4]


@pytest.mark.parametrize(("text", "value"), [
    ("2^10", 1024), ("10^-3", 0.001), ("10⁻³", 0.001), (r"\boxed{10^{3}}", 1000), ("5²", 25), ("-2^2", -4), ("9.5^2", 90.25),
    ("2**3", 8), ("**42**", 42), (r"1.5 \times 10^{3}", 1500), ("6.02x10**23", 6.02e23), ("6.02 × 10^23", 6.02e23), ("5 m²", 5),
    (r"$\frac12$", 0.5), (r"\sqrt{16}", 4), ("√16", 4), (r"2\sqrt{4}", 4), ("0^-1", -1), ("H2O", None)])  # fmt: skip
def test_powers_and_roots_are_worked_out(text, value):
    found = answer_number(text)
    assert (found.value if found else None) == (pytest.approx(value) if value is not None else None)


@given(st.integers(0, 99), st.integers(-9, 30))
def test_a_power_is_the_number_it_stands_for(base, power):
    if base or power >= 0:
        for text in (f"{base}^{power}", f"{base}**{power}", f"${base}^{{{power}}}$"):
            assert answer_number(text).value == pytest.approx(float(base) ** power, rel=1e-9)
