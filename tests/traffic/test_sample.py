"""Prompt sets drawn from logs: strata, weights, and what cannot be drawn."""

import json

import numpy as np
import pandas as pd
import pytest

from tierwise.errors import BadInput, NotReady
from tierwise.traffic import difference, profile_of_counts, sample


def calls(n: int = 1000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kinds = rng.choice(["faq", "billing", "legal"], n, p=[0.7, 0.25, 0.05])
    return pd.DataFrame(
        {
            "request_type": kinds,
            "prompt": [f"{k} question {i}" for i, k in enumerate(kinds)],
            "prompt_tokens": rng.lognormal(5, 1, n),
            "requests": 1,
            "status": "ok",
        }
    )


def test_weights_bring_the_mix_back_and_rare_types_are_seen():
    log = calls()
    drawn = sample(log, 120).evalset
    assert len(drawn.samples) == 120
    mix = log["request_type"].value_counts(normalize=True)
    weights = pd.Series([s.weight for s in drawn.samples]).groupby([s.request_type for s in drawn.samples]).sum() / 120
    assert weights.to_dict() == pytest.approx(mix.to_dict(), rel=1e-4)
    assert sum(s.request_type == "legal" for s in drawn.samples) > 0.1 * 120
    counts = log["request_type"].value_counts().to_dict()
    assert difference(profile_of_counts(counts), drawn).distance == pytest.approx(0, abs=1e-4)


def test_lengths_are_spread_over_a_type():
    log = calls()
    by_prompt = dict(zip(log["prompt"], log["prompt_tokens"], strict=True))
    chosen = [by_prompt[s.input] for s in sample(log, 90).evalset.samples if s.request_type == "faq"]
    thirds = np.searchsorted(np.quantile(log["prompt_tokens"][log["request_type"] == "faq"], [1 / 3, 2 / 3]), chosen)
    assert np.bincount(thirds, minlength=3).min() >= len(chosen) // 3 - 1


def test_a_weighted_mean_of_samples_is_that_of_the_traffic_on_average():
    log = calls()
    truth = log["prompt_tokens"].mean()
    by_prompt = dict(zip(log["prompt"], log["prompt_tokens"], strict=True))
    means = [
        np.average([by_prompt[s.input] for s in d.samples], weights=[s.weight for s in d.samples])
        for d in (sample(log, 100, seed).evalset for seed in range(40))
    ]
    assert np.mean(means) == pytest.approx(truth, abs=3 * np.std(means) / np.sqrt(40))


def test_equal_prompts_are_one_that_weighs_as_much():
    log = pd.DataFrame({"request_type": "a", "prompt": ["same"] * 9 + ["other"], "prompt_tokens": 5.0, "requests": 1})
    drawn = {s.input: s.weight for s in sample(log, 10).evalset.samples}
    assert drawn == pytest.approx({"same": 1.8, "other": 0.2})


def test_the_same_seed_draws_the_same_set():
    assert sample(calls(), 50, 3).evalset.digest == sample(calls(), 50, 3).evalset.digest != sample(calls(), 50, 4).evalset.digest


def test_conversations_keep_their_system_message_and_turns():
    chat = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    log = pd.DataFrame({"request_type": None, "prompt": [chat, json.dumps(turns)], "prompt_tokens": [1.0, 2.0], "requests": 1})
    one, two = sorted(sample(log, 5).evalset.samples, key=lambda s: len(s.messages))
    assert (one.input, one.system, one.request_type) == ("Hi", "Be short.", None)
    assert [m["content"] for m in two.messages] == ["a", "b", "c"]


def test_what_cannot_be_asked_again_is_counted_by_its_reason():
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]
    tool = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "", "tool_calls": [{}]}]
    log = pd.DataFrame({"request_type": "a", "prompt": [image, tool, None, "fine"], "prompt_tokens": 1.0, "requests": 1})
    told = " ".join(sample(log, 3).notes)
    assert "1 requests with tool calls" in told and "1 requests with images or files" in told and "1 requests without a prompt" in told
    with pytest.raises(NotReady, match="no prompts that can be asked again"):
        sample(log.iloc[:3], 3)
    with pytest.raises(BadInput, match="0 prompts"):
        sample(log, 0)
