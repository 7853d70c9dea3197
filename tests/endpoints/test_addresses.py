"""Bar 37: no field that a user can fill makes the server call what only the server can reach."""

import asyncio
import http.server
import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.conftest import make_matrix
from tests.policies import a_policy
from tests.runs.conftest import keep_prompts
from tierwise.endpoints import addresses, models
from tierwise.endpoints.addresses import address_of, check_url, refusal
from tierwise.endpoints.presets import test_call
from tierwise.endpoints.tiers import check_tiers
from tierwise.errors import BadInput, TierwiseError
from tierwise.policy.gateway_check import check_gateway
from tierwise.runs import background
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.types import Sample, Tier

test_call.__test__ = False

METADATA = ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::", "fe80::1", "224.0.0.1", "169.254.0.1")  # fmt: skip
INSIDE = (
    "127.0.0.1",
    "10.0.0.5",
    "172.16.3.1",
    "192.168.1.1",
    "::1",
    "0.0.0.0",
    "::",
    "fc00::1",
    "100.64.0.1",
    "::ffff:10.0.0.5",
    "127.8.8.8",
)
OUTSIDE = ("8.8.8.8", "2606:4700:4700::1111", "93.184.216.34")
WRITTEN = ("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.0.0.1.", "[::1]", "[::ffff:7f00:1]")


@dataclass
class Collector:
    """A server on loopback that counts who comes, and can send its callers elsewhere."""

    sends_to: str | None = None
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"] or 0))
                collector.hits.append(self.path)
                self.send_response(307 if collector.sends_to else 200)
                if collector.sends_to:
                    self.send_header("location", collector.sends_to + self.path)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def team(monkeypatch) -> None:
    monkeypatch.setenv("TIERWISE_LOGIN", "oidc")
    monkeypatch.setenv("A_PROVIDER_KEY", "k-123456789")


def listed(monkeypatch, *hosts: str) -> None:
    monkeypatch.setenv("TIERWISE_ALLOWED_ENDPOINTS", " ".join(hosts))


@pytest.mark.parametrize("address", METADATA)
def test_what_clouds_tell_their_machines_is_read_by_nobody(address, monkeypatch):
    for login in ("off", "oidc"):
        monkeypatch.setenv("TIERWISE_LOGIN", login)
        parsed = ipaddress.ip_address(address)
        assert refusal(parsed, 80) and refusal(parsed, 80, [(parsed, None)])


@pytest.mark.parametrize("address", INSIDE)
def test_the_network_inside_is_for_the_administrator(address, monkeypatch):
    parsed = ipaddress.ip_address(address)
    assert refusal(parsed, 11434) is None
    monkeypatch.setenv("TIERWISE_LOGIN", "proxy")
    assert "TIERWISE_ALLOWED_ENDPOINTS" in refusal(parsed, 11434)
    assert refusal(parsed, 11434, [(parsed, 11434)]) is None and refusal(parsed, 22, [(parsed, 11434)])


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_world_outside_is_open(address, team):
    assert refusal(ipaddress.ip_address(address), 443) is None


@pytest.mark.parametrize("text", WRITTEN)
def test_an_address_is_known_in_every_way_of_writing_it(text, team):
    assert addresses.inner(address_of(text)).is_loopback or address_of(text).is_loopback
    with pytest.raises(BadInput, match="inside the server's own network"):
        check_url("x", f"http://{text}:80/v1")


@pytest.mark.parametrize("url", [
    "http://localhost/v1", "http://ollama:11434/v1", "http://a.internal", "http://metadata.google.internal/", "http://printer.local", "http://LOCALHOST.",
    "file:///etc/passwd", "gopher://x.example", "http:///x", "//x", "http://169.254.169.254/latest", "http://[fe80::1]/", "http://x:99999/"])  # fmt: skip
def test_names_of_the_inside_and_other_schemes_are_refused(url, team):
    with pytest.raises(BadInput):
        check_url("x", url)


