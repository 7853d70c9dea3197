"""Classifiers from elsewhere: a column, an address, an ONNX file, and one trained on the grades."""

import json
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotReady
from tierwise.policy import make_policy, route
from tierwise.routers import ROUTERS, Prompts, RouterData, external
from tierwise.routers.external import scores_of
from tierwise.routers.onnx import folder, margin
from tierwise.tuning.aims import Aim
from tierwise.tuning.metrics import metrics
from tierwise.tuning.tune import tune

EXTERNAL = ("column", "endpoint", "onnx", "distilbert")


def graded(n=300, seed=1, sign=1.0):
    """A run whose prompts carry a score: noisy difficulty, pointing either way."""
    matrix, rng = make_matrix(n, 2, seed), np.random.default_rng(seed)
    gap = matrix.quality[:, -1] - matrix.quality[:, 0]
    scores = sign * (3 * gap + rng.normal(0, 1, n))
    return replace(
        matrix, samples=tuple(replace(s, metadata={"difficulty": float(v)}) for s, v in zip(matrix.samples, scores, strict=True))
    )


def apgr(fitted, matrix):
    return metrics(fitted.score(matrix.samples), matrix.quality, matrix.cost)["apgr"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_grades_tell_which_way_a_column_points(sign):
    matrix = graded(sign=sign)
    fitted = ROUTERS["column"]("difficulty").fit(RouterData.of(matrix))
    assert apgr(fitted, graded(400, 2, sign)) > 0.7
    assert ("harder" if sign > 0 else "easier") in fitted.explain()[0]


def test_a_column_becomes_a_policy_that_reads_it_from_the_request():
    tuned = tune(graded(), Aim(max_loss=0.05), router="column", options={"key": "difficulty"})
    assert tuned.heldout.saving > 0.1
    policy = make_policy(tuned, "by column")
    easy, hard = (route(policy, {"prompt": "x", "metadata": {"difficulty": str(v)}}) for v in (-3, 6))
    assert (easy.tier, hard.tier) == ("cheap", "frontier")


def test_a_column_that_says_nothing_gives_every_prompt_the_same():
    matrix = graded()
    flat = replace(matrix, samples=tuple(replace(s, metadata={"difficulty": 1}) for s in matrix.samples))
    fitted = ROUTERS["column"]("difficulty").fit(RouterData.of(flat))
    assert np.ptp(fitted.score(flat.samples)) == 0 and "nothing" in fitted.explain()[0]


def test_a_column_that_is_not_there():
    with pytest.raises(BadInput, match=r"'hardness' has a number for 0%.*difficulty"):
        ROUTERS["column"]("hardness").fit(RouterData.of(graded()))
    with pytest.raises(NotReady, match=r"key=NAME.*difficulty"):
        ROUTERS["column"]().fit(RouterData.of(graded()))


class Stand:
    """A classifier on loopback that can misbehave."""

    def __init__(self):
        stand = self
        self.asked, self.answer, self.status, self.delay, self.headers = [], None, 200, 0.0, []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stand.asked.append(body["inputs"])
                stand.headers.append(dict(self.headers))
                time.sleep(stand.delay)
                told = stand.answer if stand.answer is not None else {"scores": [float(len(t)) for t in body["inputs"]]}
                data = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(stand.status)
                self.send_header("location", "http://169.254.169.254/")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/classify"


@pytest.fixture
def stand():
    external._known.clear()
    it = Stand()
    yield it
    it.server.shutdown()
    it.server.server_close()


def test_a_classifier_at_an_address_is_asked_once_a_text_in_batches(stand):
    matrix = graded(100)
    data = RouterData.of(matrix)
    fitted = ROUTERS["endpoint"](url=stand.url, batch=32).fit(data)
    assert [len(b) for b in stand.asked] == [32, 32, 32, 4]
    assert apgr(fitted, matrix) > 0.6, "longer prompts are harder there"
    tune(matrix, Aim(max_loss=0.05), router="endpoint", options={"url": stand.url})
    assert sum(map(len, stand.asked)) == 100, "cross-fitting asks nothing twice"


def test_its_key_is_named_and_never_shown(stand, monkeypatch):
    monkeypatch.setenv("CLASSIFIER_KEY", "sk-very-secret-123456")
    stand.status, stand.answer = 500, b"bad key sk-very-secret-123456"
    with pytest.raises(NotReady, match="status 500") as told:
        ROUTERS["endpoint"](url=stand.url, key_env="CLASSIFIER_KEY").fit(RouterData.of(graded(60)))
    assert stand.headers[0]["authorization"] == "Bearer sk-very-secret-123456"
    assert "secret" not in str(told.value)
    with pytest.raises(NotReady, match="OTHER_KEY holds no key"):
        ROUTERS["endpoint"](url=stand.url, key_env="OTHER_KEY").fit(RouterData.of(graded(60)))


@pytest.mark.parametrize(("answer", "said"), [
    ({"scores": [1.0]}, "1 scores for 32"), (b"<html>", "cannot be read"), ({"scores": [None] * 32}, "is no score"), ({"x": 1}, "cannot be read"),
    ([[{"label": x, "score": 0.3} for x in "abc"]] * 32, "label=NAME; labels: a, b, c"), ({"scores": ["1"] * 32}, "is no score"),
    (b'{"scores": [NaN' + b", 1" * 31 + b"]}", "finite")])  # fmt: skip
def test_an_answer_that_holds_no_scores(stand, answer, said):
    stand.answer = answer
    with pytest.raises(NotReady, match=said):
        ROUTERS["endpoint"](url=stand.url).fit(RouterData.of(graded(60)))


def test_a_slow_classifier_and_one_that_sends_elsewhere(stand):
    data = RouterData.of(graded(60))
    stand.delay = 0.5
    with pytest.raises(NotReady, match=r"0\.1 seconds"):
        ROUTERS["endpoint"](url=stand.url, timeout_s=0.1).fit(data)
    stand.delay, stand.status = 0.0, 302
    with pytest.raises(NotReady, match="status 302"):
        ROUTERS["endpoint"](url=stand.url).fit(data)


@pytest.mark.parametrize("url", ["", "ftp://example.com", "http://169.254.169.254/latest", "nonsense"])
def test_addresses_that_are_not_asked(url):
    with pytest.raises((BadInput, NotReady)):
        ROUTERS["endpoint"](url=url).fit(RouterData.of(graded(60)))


def test_a_closed_port_is_said_plainly():
    with pytest.raises(NotReady, match="cannot be reached"):
        ROUTERS["endpoint"](url="http://127.0.0.1:9/").fit(RouterData.of(graded(60)))


def test_shapes_of_answers():
    pair = [{"label": "LABEL_0", "score": 0.2}, {"label": "LABEL_1", "score": 0.8}]
    assert scores_of([pair, pair], 2) == [0.8, 0.8]
    assert scores_of([pair, pair], 2, "LABEL_0") == [0.2, 0.2]
    assert scores_of(pair, 1) == [0.8]
    assert scores_of([[0.5], [0.25]], 2) == scores_of({"predictions": [0.5, 0.25]}, 2) == scores_of([0.5, 0.25], 2) == [0.5, 0.25]


def test_the_margin_of_a_class_is_its_log_odds():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    p = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
    assert np.allclose(margin(rows, -1), np.log(p[:, 2] / (1 - p[:, 2])))
    assert np.allclose(margin(rows[:, :1], 0), rows[:, 0])
    with pytest.raises(BadInput, match="3 classes"):
        margin(rows, 3)


@pytest.mark.parametrize("name", EXTERNAL)
def test_without_settings_each_says_what_it_wants(name):
    with pytest.raises(NotReady, match=r"key=|url=|model=|base=|requirements-extras"):
        ROUTERS[name]().fit(RouterData.of(graded(60)))


@pytest.mark.parametrize("name", ["../up", "a/b", ".."])
def test_a_classifier_is_a_folder_of_the_workspace(name):
    with pytest.raises(BadInput, match="not a path"):
        ROUTERS["onnx"](name).fit(RouterData.of(graded(60)))


def test_the_extras_are_named_where_they_are_absent(monkeypatch):
    place = folder() / "mine"
    place.mkdir(parents=True)
    for file in ("model.onnx", "tokenizer.json"):
        (place / file).write_bytes(b"{}")
    for package in ("onnxruntime", "torch", "transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    for name, options in (("onnx", {"model": "mine"}), ("distilbert", {"base": "mine"})):
        with pytest.raises(NotReady, match=r"(onnxruntime|torch).*requirements-extras\.txt"):
            ROUTERS[name](**options).fit(RouterData.of(graded(60)))


def tiny_encoder(place):
    """A DistilBERT of one small layer with random weights, and a tokenizer of a few words."""
    transformers = pytest.importorskip("transformers", reason="transformers is an extra")
    pytest.importorskip("torch", reason="torch is an extra").set_num_threads(1)
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "solve", "this", "step", "word", "case", *"0123456789", "##s"]
    inner = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
                                                     sep_token="[SEP]", mask_token="[MASK]")  # fmt: skip
    config = transformers.DistilBertConfig(vocab_size=len(words), dim=16, n_layers=1, n_heads=2, hidden_dim=32, max_position_embeddings=128)
    place.mkdir(parents=True)
    tokenizer.save_pretrained(place)
    transformers.DistilBertForSequenceClassification(config).save_pretrained(place, safe_serialization=True)


