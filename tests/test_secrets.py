"""No key survives in a text that is kept or shown, whatever form it takes there."""

import base64
import json
import urllib.parse

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tierwise.secrets import HIDDEN, key, resolve, scrub

CANARY = "c4n4ry/Key+with=odd~chars"
FORMS = {
    "plain": CANARY, "in a sentence": f"Incorrect API key provided: {CANARY}. You can find your key at ...",
    "twice": f"{CANARY} and {CANARY}",
    "in JSON": json.dumps({"error": {"key": CANARY}}), "in a header": f"{{'Authorization': 'Bearer {CANARY}'}}",
    "in a URL": f"https://x.test/v1?key={CANARY}&a=1",
    "percent-encoded": f"GET https://x.test/v1?key={urllib.parse.quote(CANARY, safe='')}",
    "as a form": urllib.parse.urlencode({"k": CANARY}),
    "in a repr": repr({"k": CANARY.encode()}), "as a user": f"http://{CANARY}:x@host/", "glued to words": f"xx{CANARY}yy",
    "on two lines": f"a\n{CANARY}\nb",
    "in base64": "Basic " + base64.b64encode(f"user:{CANARY}".encode()).decode(),
    "alone in base64": base64.b64encode(CANARY.encode()).decode(),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_known_key_is_taken_out_in_every_form(form):
    told = scrub(FORMS[form], CANARY)
    assert HIDDEN in told
    in_base64 = base64.b64encode(CANARY.encode()).decode().rstrip("=")
    assert not any(shape in told for shape in (CANARY, urllib.parse.quote(CANARY, safe=""), in_base64, CANARY[:12], CANARY[-12:]))


UNKNOWN = [
    "sk-abcdefghijklmnop1234", "sk-proj-AbCd_1234-efgh5678", "sk-ant-api03-abcdefghijk", "sk-or-v1-0123456789abcdef",
    "gsk_abcdefghij1234567890",
    "hf_abcdefghijklmnopqrst", "AIzaSyA1234567890abcdefghij", "AKIAIOSFODNN7EXAMPLE", "xai-abcdefghijklmnop", "pplx-0123456789abcdef",
    "ghp_0123456789abcdefghijABCD", "github_pat_11ABCDEFG0abcdefghij", "glpat-abcdefghij1234567890", "r8_abcdefghij1234567890",
    "ya29.a0AfH6SMBx-abcdefghij", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
]  # fmt: skip


@pytest.mark.parametrize("secret", UNKNOWN)
@pytest.mark.parametrize("around", ["{}", "key {} refused", '"{}"', "({})", "b'\\n{}\\n'", "https://x.test/?a={}&b=1", "KEY={}"])
def test_what_looks_like_a_key_is_taken_out_though_nobody_knows_it(secret, around):
    told = scrub(around.format(secret))
    assert HIDDEN in told and secret[-10:] not in told and secret[4:14] not in told


@pytest.mark.parametrize("text", [
    "Authorization: Bearer abcdef-123456", "authorization: basic dXNlcjpwYXNzd29yZA==", "api_key=abcdef123456", "?key=abcdef123456",
    "x-api-key: abcdef123456",
    "X-Goog-Api-Key: abcdef123456", '{"api_key": "abcdef123456"}', "{'token': 'abcdef123456'}", "(api-key=abcdef123456)",
    "access_token=abcdef123456&x=1",
    "client_secret=abcdef123456", "password: abcdef123456", "postgres://user:abcdef123456@host/db"])  # fmt: skip
def test_a_value_that_is_named_a_key_is_taken_out(text):
    told = scrub(text)
    assert HIDDEN in told and "abcdef" not in told and "dXNlcj" not in told


@pytest.mark.parametrize("text", [
    "HTTP 429: rate limit reached, try again in 20s", "The model gpt-4o-mini does not exist", "max_tokens: 4096 is too large",
    "Line 3: not JSON",
    "skipping the task-specific keyboard shortcuts", "a token was expected at column 12", "https://example.com/v1/chat?model=small",
    "the key was refused",
    "Unsupported parameter: 'max_completion_tokens'", "request id: req_0123", "total_tokens=1234567",
    "a risk-averse approach to skateboarding"])  # fmt: skip
def test_an_ordinary_message_stays_as_it_is(text):
    assert scrub(text) == text


@given(st.text(max_size=40), st.text(max_size=40), st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc")), min_size=4, max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_known_key_never_survives(before, after, secret):
    assume(secret not in HIDDEN and secret.strip() == secret)
    for text in (before + secret + after, json.dumps([before, secret, after]), f"{before}{urllib.parse.quote(secret, safe='')}{after}"):
        told = scrub(text, secret)
        assert secret not in told
        assert json.dumps(secret)[1:-1] not in told and urllib.parse.quote(secret, safe="") not in told


@given(st.lists(st.text("abcd", min_size=4, max_size=8), min_size=1, max_size=4), st.text("abcd ", max_size=40))
@settings(max_examples=100, deadline=None)
def test_keys_that_hold_one_another_all_go(secrets, text):
    told = scrub(text + " ".join(secrets), *secrets)
    assert not any(s in told for s in secrets)


@given(st.text("abcXYZ0123456789", min_size=8, max_size=30), st.sampled_from(["OPENAI_API_KEY", "MY_TOKEN", "db_password", "AWS_SECRET"]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_values_of_variables_with_a_secret_name_go_even_when_they_end_in_a_line(monkeypatch, value, name):
    with monkeypatch.context() as patch:
        for given in (value, value + "\n", f" {value} "):
            patch.setenv(name, given)
            assert value not in scrub(f"refused: {value}!")
            assert key(name) == value


def test_a_key_that_was_read_is_known_from_then_on_whatever_its_variable_is_called(monkeypatch):
    monkeypatch.setenv("MY_GATEWAY", "gateway-4417-canary")
    given = {"headers": ["os.environ/MY_GATEWAY", 5], "os.environ": "x"}
    assert resolve(given) == given | {"headers": ["gateway-4417-canary", 5]}
    assert resolve("os.environ/NO_SUCH_VARIABLE") == ""
    assert scrub("401: gateway-4417-canary is not allowed") == f"401: {HIDDEN} is not allowed"


def test_what_is_no_key_is_none(monkeypatch):
    monkeypatch.setenv("BLANK_KEY", "  ")
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    assert key("BLANK_KEY") is key("NO_SUCH_KEY") is key(None) is key("") is None
    monkeypatch.setenv("SHORT_KEY", "abc")
    assert scrub("abc of the alphabet", "abc", None, "") == "abc of the alphabet", "too short to be told from a word"


def test_scrubbing_twice_changes_nothing_more_and_long_text_takes_no_time():
    for text in FORMS.values():
        once = scrub(text, CANARY)
        assert scrub(once, CANARY) == once
    assert scrub("sk" * 200_000 + " bearer " * 20_000 + "key=" * 100_000)