def test_a_listed_host_may_be_called_and_only_there(team, monkeypatch):
    listed(monkeypatch, "ollama:11434", "10.1.2.3", "[fd12::1]:8000")
    for good in ("http://ollama:11434/v1", "http://10.1.2.3:9/v1", "http://[fd12::1]:8000", "https://api.example.com/v1"):
        check_url("x", good)
    for bad in ("http://ollama/v1", "http://ollama.evil.internal:11434", "http://[fd12::1]:8001"):
        with pytest.raises(BadInput):
            check_url("x", bad)
    monkeypatch.setenv("TIERWISE_ALLOWED_ENDPOINTS", "http://")
    with pytest.raises(BadInput, match="host:port"):
        check_url("x", "http://ollama:1")


def call(tier: Tier, embed: bool = False) -> str:
    models.load(tier)
    work = (
        models.embed(tier, ["x"], timeout_s=5, request_id="r") if embed
        else models.call(tier, [{"role": "user", "content": "x"}], max_tokens=5, timeout_s=5, request_id="r")
    )  # fmt: skip
    try:
        return f"answered: {background.submit(work).result(60)}"
    except models.CallFailed as failed:
        return str(failed)


@pytest.mark.parametrize("model", ["openai/m", "anthropic/m", "ollama/m", "gemini/m", "openai/gpt-5"])
def test_a_name_that_means_this_machine_by_the_time_it_is_called_is_not(team, collector, monkeypatch, model):
    """DNS rebinding: the name looks like any other while it is typed."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: real("127.0.0.1" if host == "rebound.example.com" else host, *a, **k))
    tier = Tier("t", model, f"http://rebound.example.com:{collector.port}/v1", input_per_1m=1.0, output_per_1m=1.0)
    check_tiers([tier])
    assert "inside the server's own network" in call(tier)
    assert collector.hits == []
    monkeypatch.setenv("TIERWISE_LOGIN", "off")
    call(tier)
    assert collector.hits, "the guard is what kept it from being called"


@pytest.mark.parametrize("model", ["openai/m", "anthropic/m", "ollama/m", "openai/gpt-5"])
def test_a_redirect_into_the_network_is_not_followed(team, collector, monkeypatch, model):
    first = Collector(sends_to=f"http://127.0.0.1:{collector.port}")
    listed(monkeypatch, f"127.0.0.1:{first.port}")
    tier = Tier("t", model, first.url, input_per_1m=1.0, output_per_1m=1.0)
    call(tier)
    assert first.hits and collector.hits == []
    first.close()


def test_embeddings_go_by_the_same_rules(team, collector, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: real("127.0.0.1" if host == "rebound.example.com" else host, *a, **k))
    call(Tier("t", "openai/m", f"http://rebound.example.com:{collector.port}/v1"), embed=True)
    assert collector.hits == []


def test_no_field_of_a_run_a_judge_or_a_test_call_reaches_inside(team, collector, store):
    evalset_id = keep_prompts(store, 2)
    inside = Tier("t", "openai/m", collector.url, input_per_1m=1.0, output_per_1m=1.0)
    outside = Tier("t", "openai/m", "https://api.example.com/v1", input_per_1m=1.0, output_per_1m=1.0)
    judge = {"model": "openai/m", "api_base": collector.url, "input_per_1m": 1.0, "output_per_1m": 1.0}
    with pytest.raises(TierwiseError, match="inside the server"):
        test_call(store, inside)
    with pytest.raises(TierwiseError, match="inside the server"):
        create_run(store, evalset_id, [inside], params={"scorer": "exact"})
    with pytest.raises(TierwiseError, match="inside the server"):
        create_run(store, evalset_id, [outside], params={"scorer": "llm_judge", "scorer_options": judge})
    with pytest.raises(TierwiseError, match="inside the server"):
        check_gateway(a_policy(), [Sample("s", "x")], collector.url, "auto")
    from tierwise.routers import ROUTERS, RouterData

    with pytest.raises(TierwiseError, match="inside the server"):
        ROUTERS["endpoint"](url=collector.url).fit(RouterData.of(make_matrix(60)))
    assert collector.hits == []


def test_a_run_that_came_in_a_file_is_judged_before_it_goes_on(team, collector, store, monkeypatch):
    monkeypatch.setenv("TIERWISE_LOGIN", "off")
    run = create_run(store, keep_prompts(store, 1), [Tier("t", "openai/m", collector.url, input_per_1m=1.0, output_per_1m=1.0)],
                     params={"scorer": "exact"})  # fmt: skip
    monkeypatch.setenv("TIERWISE_LOGIN", "oidc")
    with pytest.raises(TierwiseError, match="inside the server"):
        execute(store, run.id)
    assert collector.hits == []


def test_a_gateway_whose_name_changes_its_meaning_is_not_asked(team, collector, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: real("127.0.0.1" if host == "rebound.example.com" else host, *a, **k))
    url = f"http://rebound.example.com:{collector.port}/v1"
    told = check_gateway(a_policy(), [Sample("s", "x")], url, "auto")
    assert "inside the server" in told.asked[0].error and collector.hits == []
    monkeypatch.setenv("TIERWISE_ALLOWED_ENDPOINTS", f"rebound.example.com:{collector.port}")
    check_gateway(a_policy(), [Sample("s", "x")], url, "auto")
    assert len(collector.hits) == 1


@pytest.mark.parametrize("params", [
    {"aws_sts_endpoint": "https://169.254.169.254"}, {"account": "/srv/key.json"}, {"proof": "oidc/file//etc/passwd"},
    {"something": {"deep": ["http://127.0.0.1"]}}, {"aws_profile_name": "admin"}, {"x": "..\\secrets"}])  # fmt: skip
def test_parameters_name_no_address_and_no_file_on_a_server_for_a_team(team, params, monkeypatch):
    tier = Tier("t", "bedrock/m", params=params, input_per_1m=1.0, output_per_1m=1.0)
    with pytest.raises(BadInput, match="names an address or a file"):
        check_tiers([tier])
    monkeypatch.setenv("TIERWISE_LOGIN", "off")
    check_tiers([tier])


def test_keys_go_to_providers_and_to_listed_addresses_and_are_keys(team, monkeypatch):
    def tier(**kwargs) -> Tier:
        return Tier("t", "openai/m", **kwargs)

    check_tiers([tier(api_key_env="OPENAI_API_KEY")])
    check_tiers([tier(api_base="https://api.example.com/v1")])
    check_tiers([tier(params={"extra_headers": {"HTTP-Referer": "https://our.example", "x-key": "os.environ/A_KEY"}})])
    for bad in (
        tier(api_key_env="DATABASE_URL"), tier(api_key_env="TIERWISE_METRICS_TOKEN"), tier(api_key_env="STREAMLIT_SERVER_COOKIE_SECRET_KEY"),
        tier(api_base="https://evil.example/v1", api_key_env="OPENAI_API_KEY"),
        tier(api_base="https://evil.example/v1", params={"extra_headers": {"x": "os.environ/OPENAI_API_KEY"}}),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            check_tiers([bad])
    with pytest.raises(BadInput, match="that the administrator has listed"):
        check_gateway(a_policy(), [], "https://evil.example/v1", "auto", "OPENAI_API_KEY")
    listed(monkeypatch, "evil.example")
    check_tiers([tier(api_base="https://evil.example/v1", api_key_env="OPENAI_API_KEY")])


def test_one_person_at_their_own_machine_calls_what_is_on_it(collector):
    check_tiers([Tier("t", "openai/m", collector.url, "ODD_NAME")])
    call(Tier("t", "openai/m", collector.url))
    assert collector.hits == ["/v1/chat/completions"]


def test_every_way_of_calling_from_there_is_guarded():
    """Also a library that blocks: LiteLLM asks an Ollama server what its models can do by a client of its own."""

    async def connect() -> None:
        await asyncio.open_connection("169.254.169.254", 80)

    def blocking() -> None:
        socket.create_connection(("169.254.169.254", 80), 1)

    async def at_once() -> None:
        blocking()

    for work in (connect(), at_once(), asyncio.to_thread(blocking)):
        with pytest.raises(addresses.AddressRefused):
            background.submit(work).result(10)
