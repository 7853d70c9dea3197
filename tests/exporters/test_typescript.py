"""The policy in JavaScript decides as Python does: every score, odd Unicode, odd JSON, and each class of characters."""

import hashlib
import json
import math
import random
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exporters.test_exporters import HOSTILE
from tests.policies import SPECS, a_policy
from tierwise import evaluator
from tierwise.evalsets import load_shipped, shipped
from tierwise.exporters import EXPORTERS, export, typescript

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="node is not on this machine")

EVERY = {"type": "linear", "link": "identity", "intercept": 0.0, "terms": [
    {"feature": name, "weight": 0.01 + 0.0001 * i} for i, name in enumerate(evaluator.features([{"role": "user", "content": "x"}]))
]}  # fmt: skip
RULES = (
    {"id": "keys", "when": {"keywords_any": ["c++", "straße", "İstanbul", "naïve", ".net", "_x", "发票", "two words"]}, "tier": "mid"},
    {"id": "meta", "when": {"metadata": {"a": ["true", "1", "None"], "__proto__": ["x"]}}, "tier": "cheap"},
    {"id": "tools", "when": {"has_tools": True, "has_image": False}, "tier": "cheap"},
    {"id": "image", "when": {"has_image": True, "tokens_lt": 9}, "tier": "mid"},
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """asked(document, requests, names) -> what the exported file says to each, in one run of node."""
    folder = tmp_path_factory.mktemp("typescript")

    def ask(policy, requests, expression="choose(r.messages, r.metadata)"):
        for name, text in EXPORTERS["typescript"].compile(policy).files.items():
            (folder / name).write_text(text, encoding="utf-8")
        code = (folder / typescript.FILE).read_text(encoding="utf-8")
        code += "\nimport { readFileSync } from 'node:fs';\n"
        code += f"console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map((r) => {expression})));\n"
        (folder / "asked.mjs").write_text(code, encoding="utf-8")
        done = subprocess.run(["node", str(folder / "asked.mjs")], input=json.dumps(requests), capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return ask


SHIPPED = [{"messages": s.chat(), "metadata": s.request_metadata()} for e in shipped() for s in load_shipped(e.name).samples]
PIECES = ["Grüße", "ΑΣ ΟΔΟΣ", "İstanbul", "ſtraße", "STRASSE", "你好，世界。", "٣٤ ٥", "x² ³/₄ ½ Ⅷ ⓐ", "1,234.56", "don't", "l’été",
          "\U0001f600", "e\u0301", "\u200b", "\ufeff", "\u2028", "\x1c", "\x85", "\r\n", "\t", "\n",
          "```py\ndef f():\n  return {};\n```", "a) yes\nB. no\n 1. one\n• two", "f()", "==", "=>",
          "\\frac{1}{2}", "3 * 4", "5-3", "____", ".....", "?", "？", "。", "json", "ſon jſon", '{"a": 1}', "[\n\"x", '"', "“", "K",
          "c++", "C++x", ".NET", "_x", "发票", "two words", "why", "Prove it", "contract", "\ud83d", "\udc00x", "ǅ", "ʰ", "ª", "_", "__",
          "\x00", "𝟙𝟚", "𐌰", "꙰", "ก็", "हिन्दी", "\u0345", "Ω"]  # fmt: skip


def some_requests(n: int) -> list[dict]:
    """Odd texts made of pieces, with odd roles, parts and metadata."""
    draw = random.Random(7)
    found = []
    for i in range(n):
        text = "".join(draw.choice(PIECES) + draw.choice(["", " ", "  ", "\n"]) for _ in range(draw.choice([1, 2, 5, 20])))
        text *= draw.choice([1, 1, 1, 200]) if i % 20 == 0 else 1
        content = draw.choice([text, text, text, [{"type": "text", "text": text}, text, {"type": draw.choice(["image", "x"])}, 5], None])
        turns = draw.choice([[], [], [{"role": "system", "content": "Hm"}], [{"role": "user", "content": "why"}, {"role": "assistant"}]])
        after = draw.choice([[], [], [], [{"role": "assistant", "tool_calls": draw.choice([[], [{}], None])}, {"role": "tool"}]])
        message = {"role": draw.choice(["user", "user", "user", "system"]), "content": content}
        found.append({"messages": [*turns, message, *after], "metadata": some_metadata(draw)})
    return found


def some_metadata(draw: random.Random) -> dict:
    any_value = ["true", "1", "x", "", " 7.5 ", "1_0", "1e3", "nan", "-inf", "0x1", "abc", True, False, None, 3, ["a"], {"b": 1}]
    names = ["request_type", "urgency", "a", "has_image", "has_tools", "constructor"]
    return {name: draw.choice([*any_value, "hard", "easy", "contract"]) for name in draw.sample(names, draw.randint(0, 3))}


@pytest.mark.parametrize("kind", [*SPECS, "every"])
def test_shipped_prompts_and_odd_requests_are_decided_alike(kind, asked):
    policy = a_policy(5, SPECS.get(kind, EVERY), tuple(r | {"tier": {"mid": "t1", "cheap": "t0"}[r["tier"]]} for r in RULES))
    requests = [*SHIPPED, *some_requests(1500)]
    said = asked(policy, requests)
    wanted = [evaluator.decide(policy.document, r["messages"], r["metadata"]) for r in requests]
    for request, mine, theirs in zip(requests, wanted, said, strict=True):
        assert (mine["tier"], mine["model"]) == (theirs["tier"], theirs["model"]), (request, mine, theirs)
        if mine["score"] == mine["score"]:
            assert mine["score"] == theirs["score"] or abs(mine["score"] - theirs["score"]) < 2e-10, (request, mine, theirs)


def test_features_are_the_same_numbers(asked):
    requests = [*SHIPPED, *[r for r in some_requests(1500) if any(m["role"] == "user" for m in r["messages"])]]
    said = asked(a_policy(), requests, "features(r.messages)")
    for request, theirs in zip(requests, said, strict=True):
        mine = evaluator.features(request["messages"])
        assert set(mine) == set(theirs)
        wrong = {k: (v, theirs[k]) for k, v in mine.items() if abs(v - theirs[k]) > 1e-12}
        assert not wrong, (wrong, request["messages"][-1])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=60), min_size=100, max_size=100))
