"""A text classifier as ONNX, run on this machine's processor. Needs onnxruntime, which is an extra: requirements-extras.txt."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tierwise import settings
from tierwise.errors import BadInput, NotReady
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, Prompts, RouterData
from tierwise.routers.external import Classified, _pointing, direction

FILES = ("model.onnx", "tokenizer.json")
LENGTH, BATCH = 256, 16


def folder() -> Path:
    """Where classifiers are kept: one folder each, in the workspace. Nothing outside it is read."""
    return settings.workspace() / "classifiers"


def missing(package: str) -> NotReady:
    return NotReady(f"This router needs {package}, which is not installed. Run: pip install -r requirements-extras.txt")


@ROUTERS.add("onnx")
class Onnx:
    """The last class's score of an ONNX text classifier: `model.onnx` and `tokenizer.json` in classifiers/NAME of the workspace."""

    name = "onnx"
    title = "An ONNX classifier"
    summary = "A text classifier kept in the workspace; the grades tell which way its score points."
    exportable = False
    needs_options = True

    def __init__(self, model: str = "", label: int = -1, length: int = 0) -> None:
        self.model, self.label, self.length = model, int(label), int(length)

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        place = located(self.model)
        ask = asker(place, self.label, self.length)
        intercept, weight = direction(ask(data.prompts), data)
        keep = "To export it, keep its scores as a column of the prompt set and tune with the router column."
        return Classified(None, (_pointing(f"The score of {self.model}", weight), keep), ask, intercept, weight)


def located(name: str) -> Path:
    """The folder of a classifier.

    Raises:
        NotReady: none is named, or it is not there.
        BadInput: the name leads elsewhere.
    """
    there = sorted(p.name for p in folder().iterdir() if p.is_dir()) if folder().is_dir() else []
    known = f"In {folder()}: {', '.join(there) or 'none yet'}."
    if not name:
        raise NotReady(f"Name the classifier, as model=NAME. {known}")
    if Path(name).name != name or name in (".", ".."):
        raise BadInput(f"model={name!r}: give the name of a folder in the workspace's classifiers, not a path.")
    absent = [f for f in FILES if not (folder() / name / f).is_file()]
    if absent:
        raise NotReady(f"The classifier {name!r} lacks {' and '.join(absent)}. {known}")
    return folder() / name


def asker(place: Path, label: int = -1, length: int = 0) -> Callable[[Prompts], np.ndarray]:
    """A function from prompts to (n,) log-odds of a class against the rest.

    Args:
        length: tokens read of a prompt; 0: as the tokenizer's file says, or 256.
    """
    if length and not 8 <= length <= 8192:
        raise BadInput(f"length={length}: give a number of tokens from 8 to 8,192, or leave it out.")
    session, tokenizer = _loaded(str(place), tuple((place / f).stat().st_mtime_ns for f in FILES), length)

    def ask(prompts: Prompts) -> np.ndarray:
        logits = [run(session, tokenizer, prompts.texts[i : i + BATCH]) for i in range(0, len(prompts), BATCH)]
        return margin(np.concatenate(logits), label) if logits else np.zeros(0)

    return ask


def margin(logits: np.ndarray, label: int) -> np.ndarray:
    """(n,) log-odds of a class; of a classifier with one output that output."""
    if logits.ndim != 2:
        raise BadInput(f"The classifier gives an array of {logits.ndim} dimensions; one row of class scores a text is needed.")
    k = logits.shape[1]
    if k == 1:
        return logits[:, 0].astype(float)
    if not -k <= label < k:
        raise BadInput(f"label={label}: the classifier has {k} classes, counted from 0.")
    rest = np.delete(logits, label % k, axis=1).astype(float)
    top = rest.max(1, keepdims=True)
    return logits[:, label].astype(float) - (top[:, 0] + np.log(np.exp(rest - top).sum(1)))


def run(session: Any, tokenizer: Any, texts: list[str]) -> np.ndarray:
    """(m, classes) raw outputs."""
    read = tokenizer.encode_batch([t[: 20 * LENGTH * 4] or " " for t in texts])
    given = {"input_ids": np.array([r.ids for r in read], np.int64), "attention_mask": np.array([r.attention_mask for r in read], np.int64),
             "token_type_ids": np.array([r.type_ids for r in read], np.int64)}  # fmt: skip
    wanted = {i.name for i in session.get_inputs()}
    if not wanted <= given.keys():
        raise BadInput(
            f"The classifier asks for {', '.join(sorted(wanted - given.keys()))}; a text classifier takes input_ids and attention_mask."
        )
    try:
        return np.asarray(session.run(None, {k: v for k, v in given.items() if k in wanted})[0])
    except Exception as error:  # onnxruntime's errors share no base class
        raise BadInput(
            f"The classifier failed on {len(texts)} prompts: {str(error).splitlines()[0][:200]}. A smaller length may help."
        ) from error


@lru_cache(maxsize=2)
def _loaded(place: str, changed: tuple[int, ...], length: int) -> tuple[Any, Any]:
    try:
        import onnxruntime
    except ImportError:
        raise missing("onnxruntime") from None
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(str(Path(place) / FILES[0]), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(Path(place) / FILES[1]))
    except Exception as error:
        raise BadInput(f"The classifier in {Path(place).name} cannot be loaded: {str(error).splitlines()[0][:200]}.") from error
    if length or tokenizer.truncation is None:
        tokenizer.enable_truncation(length or LENGTH)
    tokenizer.enable_padding()
    return session, tokenizer
