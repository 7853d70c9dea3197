"""Hostile JSON Schemas: each ends within three seconds as unscored, nothing is fetched, and the server goes on beating."""

import functools
import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tierwise.scorers import SCORERS
from tierwise.scorers.schema import MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH, STRIKES, _child
from tierwise.types import Sample

ANSWER = '{"a": {"a": 1}, "b": ["x", 2]}'
LONG = json.dumps("a" * 5_000 + "!")
MANY = json.dumps([{"x": i} for i in range(5_000)])


def doubling(levels: int) -> str:
    """2^levels ways through allOf to the same leaf."""
    steps = {f"s{i}": {"allOf": [{"$ref": f"#/$defs/s{i + 1}"}] * 2} for i in range(levels)}
    return json.dumps({"$ref": "#/$defs/s0", "$defs": steps | {f"s{levels}": {"type": "object"}}})


HOSTILE = {
    "file": ('{"$ref": "file:///etc/passwd"}', ANSWER),
    "an endless reference": ('{"$ref": "#"}', ANSWER),
    "an endless circle": ('{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}', ANSWER),
    "a reference to nothing": ('{"$ref": "#/$defs/none"}', ANSWER),
    "2^20 combinations": (doubling(20), ANSWER),
    "deep nesting": ('{"properties": {"a": ' * 40 + "{}" + "}}" * 40, ANSWER),
    "very deep nesting": ('{"not": ' * 10_000 + "{}" + "}" * 10_000, ANSWER),
    "an evil pattern": ('{"pattern": "^(a+)+$"}', LONG),
    "every pair compared": ('{"type": "array", "uniqueItems": true}', MANY),
    "a broken pattern": ('{"pattern": "("}', LONG),
    "a large one": (json.dumps({"type": "string", "enum": ["x" * 100] * 1000}), LONG),
    "not a schema": ('{"type": 5}', ANSWER),
    "a list": ("[]", ANSWER),
    "infinity": ('{"minimum": Infinity}', ANSWER),
}


def judge(schema: str, answer: str = ANSWER):
    return SCORERS["json_schema"](answer, Sample("s", "q", schema))


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_schema_is_unscored_in_words_within_three_seconds(kind):
    began = time.monotonic()
    found = judge(*HOSTILE[kind])
    assert time.monotonic() - began < 3
    assert found.value is None and found.reason.startswith("the schema cannot be used: ")
    assert judge('{"type": "object", "pattern": "x"}').value == 1, "the next one is judged as if nothing had happened"


def test_a_reference_to_the_web_is_never_followed():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/schema.json"
        relative = {"$id": address, "properties": {"a": {"$ref": "other.json"}}}
        for schema in ({"$ref": address}, relative, {"properties": {"a": {"$ref": address + "#/x"}}}):
            found = judge(json.dumps(schema))
            assert found.value is None and "Unresolvable" in found.reason
        judge(json.dumps({"$schema": address, "type": "object"}))
        judge(json.dumps({"$dynamicRef": address, "type": "object"}))
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def longest_wait(work) -> float:
    """Seconds that a thread which wants to run every 10 ms had to wait at most while `work` ran."""
    beats, over = [time.monotonic()], threading.Event()

    def beat() -> None:
        while not over.wait(0.01):
            beats.append(time.monotonic())

    thread = threading.Thread(target=beat)
    thread.start()
    work()
    over.set()
    thread.join()
    beats.append(time.monotonic())
    return max(b - a for a, b in itertools.pairwise(beats))


@pytest.mark.parametrize("kind", ["2^20 combinations", "an evil pattern", "every pair compared", "very deep nesting", "a large one"])
def test_other_threads_go_on_while_a_schema_is_judged(kind):
    schema, answer = HOSTILE[kind]
    for attempt in range(3):  # a busy machine may pause any thread; a held lock does so every time
        waited = longest_wait(functools.partial(judge, schema + " " * attempt, answer))
        if waited <= 0.25:
            break
    assert waited <= 0.25


def test_a_schema_that_keeps_running_out_of_time_is_not_tried_for_ever(monkeypatch):
    monkeypatch.setattr("tierwise.scorers.schema.SECONDS", 0.4)
    schema = doubling(24)
    assert ["over 0.4 seconds" in judge(schema).reason for _ in range(STRIKES)] == [True] * STRIKES
    began = time.monotonic()
    assert judge(schema).reason.endswith(f"it ran out of time on {STRIKES} answers before this one")
    assert time.monotonic() - began < 0.5


def test_the_process_that_judges_is_replaced_when_it_dies():
    assert judge('{"type": "object", "pattern": "x"}').value == 1
    _child._process.kill()
    _child._process.wait()
    assert judge('{"type": "object", "pattern": "x"}').value == 1


@pytest.mark.parametrize(("schema", "right", "wrong"), [
    ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, '{"a": 1}', '{"a": 1, "b": 2}'),
    ({"properties": {"n": {"type": "integer", "minimum": 3}}}, '{"n": 3}', '{"n": 2}'), ({"enum": ["x", "y"]}, '"x"', '"z"'),
    ({"type": "array", "items": {"type": "string"}, "maxItems": 2}, '["a"]', "[1]"), ({"const": {"a": 1}}, '{"a": 1}', '{"a": 2}'),
    ({"anyOf": [{"type": "null"}, {"pattern": "^[0-9]+$"}]}, '"12"', '"x"'), ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}},
    "null", "0"),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}], "additionalItems": False}, "[null]",
    "[null, 1]")])  # fmt: skip
def test_plain_and_combined_schemas_judge_alike(schema, right, wrong):
    text = json.dumps(schema)
    assert judge(text, right).value == 1
    found = judge(text, f"Here:\n```json\n{wrong}\n```")
    assert found.value == 0 and found.explanation


def test_an_explanation_says_what_is_wrong_however_long_the_value():
    told = judge('{"properties": {"a": {"type": "integer"}}}', json.dumps({"a": "x" * 3000})).explanation
    assert told.startswith("a: 'xxx") and told.endswith("is not of type 'integer'") and len(told) < 300


def test_limits_are_named():
    assert f"larger than {MAX_SCHEMA_BYTES // 1024} kB" in judge('{"title": "' + "x" * MAX_SCHEMA_BYTES + '", "type": "object"}').reason
    assert f"more than {MAX_SCHEMA_DEPTH} levels" in judge('{"not": ' * 32 + "{}" + "}" * 32).reason
    assert "none of the words of JSON Schema" in judge('{"city": "Rome"}').reason
    assert "longer than" in judge('{"type": "object"}', " " * 200_001).reason
    assert judge('{"type": "object"}', "no JSON here").value == 0, "an answer without JSON is wrong, not unscored"
