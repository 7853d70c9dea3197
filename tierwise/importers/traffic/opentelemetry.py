"""OpenTelemetry spans with the GenAI attributes (semantic conventions 0.66b2, and the names before them), nested as OTLP or flat."""

from collections.abc import Iterator, Mapping
from typing import Any

from tierwise.importers import cells
from tierwise.importers.traffic.form import FORMATS, Call, Format, Unusable, labels, number, parsed, prompt_of, text, whole
from tierwise.tables import Table

OPERATIONS = {"chat", "text_completion", "generate_content", None}
"""Others, such as invoke_agent, repeat the tokens of the calls inside them."""
LOOKED_AT = 50


@FORMATS.add("opentelemetry")
class OpenTelemetry(Format):
    name, title = "opentelemetry", "OpenTelemetry GenAI spans"
    columns = (
        "resourceSpans", "scopeSpans", "attributes", "startTimeUnixNano", "endTimeUnixNano", "start_time", "end_time", "trace_id",
        "span_id", "parent_id", "parentSpanId", "spanId", "traceId", "kind", "name", "status", "events", "links", "context", "resource",
        "duration_ms",
    )  # fmt: skip

    @classmethod
    def missing(cls, table: Table) -> list[str]:
        return [] if _nested(table) or any(_bare(c).startswith("gen_ai.") for c in table.columns) else ["gen_ai.request.model"]

    @classmethod
    def known(cls, table: Table) -> list[str]:
        flat = [c for c in table.columns if _bare(c).startswith("gen_ai.")]
        return flat + [c for c in super().known(table) if c not in flat]

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for number_, row in enumerate(self.table.rows, 1):
            if not row:
                continue
            for span in _spans(row):
                yield number_, span

    def call(self, row: Mapping[str, Any]) -> Call:
        a = _attributes(row.get("attributes")) or {_bare(k): v for k, v in row.items() if v not in (None, "")}
        operation = text(a.get("gen_ai.operation.name"))
        if not any(k.startswith("gen_ai.") for k in a):
            raise Unusable("not a span of a model call")
        if operation not in OPERATIONS:
            raise Unusable("not a chat completion", f"gen_ai.operation.name is {operation}")
        model = text(a.get("gen_ai.request.model")) or text(a.get("gen_ai.response.model"))
        if model is None:
            raise Unusable("no model is named")
        told = labels({k.removeprefix("metadata."): v for k, v in a.items() if not k.startswith("gen_ai.")},
                      {"gen_ai.prompt.name": a.get("gen_ai.prompt.name"), "gen_ai.agent.name": a.get("gen_ai.agent.name")})  # fmt: skip
        return Call(
            model, text(a.get("gen_ai.provider.name")) or text(a.get("gen_ai.system")),
            row.get("startTimeUnixNano") or row.get("start_time") or row.get("startTime"),
            row.get("endTimeUnixNano") or row.get("end_time") or row.get("endTime"), told.get("request_type"), _prompt(a),
            _first(a, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            _first(a, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            _first(a, "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
            None, number(row.get("duration_ms"), "duration_ms", cells.milliseconds), "failed" if _failed(row, a) else "ok", False, 1, told,
        )  # fmt: skip

    def notices(self) -> list[str]:
        return ["Spans carry no costs; list prices are used."]


def _bare(name: str) -> str:
    for prefix in ("attributes.", "span.attributes.", "SpanAttributes."):
        name = name.removeprefix(prefix)
    return name


def _nested(table: Table) -> bool:
    if "resourceSpans" in table.columns or "scopeSpans" in table.columns:
        return True
    return "attributes" in table.columns and any("gen_ai." in str(row.get("attributes")) for row in table.rows[:LOOKED_AT])


def _spans(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The spans inside an OTLP object, or the row itself."""
    inner = next((row[k] for k in ("resourceSpans", "scopeSpans", "spans") if isinstance(row.get(k), list)), None)
    if inner is None:
        yield row
        return
    for item in inner:
        if isinstance(item, dict):
            yield from _spans(item)


def _attributes(value: Any) -> dict[str, Any]:
    """{name: value} from an object, its JSON, or the OTLP list of {key, value: {stringValue: ...}}."""
    value = parsed(value)
    if isinstance(value, dict):
        return value
    found = {}
    for item in value or []:
        if isinstance(item, dict) and isinstance(item.get("value"), dict) and "key" in item:
            found[str(item["key"])] = _otlp(item["value"])
    return found


def _otlp(value: Mapping[str, Any]) -> Any:
    if "kvlistValue" in value:
        return _attributes((value["kvlistValue"] or {}).get("values"))
    if "arrayValue" in value:
        return [_otlp(v) for v in (value["arrayValue"] or {}).get("values", []) if isinstance(v, dict)]
    return next(iter(value.values()), None)


def _first(attributes: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        if attributes.get(name) is not None:
            return number(attributes[name], name, whole)
    return None


def _failed(row: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    status = row.get("status")
    code = status.get("code") or status.get("status_code") if isinstance(status, dict) else status or row.get("status_code")
    return str(code).upper() in ("2", "ERROR", "STATUS_CODE_ERROR") or bool(attributes.get("error.type"))


def _prompt(attributes: Mapping[str, Any]) -> Any:
    """Messages of the conventions have parts {type, content}; they become {role, content}."""
    messages = parsed(attributes.get("gen_ai.input.messages"))
    if not isinstance(messages, list):
        return prompt_of(attributes.get("gen_ai.prompt"))
    system = _content(parsed(attributes.get("gen_ai.system_instructions")))
    out = [{"role": "system", "content": system}] if isinstance(system, str) and system else []
    out += [{"role": m.get("role"), "content": _content(m.get("parts", m.get("content")))} for m in messages if isinstance(m, dict)]
    return prompt_of(out)


def _content(parts: Any) -> Any:
    """Text parts joined; anything else as it is, for the prompt set to refuse in words."""
    if isinstance(parts, list) and parts and all(isinstance(p, dict) and p.get("type") == "text" for p in parts):
        return "\n".join(str(p.get("content", p.get("text", ""))) for p in parts)
    return parts
