"""A small transformer fine-tuned on the user's own grades. Needs torch and transformers, which are extras: requirements-extras.txt.

Fitting takes minutes a fold on a processor, so it is never among what `auto` tries. `save` writes the classifier as ONNX into the
workspace, where the router `onnx` and other programs can use it without torch.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tierwise.errors import BadInput, NotReady
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, Prompts, RouterData
from tierwise.routers.external import Classified, direction
from tierwise.routers.onnx import FILES, folder, margin, missing

BASE = "distilbert-base-uncased"
EPOCHS, RATE, BATCH, LENGTH, TIE = 3, 5e-5, 16, 256, 0.15


@dataclass(frozen=True)
class Tuned(Classified):
    """A fine-tuned classifier that can be saved."""

    model: Any = field(default=None, repr=False)
    tokenizer: Any = field(default=None, repr=False)
    length: int = LENGTH


@ROUTERS.add("distilbert")
class DistilBert:
    """Does the frontier tier win here? Every weight of a pretrained encoder is trained on the grades; the gap is what a prompt counts."""

    name = "distilbert"
    title = "Fine-tuned DistilBERT"
    summary = "A small transformer trained on your grades; slow to fit, and worth it with a thousand grades or more."
    exportable = False
    needs_options = True

    def __init__(
        self, base: str = "", epochs: int = EPOCHS, rate: float = RATE, batch: int = BATCH, length: int = LENGTH, download: bool = False,
    ) -> None:  # fmt: skip
        self.base, self.epochs, self.rate = base, int(epochs), float(rate)
        self.batch, self.length, self.download = int(batch), int(length), str(download).lower() in ("true", "1", "yes")

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        model, tokenizer = self._base()
        torch = _torch()
        torch.manual_seed(seed)
        won = (data.gap > 0).astype(np.int64)
        pull = (np.where(data.gap == 0, TIE, np.abs(data.gap)) * data.weights).astype(np.float32)
        losses = list(_train(model, tokenizer, data.prompts.texts, won, pull, self, np.random.default_rng(seed)))

        def ask(prompts: Prompts) -> np.ndarray:
            return margin(logits(model, tokenizer, prompts.texts, self.length, self.batch), -1)

        # its own scores on what it was trained on are too sure of themselves; they are ranked afterwards, so only the sign matters here
        intercept, weight = direction(ask(data.prompts), data)
        told = (
            f"Trained on {len(data):,} prompts, {self.epochs} times over: mean loss {losses[0]:.3f} at first, {losses[-1]:.3f} at the end."
        )
        return Tuned(
            None, (told, "To use it elsewhere, save it as ONNX."), ask, intercept, max(weight, 1e-6), model, tokenizer, self.length
        )

    def _base(self) -> tuple[Any, Any]:
        _torch()
        try:
            import transformers
        except ImportError:
            raise missing("transformers") from None
        if not self.base:
            raise NotReady(
                f"Name the encoder to start from, as base={BASE} (or a folder in the workspace's classifiers), with download=true to fetch it."
            )
        if not (1 <= self.epochs <= 50 and 0 < self.rate < 1 and 1 <= self.batch <= 512 and 8 <= self.length <= 512):
            raise BadInput("epochs from 1 to 50, rate over 0 and under 1, batch from 1 to 512, length from 8 to 512.")
        own = folder() / Path(self.base).name
        source: str = str(own) if own.is_dir() and Path(self.base).name == self.base else self.base
        if source == self.base and os.path.isdir(self.base):
            raise BadInput(f"base={self.base!r}: a folder has to lie in the workspace's classifiers.")
        asked = {"local_files_only": not self.download, "trust_remote_code": False}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, **asked)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(source, num_labels=2, use_safetensors=True, **asked)
        except (OSError, ValueError) as error:
            raise NotReady(
                f"The encoder {self.base} is not here: {str(error).splitlines()[0][:160]} Give download=true to fetch it."
            ) from error
        return model, tokenizer


def _train(model: Any, tokenizer: Any, texts: list[str], won: np.ndarray, pull: np.ndarray, how: DistilBert, rng: np.random.Generator):
    """Yield the mean loss of each pass: AdamW, a rate that falls to 0 after a short rise, gradients clipped."""
    torch = _torch()
    steps = how.epochs * -(-len(texts) // how.batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=how.rate, weight_decay=0.01)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: min((i + 1) / warm, max(steps - i, 0) / max(steps - warm, 1)))
    model.train()
    for _ in range(how.epochs):
        total, order = 0.0, rng.permutation(len(texts))
        for start in range(0, len(texts), how.batch):
            rows = order[start : start + how.batch]
            given = _read(tokenizer, [texts[i] for i in rows], how.length)
            out = model(**given).logits
            each = torch.nn.functional.cross_entropy(out, torch.tensor(won[rows]), reduction="none")
            weight = torch.tensor(pull[rows])
            loss = (each * weight).sum() / weight.sum().clamp_min(1e-9)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        yield total / len(texts)
    model.eval()


def logits(model: Any, tokenizer: Any, texts: list[str], length: int = LENGTH, batch: int = BATCH) -> np.ndarray:
    """(n, classes)"""
    torch = _torch()
    model.eval()
    with torch.no_grad():
        parts = [model(**_read(tokenizer, texts[i : i + batch], length)).logits.numpy() for i in range(0, len(texts), batch)]
    return np.concatenate(parts) if parts else np.zeros((0, 2))


def save(fitted: Tuned, name: str) -> Path:
    """Write a fine-tuned classifier as ONNX with its tokenizer into the workspace, for the router `onnx`.

    Tune with it on other prompts than it was trained on: on those it has seen the answers.

    Raises:
        BadInput: the name is no name of a folder, or it is taken.
    """
    torch = _torch()
    if not name or Path(name).name != name or name in (".", ".."):
        raise BadInput(f"{name!r} is no name of a folder.")
    place = folder() / name
    if place.exists():
        raise BadInput(f"There is a classifier {name!r} already. Give another name.")
    place.mkdir(parents=True)
    given = _read(fitted.tokenizer, ["a text", "another one that is longer"], fitted.length)
    names = list(given)

    class Logits(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any) -> Any:
            return self.model(**dict(zip(names, values, strict=True))).logits

    free = {n: {0: "texts", 1: "tokens"} for n in names} | {"logits": {0: "texts"}}
    torch.onnx.export(Logits(fitted.model.eval()), tuple(given.values()), str(place / FILES[0]), input_names=names, output_names=["logits"],
                      dynamic_axes=free, opset_version=17, dynamo=False)  # fmt: skip
    backend = fitted.tokenizer.backend_tokenizer
    backend.enable_truncation(fitted.length)
    backend.save(str(place / FILES[1]))
    return place


def _read(tokenizer: Any, texts: list[str], length: int) -> dict[str, Any]:
    read = tokenizer([t or " " for t in texts], truncation=True, padding=True, max_length=length, return_tensors="pt")
    return {k: v for k, v in read.items() if k in ("input_ids", "attention_mask")}


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise missing("torch") from None
    return torch
