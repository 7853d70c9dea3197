"""The real Portkey gateway from npm, given the exported config and the scorer's metadata, serves the tier that `route` names."""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.conftest import installed
from tests.interop.test_litellm_gateway import HOSTILE, ODD, RULES, THREADS, shipped  # noqa: F401
from tests.policies import SPECS, a_policy
from tierwise.exporters import export, portkey
from tierwise.policy import route

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

PACKAGE = "@portkey-ai/gateway"


@pytest.fixture(scope="session")
def server() -> Path:
    """start-server.js of the tested version, downloaded once."""
    npm = shutil.which("npm")
    if not (npm and shutil.which("node")):
        pytest.skip("node and npm are not on this machine")
    asked = [npm, "install", "--prefix", "{folder}", "--no-audit", "--no-fund", "--ignore-scripts", f"{PACKAGE}@{portkey.TESTED}"]
    folder = installed(f"portkey-{portkey.TESTED}", asked)
    return folder / "node_modules" / PACKAGE / "build" / "start-server.js"


@pytest.fixture(scope="module")
def gateway(server, tmp_path_factory):
    """Address of a running gateway on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")}
    preload = f"--require={Path(__file__).with_name('loopback.cjs')}"
    log = tmp_path_factory.mktemp("portkey") / "gateway.log"
    with log.open("wb") as out:
        process = subprocess.Popen(["node", preload, str(server), f"--port={port}", "--headless"], env=kept, stdout=out, stderr=out)
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/v1/chat/completions"
    process.terminate()
    process.wait(20)


class Exported:
    """A policy's scorer with its config filled in for the stand-in, as a caller has it."""

    def __init__(self, policy, samples, folder: Path, base: str) -> None:
        self.done = export(policy, samples, "portkey", folder)
        spec = importlib.util.spec_from_file_location(f"scorer_{folder.name.replace('-', '_')}", folder / portkey.SCORER)
        self.scorer = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.scorer)
        text = (folder / portkey.CONFIG).read_text()
        names = {part.split("}")[0] for part in text.split('"${')[1:]}
        self.config = self.scorer.config(environment={n: base if n.endswith("_BASE") else "sk-unused" for n in names})

    def ask(self, gateway: str, messages: list, metadata: dict | None = None) -> tuple[dict, dict[str, str]]:
        headers = self.scorer.headers(messages, metadata, self.config) | {"content-type": "application/json"}
        body = json.dumps({"model": "auto", "messages": messages}).encode()
        with urllib.request.urlopen(urllib.request.Request(gateway, body, headers), timeout=60) as answer:
            return json.load(answer), {k.lower(): v for k, v in answer.headers.items()}


@pytest.fixture(scope="module")
def policy():
    return a_policy(5, SPECS["hash"], ({**RULES[0], "tier": "t4"}, {**RULES[1], "tier": "t1"}))


@pytest.fixture(scope="module")
def exported(policy, shipped, upstream, tmp_path_factory):  # noqa: F811
    return Exported(policy, shipped, tmp_path_factory.mktemp("portkey"), upstream.base)


def test_every_shipped_prompt_is_served_by_the_tier_that_route_names(policy, exported, gateway, shipped, upstream):  # noqa: F811
    assert exported.done.agreement == 1 and exported.done.checked == len(shipped)
    upstream.calls.clear()
    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda s: exported.ask(gateway, s.chat(), s.request_metadata()), shipped))
    print(f"\n{len(shipped)} prompts in {time.monotonic() - started:.1f} s")
    wanted = Counter((json.dumps(s.chat()), route(policy, {"messages": s.chat(), "metadata": s.request_metadata()}).model) for s in shipped)
    assert Counter(upstream.calls) == wanted
    assert len({model for _, model in wanted}) == 5, "the test should meet every tier"


@pytest.mark.parametrize("request_", [r for r in ODD if "max_tokens" not in r], ids=range(len(ODD) - 1))
def test_odd_requests_are_decided_the_same(request_, policy, exported, gateway, upstream):
    upstream.calls.clear()
    exported.ask(gateway, request_["messages"], request_.get("metadata"))
    wanted = route(policy, request_)
    assert [model for _, model in upstream.calls] == [wanted.model], wanted.why


def test_a_request_without_metadata_goes_to_the_default_tier(policy, exported, gateway, upstream):
    upstream.calls.clear()
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}).encode()
    headers = {"x-portkey-config": json.dumps(exported.config), "content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(gateway, body, headers), timeout=60).close()
    default = next(t for t in policy.document["tiers"] if t["name"] == policy.document["default_tier"])
    assert [model for _, model in upstream.calls] == [default["model"]["litellm_model"]]


def test_a_failing_tier_falls_back_but_a_pinned_request_does_not(policy, exported, gateway, upstream):
    messages = [{"role": "user", "content": "Hello there"}]
    first = route(policy, {"messages": messages}).model
    upstream.broken = {first, "test/t4"}
    try:
        answer, headers = exported.ask(gateway, messages)
        assert answer["choices"][0]["message"]["content"] not in (f"answered by {first}", "")
        assert headers["x-portkey-last-used-option-index"].endswith(".targets[1]")
        with pytest.raises(urllib.error.HTTPError) as refused:
            exported.ask(gateway, messages, {"critical": "true"})
        assert refused.value.code == 503
    finally:
        upstream.broken = set()


def test_hostile_names_and_words_reach_their_tier(gateway, shipped, upstream, tmp_path):  # noqa: F811
    rules = tuple({"id": h.replace("\n", " "), "when": {"keywords_any": [h]}, "tier": "t4"} for h in HOSTILE)
    policy = a_policy(5, SPECS["hash"], rules, name=HOSTILE[0])
    exported = Exported(policy, shipped, tmp_path, upstream.base)
    upstream.calls.clear()
    texts = [f"please look at {h} now" for h in HOSTILE] + ["Grüße 你好 \U0001f600", "a plain request"]
    for text in texts:
        exported.ask(gateway, [{"role": "user", "content": text}], {"note": "Größe ☃ \r\n x: y"})
    assert [m for _, m in upstream.calls] == [route(policy, {"prompt": t}).model for t in texts]
