"""The content of a prompt set: its digest, and the file that brings exactly it back."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from tierwise.types import EvalSet, Sample

_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=dict).encode
_plain = json.JSONEncoder(ensure_ascii=False, default=dict).encode


def digest_of(samples: Iterable[Sample]) -> str:
    """SHA-256 of every field of every sample, in order; the order of keys in metadata makes no difference."""
    found = hashlib.sha256()
    for s in samples:
        fields = [
            s.id, s.input, s.reference, s.request_type, s.system, s.messages, s.context, s.cluster, float(s.weight), s.metadata,
        ]  # fmt: skip
        found.update(_canonical(fields).encode())
        found.update(b"\n")
    return found.hexdigest()


def evalset_of(name: str, samples: Iterable[Sample], source: str = "") -> EvalSet:
    """The prompt set of these samples; its id is the start of its digest."""
    samples = tuple(samples)
    digest = digest_of(samples)
    return EvalSet(digest[:12], name, digest, samples, source)


def to_jsonl(evalset: EvalSet) -> bytes:
    """A JSON Lines file that imports to the same digest."""
    return b"".join(_plain(_row(s)).encode() + b"\n" for s in evalset.samples)


def _row(sample: Sample) -> dict[str, Any]:
    row: dict[str, Any] = {"id": sample.id}
    if sample.input or not sample.messages:
        row["input"] = sample.input
    if sample.messages:
        row["messages"] = sample.messages
    optional = {"reference": sample.reference, "request_type": sample.request_type, "system": sample.system, "context": sample.context,
                "cluster": sample.cluster}  # fmt: skip
    row |= {k: v for k, v in optional.items() if v is not None}
    if sample.weight != 1:
        row["weight"] = sample.weight
    if sample.metadata:
        row["metadata"] = sample.metadata
    return row
