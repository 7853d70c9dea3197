"""The policy as a TypeScript function: an ES module without dependencies and its types, run by Node for the replay."""

import json
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tierwise import evaluator
from tierwise.errors import BadInput
from tierwise.exporters import SAYS, Compiled, Request, exporter
from tierwise.exporters.endpoints import heading
from tierwise.exporters.javascript_patterns import BLANK, PLAIN, WORDLIKE, javascript
from tierwise.policy.document import readable
from tierwise.types import Policy

FILE, TYPES = "tier_policy.mjs", "tier_policy.d.mts"
EVALUATOR = Path(__file__).with_name("evaluator.mjs")
NOTE = "Send metadata values as text, as gateways do: JavaScript cannot tell 1.0 from 1, and writes lists in its own way."


@exporter(
    "typescript",
    "TypeScript function",
    "An ES module without dependencies, with its types: choose(messages, metadata).",
    "Code",
    shadow=SAYS,
)
def compile(policy: Policy) -> Compiled:
    document = policy.document
    head = heading(document, "An ES module for browsers, Node 18 or newer, Deno, Bun and workers.", "// ")
    constants = (
        f"const POLICY = JSON.parse({literal(readable(document))});\n"
        f"const KEYWORDS = JSON.parse({literal(json.dumps(evaluator.KEYWORDS, indent=1))});\n"
        f"const PATTERNS = JSON.parse({literal(json.dumps(_patterns(), indent=1))});\n"
        f"const BLANK = {json.dumps(BLANK)}, WORDLIKE = {json.dumps(WORDLIKE)};\n"
        f"const HEAD = {evaluator.HEAD}, TAIL = {evaluator.TAIL};\n\n"
    )
    code = EVALUATOR.read_text(encoding="utf-8").replace("$DIGITS", _other_digits())
    return Compiled({FILE: head + constants + code, TYPES: head + _TYPES}, _replay, (NOTE,))


def literal(text: str) -> str:
    """ASCII JSON as a raw template string that stays readable: without backticks and dollars nothing can end it or run in it."""
    safe = text.strip().replace("`", "\\u0060").replace("$", "\\u0024")
    if not safe.isascii():
        raise ValueError("JSON for a JavaScript file must be ASCII")
    return f"String.raw`{safe}`"


def _patterns() -> dict[str, str]:
    return {name: javascript(pattern) for name, pattern in PLAIN.items()}


@cache
def _other_digits() -> str:
    """Characters that Python calls digits beside the decimal ones, such as superscripts, as ranges of a pattern."""
    points = [i for i in range(sys.maxunicode + 1) if chr(i).isdigit() and unicodedata.category(chr(i)) != "Nd"]
    ends = [i for i in points if i + 1 not in points]
    starts = [i for i in points if i - 1 not in points]
    return "".join(f"\\u{{{a:x}}}-\\u{{{b:x}}}" for a, b in zip(starts, ends, strict=True))


def _replay(folder: Path, requests: Sequence[Request]) -> list[str]:
    node = shutil.which("node")
    if not node:
        raise BadInput("Not exported: the file is checked by running it, and there is no node on this machine. Install Node 18 or newer.")
    command = [node, "--input-type=module", "-e", _RUNNER, (folder / FILE).resolve().as_uri()]
    try:
        done = subprocess.run(command, input=json.dumps(list(requests)), capture_output=True, encoding="utf-8", timeout=600)
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"Not exported: {FILE} did not answer {len(requests)} prompts in ten minutes.") from error
    if done.returncode:
        raise BadInput(f"Not exported: {FILE} does not run: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    return [decision["tier"] for decision in json.loads(done.stdout)]


_RUNNER = """
import { readFileSync } from "node:fs";
const { choose } = await import(process.argv[1]);
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((r) => choose(r.messages, r.metadata))));
"""

_TYPES = """
/** A chat message in OpenAI's form; of content in parts, the text is read. */
export interface Message {
  role: string;
  content?: string | null | ReadonlyArray<string | { type?: string; text?: string; [key: string]: unknown }>;
  tool_calls?: ReadonlyArray<unknown> | null;
  [key: string]: unknown;
}

/** Where a request goes, and why. */
export interface Decision {
  tier: string;
  model: string | null;
  /** In [0, 1]; null where a rule or a fallback decided. */
  score: number | null;
  why: string;
}

/** Decide for a request. Metadata is flat, with request_type where it is known; values as text. */
export declare function choose(messages: ReadonlyArray<Message>, metadata?: Readonly<Record<string, unknown>> | null): Decision;

/** Whether the last tier is to answer the request too, so that both answers can be graded: the policy's shadow rate. */
export declare function shadowed(decision: Decision, requestId: string): boolean;
export default choose;
"""