def test_any_text_reads_alike(asked, texts):
    requests = [{"messages": [{"role": "user", "content": t}]} for t in texts]
    said = asked(a_policy(), requests, "[features(r.messages), terms(requestText(r.messages))]")
    for text, (numbers, terms) in zip(texts, said, strict=True):
        known = [c for c in text if unicodedata.category(c) == "Cn"]
        if not known:  # the two know different versions of Unicode
            assert terms == evaluator.terms(text), text
            assert numbers == pytest.approx(evaluator.features([{"role": "user", "content": text}]), abs=1e-12)


def test_every_character_is_of_the_same_class(asked):
    known = [i for i in range(0x110000) if unicodedata.category(chr(i)) not in ("Cn", "Cs", "Co")]
    expression = "[IS_WORD, IS_DIGIT, /\\p{Nd}/u, /\\p{Uppercase}/u, new RegExp(`[${BLANK}]`)].map((p) => p.test(String.fromCodePoint(r)))"
    said = asked(a_policy(), known, expression)
    for i, theirs in zip(known, said, strict=True):
        c = chr(i)
        assert theirs == [c.isalnum() or c == "_", c.isdigit(), c.isdecimal(), c.isupper(), c.isspace()], hex(i)
    lower = asked(a_policy(), known, "String.fromCodePoint(r).toLowerCase()")
    assert [chr(i) for i, theirs in zip(known, lower, strict=True) if theirs != chr(i).lower()] == []


def test_numbers_are_rounded_and_summed_as_in_python(asked):
    draw = random.Random(3)
    numbers = [k / 2048 for k in range(2049)] + [draw.random() * 10 ** -draw.choice([0, 0, 0, 3, 6, 12]) for _ in range(3000)]
    assert asked(a_policy(), numbers, "rounded(r)") == [round(x, 10) for x in numbers]
    lists = [[draw.uniform(-1, 1) * 10.0 ** draw.randint(-12, 12) for _ in range(draw.randint(0, 30))] for _ in range(2000)]
    assert asked(a_policy(), lists, "fsum(r)") == [math.fsum(x) for x in lists]
    texts = ["", "a", "\ud800", "ü" * 55, "x" * 56, "y" * 64, "\U0001f600" * 40]
    wanted = [list(hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest()) for t in texts]
    assert asked(a_policy(), texts, "sha256(r)") == wanted


def test_hostile_text_stays_text_in_the_file(tmp_path):
    words = (*HOSTILE, "`${process.exit(3)}`", "\\`", "*/", "\u2028")
    rules = tuple({"id": f"r{i}", "when": {"keywords_any": [w]}, "tier": "mid"} for i, w in enumerate(words))
    export(a_policy(3, SPECS["mean"], rules, name="`${process.exit(3)}`"), [], "typescript", tmp_path)


def test_without_node_it_is_refused_in_words(tmp_path, monkeypatch):
    from tierwise.errors import BadInput

    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BadInput, match="there is no node on this machine"):
        export(a_policy(), [], "typescript", tmp_path)
