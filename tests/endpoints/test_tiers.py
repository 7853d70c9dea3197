"""Ladders from TOML: what is read, and what is refused and how it is said."""

import pytest

from tierwise.endpoints.tiers import check_tiers, default_key_env, load_tiers_toml, looks_like_key
from tierwise.errors import BadInput
from tierwise.simulation.simulator import ladder
from tierwise.types import Tier

SECRET = "sk-proj-4fGh7Jk2Lm9Np3Qr5St8Vw1Xy6Za0Bc"
WHOLE = """\
[[tier]]
name = "small"
model = "sim/small"
input_per_1m = 0.15
output_per_1m = 1

[[tier]]
name = "large"
model = "openai/gpt-4o"
api_base = "https://gateway.example/v1"
api_key_env = "MY_GATEWAY_KEY"
input_per_1m = 2.5
output_per_1m = 10.0
fallbacks = ["small", "mistral/mistral-small-latest"]
params = { temperature = 0, max_tokens = 400, response_format = { type = "json_object" } }
"""


def tier(extra: str = "", name: str = "a") -> bytes:
    return f'[[tier]]\nname = "{name}"\nmodel = "gpt-4o"\n{extra}\n'.encode()


def refused(data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        load_tiers_toml(data)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_whole_file_is_read_in_order():
    small, large = load_tiers_toml(WHOLE.encode())
    assert small == Tier("small", "sim/small", input_per_1m=0.15, output_per_1m=1)
    assert (large.api_base, large.api_key_env) == ("https://gateway.example/v1", "MY_GATEWAY_KEY")
    assert large.params["response_format"] == {"type": "json_object"}
    assert large.fallbacks == ("small", "mistral/mistral-small-latest")


def test_a_byte_order_mark_does_no_harm():
    assert load_tiers_toml(b"\xef\xbb\xbf" + tier())[0].name == "a"


@pytest.mark.parametrize(("data", "told"), [
    (b"", "at least one"),
    (b'[[tier]]\nname = "a"\nmodel = \n', "line 3"),
    (b'[[tier]]\nname = "a"\nmodel = "gpt-\xff"\n', "line 3"),
    (b'[tier]\nname = "a"\nmodel = "m"\n', "[[tier]]"),
    (b'[[tiers]]\nname = "a"\n', "Did you mean tier?"),
    (b'[[tier]]\nmodel = "gpt-4o"\n', "has no name"),
    (b'[[tier]]\nname = "a"\n', "has no model"),
    (tier('modell = "x"'), "Did you mean model?"),
    (tier("input_per_1m = -1\noutput_per_1m = 1"), "0 or more"),
    (tier("input_per_1m = nan\noutput_per_1m = 1"), "0 or more"),
    (tier("input_per_1m = 1"), "both prices"),
    (tier("cached_input_per_1m = 1"), "beside it"),
    (tier("rpm = 0"), "more than 0"),
    (tier("timeout_s = inf"), "more than 0"),
    (tier('input_per_1m = "1"'), "a number"),
    (tier("input_per_1m = true"), "a number"),
    (tier("api_base = 5"), "text in quotes"),
    (tier("params = []"), "a table"),
    (tier('fallbacks = "b"'), "a list of names"),
    (tier("fallbacks = [1]"), "a list of names"),
    (tier('fallbacks = ["a"]'), "its own fallback"),
    (tier() + tier(), "Two tiers are called 'a'"),
    (tier(name=" "), "empty"),
    (tier(name="x" * 50), "at most 40"),
    (tier('api_base = "gateway.example"'), "an address"),
    (tier('api_base = "file:///etc/passwd"'), "an address"),
    (tier('api_base = "http://[::1"'), "an address"),
    (tier('api_base = "https://me:pw@gateway.example/v1"'), "user name or password"),
    (tier('api_base = "https://gateway.example/v1?key=1"'), "before any ?"),
    (tier("params = { when = 2026-01-01 }"), "params.when should be text"),
    (tier('params = { model = "gpt-4" }'), "beside params"),
    (tier("params = { input_cost_per_token = 1e-6 }"), "input_per_1m"),
    (b'[[tier]]\nname = "a"\nmodel = "sim/huge"\n', "sim/small, sim/medium, sim/large"),
])  # fmt: skip
def test_refusals_say_what_is_wrong(data, told):
    assert told in refused(data)


@pytest.mark.parametrize("extra", [
    f'api_key_env = "{SECRET}"',
    'api_key_env = "0123456789abcdef0123456789abcdef"',
    f'api_key = "{SECRET}"',
    f'params = {{ api_key = "{SECRET}" }}',
    'params = { extra_headers = { Authorization = "x" } }',
    f'params = {{ extra_headers = {{ note = "Bearer {SECRET}" }} }}',
    f'params = {{ user = "{SECRET}" }}',
    f'params = {{ stop = ["{SECRET}"] }}',
    'params = { token = "x" }',
    'params = { aws_secret_access_key = "x" }',
    f'"{SECRET}" = 1',
    f'fallbacks = ["{SECRET}"]',
])  # fmt: skip
def test_keys_are_refused_and_never_repeated(extra):
    said = refused(tier(extra))
    assert "name the environment variable instead" in said or "looks like a key" in said


@pytest.mark.parametrize("text", [SECRET, "gsk_abcdefghijklmnop", "AIzaSyA1234567890abcdefg", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY12AMPLEKEY",
                                  "3f2b8c1e-9d4a-4b6f-8e21-0c5d7a9b1e3f"])  # fmt: skip
def test_keys_are_recognised(text):
    assert looks_like_key(text)


@pytest.mark.parametrize("text", ["OPENAI_API_KEY", "MY_COMPANY_OPENAI_KEY_2", "json_object", "meta-llama/Llama-3.3-70B-Instruct-Turbo",
                                  "high", "HF_API_TOKEN", "claude-3-5-sonnet-20241022", "Answer in one word, please"])  # fmt: skip
def test_ordinary_texts_are_not_keys(text):
    assert not looks_like_key(text)


def test_params_that_only_sound_like_keys_are_kept():
    params = load_tiers_toml(tier("params = { max_tokens = 5, max_completion_tokens = 5, top_p = 0.5, seed = 1 }"))[0].params
    assert params == {"max_tokens": 5, "max_completion_tokens": 5, "top_p": 0.5, "seed": 1}


def test_tiers_of_a_screen_pass_the_same_checks():
    assert check_tiers(list(ladder())) == ladder()
    for tiers in ([], [Tier("a", "m"), Tier("a", "n")], [Tier("a", "m", api_key_env=SECRET)], [Tier("a", "m", input_per_1m=-1)],
                  [Tier("a", "m", api_base="ftp://x")], [Tier("a", "")], [Tier("a\nb", "m")]):  # fmt: skip
        with pytest.raises(BadInput):
            check_tiers(tiers)


def test_a_long_model_name_is_not_taken_for_a_key():
    check_tiers([Tier("a", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"), Tier("b", "ollama/llama3")])


@pytest.mark.parametrize(("model", "variable"), [
    ("gpt-5-mini", "OPENAI_API_KEY"), ("openai/gpt-5", "OPENAI_API_KEY"), ("o3", "OPENAI_API_KEY"),
    ("claude-haiku-4-5", "ANTHROPIC_API_KEY"), ("anthropic/claude-opus-5", "ANTHROPIC_API_KEY"),
    ("gemini/gemini-2.5-pro", "GEMINI_API_KEY"), ("mistral/x", "MISTRAL_API_KEY"),
    ("deepseek/x", "DEEPSEEK_API_KEY"), ("dashscope/x", "DASHSCOPE_API_KEY"), ("openrouter/openai/gpt-4o", "OPENROUTER_API_KEY"),
    ("together_ai/x", "TOGETHERAI_API_KEY"), ("groq/x", "GROQ_API_KEY"), ("xai/x", "XAI_API_KEY"), ("cohere_chat/x", "COHERE_API_KEY"),
    ("azure/mine", "AZURE_API_KEY"), ("ollama/llama3", None), ("sim/small", None), ("my-model", None),
])  # fmt: skip
def test_the_usual_place_of_a_key(model, variable):
    assert default_key_env(model) == variable


@pytest.mark.parametrize(
    "params", [{"n": 5}, {"best_of": 3}, {"extra_body": {"n": 5}}, {"extra_body": {"max_tokens": 90_000}}, {"extra_body": {"messages": []}}]
)
def test_nothing_lifts_the_most_that_a_call_can_cost(params):
    with pytest.raises(BadInput, match="params may not hold|bounds what a call can cost"):  # noqa: RUF043
        check_tiers([Tier("t", "openai/m", "http://127.0.0.1:1/v1", params=params)])
