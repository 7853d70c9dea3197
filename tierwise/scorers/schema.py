"""The JSON Schema scorer. Schemas may be hostile: anything but the plainest is judged in a child process under a time limit."""

import atexit
import json
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from tierwise.scorers.schema_child import judge
from tierwise.scorers.score import NO_REFERENCE, Score, scorer, unscored
from tierwise.scorers.structure import MAX_TEXT, NotJson, depth, find_json, parse
from tierwise.types import Sample

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32
SECONDS = 1.5
"""How long one judgement may take in the child process."""

STRIKES = 3
"""After so many judgements that ran out of time a schema is not tried again."""

PLAIN = frozenset({
    "type", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
    "minProperties", "maxProperties", "title", "description", "format", "const", "enum", "properties", "items", "additionalProperties",
})  # fmt: skip
KEYWORDS = PLAIN | {
    "$schema", "$ref", "$defs", "definitions", "allOf", "anyOf", "oneOf", "not", "if", "pattern", "patternProperties", "prefixItems",
    "contains",
    "multipleOf", "uniqueItems", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
}  # fmt: skip
"""An example of an answer is a schema that everything fits; a schema has at least one of these."""

PLAIN_ANSWER = 20_000

_strikes: dict[str, int] = {}


@scorer("json_schema", summary="The answer holds JSON that fits a JSON Schema", needs_reference=False, examples=[
    ('{"a": 1}', '{"type": "object", "required": ["a"]}', 1), ('{"b": 1}', '{"type": "object", "required": ["a"]}', 0), 
    ("sorry", '{"type": "object"}', 0), ('```json\n{"a": 1}\n```', None, 1, {"schema": '{"properties": {"a": {"type": "integer"}}}'}), 
    ("{}", '{"type": 5}', None), ("{}", "no JSON", None), ("{}", '{"name": "an answer"}', None),
    ('{"id": "x7"}', '{"properties": {"id": {"pattern": "^x[0-9]$"}}}', 1), ("{}", '{"$ref": "https://example.com/schema.json"}', None),
    ("{}", None, None)])  # fmt: skip
def json_schema(
    output: str, sample: Sample, *,
    schema: Annotated[str | None, "The JSON Schema for all prompts; without it each prompt's reference is its schema"] = None,
) -> Score:  # fmt: skip
    """1 when the JSON in the answer is valid (draft 2020-12 unless `$schema` says otherwise); an answer without JSON is wrong.

    Unscored: a schema that is not valid, refers to another document, is over 64 kB or 32 levels deep, or takes over 1.5 seconds to apply.
    """
    text = sample.reference if schema is None else schema
    if text is None or not text.strip():
        return unscored(NO_REFERENCE)
    problem, plain = _examine(text)
    if problem:
        return unscored(f"the schema cannot be used: {problem}")
    if len(output) > MAX_TEXT:
        return unscored(f"the answer is longer than {MAX_TEXT:,} characters")
    try:
        instance = json.dumps(find_json(output))
    except NotJson as error:
        return Score(0.0, f"not JSON: {error}")
    if _strikes.get(text, 0) >= STRIKES:
        return unscored(f"the schema cannot be used: it ran out of time on {STRIKES} answers before this one")
    try:
        verdict = judge(text, instance) if plain and len(instance) <= PLAIN_ANSWER else _child.ask(text, instance)
    except TimeoutError:
        if len(_strikes) > 1000:
            _strikes.clear()
        _strikes[text] = _strikes.get(text, 0) + 1
        return unscored(f"the schema cannot be used: applying it took over {SECONDS} seconds")
    if "error" in verdict:
        return unscored(f"the schema cannot be used: {verdict['error']}")
    return Score(1.0) if verdict["valid"] else Score(0.0, verdict["why"])


@lru_cache(256)
def _examine(text: str) -> tuple[str | None, bool]:
    """What is wrong with a schema, if anything, and whether it is plain enough to be judged in this process."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SCHEMA_BYTES:
        return f"it is larger than {MAX_SCHEMA_BYTES // 1024} kB", False
    try:
        schema = parse(text)
    except NotJson as error:
        return f"it is not JSON: {error}", False
    if not isinstance(schema, dict | bool):
        return "it is not a JSON object", False
    if depth(schema) > MAX_SCHEMA_DEPTH:
        return f"it is nested more than {MAX_SCHEMA_DEPTH} levels deep", False
    if isinstance(schema, dict) and schema and not schema.keys() & KEYWORDS:
        return "it has none of the words of JSON Schema, such as type or properties", False
    return None, _plain(schema)


def _plain(schema: Any) -> bool:
    """Whether judging takes time in proportion to the answer: no patterns, references, combinations of schemas or long lists of values."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict) or not schema.keys() <= PLAIN or len(json.dumps(schema.get("enum", ""))) > 4000:
        return False
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not isinstance(schema.get("type", ""), str | list):
        return False
    return all(_plain(part) for part in (*properties.values(), schema.get("items", True), schema.get("additionalProperties", True)))


class _Child:
    """A process that judges one request after another, replaced when it does not answer in time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask(self, schema: str, instance: str) -> dict[str, Any]:
        """The reply of `judge`; raises TimeoutError, and the process is gone then."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            try:
                self._process.stdin.write(json.dumps([schema, instance]) + "\n")
                self._process.stdin.flush()
                reply = self._replies.get(timeout=SECONDS)
            except (queue.Empty, OSError):
                self._stop()
                raise TimeoutError from None
            if reply is None:
                self._stop()
                return {"error": "it took too much memory, or brought the process that judges it to an end"}
            return json.loads(reply)

    def _start(self) -> None:
        script = Path(__file__).with_name("schema_child.py")
        process = subprocess.Popen(
            [sys.executable, "-I", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, encoding="ascii",
        )  # fmt: skip
        replies: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process, self._replies = process, replies
        threading.Thread(target=_read, args=(process, replies), name="schema-child", daemon=True).start()
        try:
            ready = replies.get(timeout=30)
        except queue.Empty:
            ready = None
        if ready is None:
            self._stop()
            raise RuntimeError("the process that judges JSON Schemas did not start")

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with suppress(OSError):
                self._process.stdin.close()
            self._process = None

    def close(self) -> None:
        with self._lock:
            self._stop()


def _read(process: subprocess.Popen[str], replies: "queue.SimpleQueue[str | None]") -> None:
    for line in process.stdout:
        replies.put(line)
    process.stdout.close()
    replies.put(None)


_child = _Child()
atexit.register(_child.close)
