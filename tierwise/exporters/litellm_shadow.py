"""Shadow sampling by the LiteLLM hook: a few requests are answered by the last tier too, after the caller has its answer, for grading.

The second call goes through the proxy itself, by a virtual key of its own: LiteLLM then holds its budget and limits and books what it
spends, and the caller's key pays for nothing it did not ask. Without the key, or a file to write to, nothing is sampled.
"""

from collections.abc import Mapping
from typing import Any


def readme(document: Mapping[str, Any], last: str) -> str:
    """How to turn it on, and what to do with the file. `last` is the last tier's group."""
    return f"""Shadow sampling (off until both are set)
  export TIERWISE_SHADOW_LOG=/var/lib/tierwise/pairs.jsonl   # prompts and answers are kept there, readable by the proxy's user alone
  export TIERWISE_SHADOW_KEY=sk-...    # a virtual key for {last} with a budget: it pays for the second answers
  export TIERWISE_SHADOW_URL=http://127.0.0.1:4000   # where the proxy hears itself; this unless set
{document["shadow"]["rate"]:.3g} of the chat completions that go below {last} are asked of {last} too, once the caller has its answer. Pinned requests are
never, nor answers from the cache, by a fallback or without text. A second call that fails is logged by its kind and not tried again.
Grade the pairs as the run was graded, and ask whether the policy still fits:
  python -m tierwise import-results pairs.jsonl --name pairs --models served,frontier
  python -m tierwise grade pairs --scorer ... --count
  python -m tierwise drift POLICY --run pairs"""


HOOK = '''

import asyncio  # noqa: E402
import datetime  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import urllib.request  # noqa: E402
import uuid  # noqa: E402

ASKED_TOO = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "response_format", "tools", "tool_choice",
    "reasoning_effort", "presence_penalty", "frequency_penalty",
)
WAITING, AT_ONCE, SECONDS = 1000, 4, 600
MARK = "tierwise_shadow"


def text_of(answer):
    """What a chat completion says, whole; None where it says nothing in words."""
    answer = answer if isinstance(answer, dict) else answer.model_dump() if hasattr(answer, "model_dump") else {}
    said = [(c.get("message") or {}).get("content") for c in answer.get("choices") or []]
    return said[0] if len(said) == 1 and isinstance(said[0], str) and said[0].strip() else None


class ShadowHook(PolicyHook):
    """Routes, and asks the last tier too for the policy's share of what it sent below it."""

    def __init__(self):
        super().__init__()
        self.file, self.key = os.environ.get("TIERWISE_SHADOW_LOG"), os.environ.get("TIERWISE_SHADOW_KEY")
        self.url = os.environ.get("TIERWISE_SHADOW_URL") or "http://127.0.0.1:4000"
        self.last = GROUPS[POLICY["tiers"][-1]["name"]]
        self.drawn, self.asking = {}, set()

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        """The request, sent to the group that the policy chooses; what is needed to ask again is kept where it was drawn."""
        found, about, mark = routed(data), data.get("metadata"), uuid.uuid4().hex
        wanted = found and self.file and self.key and call_type in ("completion", "acompletion") and isinstance(about, dict)
        if wanted and shadowed(POLICY, found, mark):
            body = {k: data[k] for k in ASKED_TOO if k in data} | {"messages": data.get("messages")}
            kind = told(data.get("litellm_metadata"), about).get("request_type")
            about[MARK] = mark  # not the id of the call, which may be the caller's own and come twice
            self.drawn[mark] = (json.dumps(body, default=str), kind, data["model"])
            if len(self.drawn) > WAITING:  # calls that failed never come back
                del self.drawn[next(iter(self.drawn))]
        return data

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        """Called after the caller has its answer, once a stream is whole."""
        about = (kwargs.get("litellm_params") or {}).get("metadata") or {}
        body, kind, group = self.drawn.pop(about.get(MARK), (None, None, None))
        text = text_of(response_obj) if body and about.get("model_group") == group and not kwargs.get("cache_hit") else None
        if text and len(self.asking) < AT_ONCE:
            task = asyncio.get_running_loop().create_task(self.ask(body, kind, group, text, kwargs.get("response_cost")))
            self.asking.add(task)
            task.add_done_callback(self.asking.discard)

    async def ask(self, body, kind, group, text, cost):
        """The pair, written down; whatever goes wrong is told by its kind alone, since messages may quote prompts."""
        try:
            answer, price = await asyncio.to_thread(self.post, body)
            if text_of(answer):
                row = {"sample_id": uuid.uuid4().hex, "time": datetime.datetime.now(datetime.timezone.utc).isoformat(), "request_type": kind,
                       "routed_to": group, "messages": json.loads(body)["messages"], "served_score": None, "frontier_score": None,
                       "served_output": text, "frontier_output": text_of(answer), "served_cost_usd": cost, "frontier_cost_usd": price}  # fmt: skip
                await asyncio.to_thread(self.write, row)
        except Exception as error:
            logging.getLogger("tierwise.shadow").warning("a shadow pair was lost: %s", type(error).__name__)

    def post(self, body):
        """The last tier's own answer and its price; a fallback's would not be one."""
        whole = json.dumps(json.loads(body) | {"model": self.last, "disable_fallbacks": True}).encode()
        head = {"content-type": "application/json", "authorization": "Bearer " + self.key}
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it asks itself, not the web
        with direct.open(urllib.request.Request(self.url.rstrip("/") + "/v1/chat/completions", whole, head), timeout=SECONDS) as got:
            price = got.headers.get("x-litellm-response-cost")
            return json.load(got), float(price) if price else None

    def write(self, row):
        """One line, whole, so that several workers may share the file."""
        place = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(place, (json.dumps(row) + "\\n").encode())
        finally:
            os.close(place)


policy_hook = ShadowHook()
'''
