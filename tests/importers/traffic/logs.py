"""One small log a format, made by hand in the shape that its tool documents: two good rows, one failed, one unusable."""

import csv
import io
import json


def as_csv(rows: list[dict]) -> bytes:
    columns = list({k: None for row in rows for k in row})
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()})
    return out.getvalue().encode()


def as_jsonl(rows: list[dict]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


CHAT = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Where is my invoice?"}]


def spend(i: int, **other) -> dict:
    row = {
        "request_id": f"chatcmpl-{i}",
        "call_type": "acompletion",
        "api_key": "hash",
        "spend": 0.002,
        "total_tokens": 120,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "startTime": f"2026-09-0{i} 10:00:00.000",
        "endTime": f"2026-09-0{i} 10:00:01.500",
        "request_duration_ms": 1500,
        "model": "gpt-4o",
        "model_id": "m",
        "model_group": "top",
        "custom_llm_provider": "openai",
        "user": "u",
        "metadata": {
            "spend_logs_metadata": {"request_type": "billing", "team": "a"},
            "usage_object": {"prompt_tokens_details": {"cached_tokens": 40}},
        },
        "cache_hit": "False",
        "request_tags": ["desk:north", "beta"],
        "messages": CHAT,
        "response": {},
        "session_id": "s",
        "status": "success",
    }
    return row | other


def payload(i: int, **other) -> dict:
    row = {
        "id": f"chatcmpl-{i}",
        "litellm_call_id": "c",
        "trace_id": "t",
        "call_type": "acompletion",
        "stream": False,
        "status": "success",
        "custom_llm_provider": "openai",
        "startTime": 1788256800.0 + 86400 * i,
        "endTime": 1788256801.5 + 86400 * i,
        "response_time": 1.5,
        "model": "gpt-4o",
        "model_group": "top",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "response_cost": 0.002,
        "cache_hit": False,
        "request_tags": [],
        "messages": CHAT,
        "response": {"choices": []},
        "model_parameters": {},
        "metadata": {
            "spend_logs_metadata": {"request_type": "billing"},
            "usage_object": {"prompt_tokens_details": {"cached_tokens": 40}},
            "routing_decision": {"tier": "SIMPLE"},
        },
    }
    return row | other


def openrouter(i: int, **other) -> dict:
    row = {
        "generation_id": f"gen-{i}",
        "created_at": f"2026-09-0{i} 10:00:00.000",
        "cost_total": 0.0015,
        "cost_web_search": 0,
        "cost_cache": 0,
        "cost_file_processing": 0,
        "byok_usage_inference": 0.0005,
        "tokens_prompt": 100,
        "tokens_completion": 20,
        "tokens_reasoning": 0,
        "tokens_cached": 40,
        "model_permaslug": "gpt-4o",
        "provider_name": "OpenAI",
        "variant": "standard",
        "cancelled": "false",
        "streamed": "true",
        "user": "",
        "finish_reason_raw": "stop",
        "finish_reason_normalized": "stop",
        "generation_time_ms": 1500,
        "time_to_first_token_ms": 300,
        "api_key_disabled": "false",
        "api_key_name": "prod",
        "app_name": f"app{i % 2}",
    }
    return row | other


def activity(i: int, **other) -> dict:
    row = {
        "date": f"2026-09-0{i}",
        "model": "gpt-4o",
        "model_permaslug": "gpt-4o",
        "endpoint_id": "e",
        "provider_name": "OpenAI",
        "usage": 0.02,
        "byok_usage_inference": 0,
        "requests": 10,
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "reasoning_tokens": 0,
        "cached_tokens": 400,
    }
    return row | other


def langfuse(i: int, **other) -> dict:
    row = {
        "id": f"o{i}",
        "traceId": "t",
        "startTime": f"2026-09-0{i}T10:00:00.000Z",
        "endTime": f"2026-09-0{i}T10:00:01.500Z",
        "projectId": "p",
        "parentObservationId": "",
        "type": "GENERATION",
        "name": "answer",
        "level": "DEFAULT",
        "statusMessage": "",
        "input": CHAT,
        "output": "…",
        "metadata": {"request_type": "billing"},
        "model": "gpt-4o",
        "usageDetails": {"input": 60, "output": 20, "input_cached_tokens": 40, "total": 120},
        "inputUsage": 100,
        "outputUsage": 20,
        "totalUsage": 120,
        "costDetails": {"total": 0.002},
        "totalCost": 0.002,
        "latency": 1.5,
        "timeToFirstToken": 0.4,
        "traceName": "support",
        "traceTags": ["beta"],
        "userId": "u",
    }
    return row | other


def helicone(i: int, **other) -> dict:
    row = {
        "response_id": f"r{i}",
        "response_created_at": f"2026-09-0{i}T10:00:01.500Z",
        "response_status": 200,
        "request_created_at": f"2026-09-0{i}T10:00:00.000Z",
        "request_body": {"model": "gpt-4o", "messages": CHAT},
        "request_properties": {"request_type": "billing"},
        "request_user_id": "u",
        "model": "gpt-4o",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "latency": 1500,
        "cost": 0.002,
    }
    return row | other


def portkey(i: int, **other) -> dict:
    row = {
        "id": f"p{i}",
        "trace_id": "t",
        "created_at": f"2026-09-0{i}T10:00:00Z",
        "request": {"body": {"messages": CHAT}},
        "response": {},
        "is_success": True,
        "ai_org": "openai",
        "ai_model": "gpt-4o",
        "req_units": 100,
        "res_units": 20,
        "total_units": 120,
        "cost": 0.2,
        "cost_currency": "USD",
        "response_time": 1500,
        "response_status_code": 200,
        "mode": "single",
        "prompt_slug": "",
        "metadata": {"request_type": "billing"},
    }
    return row | other


def span(i: int, attributes: dict | None = None, **other) -> dict:
    found = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "request_type": "billing",
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be short."}]),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is my invoice?"}]}]),
    }
    nanoseconds = 1788256800 * 10**9 + i * 86400 * 10**9
    return {
        "name": "chat gpt-4o",
        "startTimeUnixNano": str(nanoseconds),
        "endTimeUnixNano": str(nanoseconds + 1_500_000_000),
        "attributes": found | (attributes or {}),
    } | other