def test_a_classifier_trained_on_the_grades_and_its_onnx_file():
    """Real training on a tiny model: it learns that long prompts are hard, and its ONNX file says the same as it does."""
    tiny_encoder(folder() / "tiny")
    pytest.importorskip("onnx", reason="onnx is an extra")
    from tierwise.routers.distilbert import save

    matrix, other = graded(160), graded(120, 5)
    router = ROUTERS["distilbert"](base="tiny", epochs=6, rate=1e-2, length=96)
    fitted = router.fit(RouterData.of(matrix))
    assert apgr(fitted, other) > 0.6
    again = router.fit(RouterData.of(matrix))
    assert np.allclose(fitted.score(other.samples), again.score(other.samples), atol=1e-5), "the same for a seed"
    place = save(fitted, "trained")
    with pytest.raises(BadInput, match="already"):
        save(fitted, "trained")
    pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")
    from tierwise.routers.onnx import asker

    prompts = Prompts(other.samples[:40])
    assert np.allclose(asker(place)(prompts), fitted.ask(prompts), atol=1e-3)
    assert apgr(ROUTERS["onnx"]("trained").fit(RouterData.of(matrix)), other) > 0.6
    with pytest.raises(BadInput, match=r"128|smaller length"):
        ROUTERS["onnx"]("trained", length=256).fit(RouterData.of(matrix))