def otlp(spans: list[dict]) -> bytes:
    """As the file exporter of a collector writes it."""

    def value(v: object) -> dict:
        return {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}

    nested = [s | {"attributes": [{"key": k, "value": value(v)} for k, v in s["attributes"].items()]} for s in spans]
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "x"}, "spans": nested}]}]}
    ).encode()


def plain(i: int, **other) -> dict:
    row = {
        "time": f"2026-09-0{i}T10:00:00Z",
        "model": "gpt-4o",
        "request_type": "billing",
        "prompt": "Where is my invoice?",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cached_tokens": 40,
        "cost": 0.002,
        "latency": 1500,
        "status": "success",
    }
    return row | other


LOGS: dict[str, list[tuple[str, bytes]]] = {
    "litellm-spend": [("log.csv", as_csv([spend(1), spend(2), spend(3, status="failure", spend=0), spend(4, call_type="aembedding")]))],
    "litellm-payload": [
        ("log.jsonl", as_jsonl([payload(1), payload(2), payload(3, status="failure", response_cost=0), payload(4, call_type="aembedding")]))
    ],
    "openrouter": [
        (
            "log.csv",
            as_csv([openrouter(1), openrouter(2), openrouter(3, finish_reason_normalized="error"), openrouter(4, model_permaslug="")]),
        )
    ],
    "openrouter-api": [("log.json", json.dumps({"data": [activity(1), activity(2), activity(3, requests=0)]}).encode())],
    "langfuse": [
        (name, form([langfuse(1), langfuse(2), langfuse(3, level="ERROR"), langfuse(4, type="SPAN")]))
        for name, form in (("log.csv", as_csv), ("log.jsonl", as_jsonl), ("log.json", lambda rows: json.dumps(rows).encode()))
    ],
    "helicone": [("log.csv", as_csv([helicone(1), helicone(2), helicone(3, response_status=500), helicone(4, prompt_tokens="many")]))],
    "portkey": [
        (name, form([portkey(1), portkey(2), portkey(3, is_success=False), portkey(4, ai_model="")]))
        for name, form in (("log.csv", as_csv), ("log.jsonl", as_jsonl))
    ],
    "opentelemetry": [
        (name, form([span(1), span(2), span(3, status={"code": 2}), span(4, {"gen_ai.operation.name": "invoke_agent"})]))
        for name, form in (("log.json", otlp), ("log.jsonl", as_jsonl), ("lines.jsonl", otlp))
    ],
    "plain": [("log.csv", as_csv([plain(1), plain(2), plain(3, status="failed"), plain(4, model="")]))],
}
"""Format -> files that are the same four calls."""
