"""The files that put Tierwise on a server hold what docs/deploy.md promises of them."""

import re

import yaml

from tierwise.access.identity import ProxyHeaders
from tierwise.endpoints.tiers import looks_like_key
from tierwise.settings import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def instructions(name: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return [line.split(None, 1)[1] for line in joined.splitlines() if line.startswith(name + " ")]


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_is_well():
    assert instructions("USER") == ["10001:10001"]
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("\nCMD ")
    assert "/_stcore/health" in instructions("HEALTHCHECK")[0]
    assert all(re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+( AS \w+)?", base) for base in instructions("FROM"))


def test_the_image_is_built_from_the_lock_and_holds_only_what_is_named():
    (install,) = [run for run in instructions("RUN") if "pip install" in run]
    assert "--require-hashes" in install and "-r requirements-team.txt" in install
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = [part for copy in instructions("COPY") if "--from" not in copy for part in copy.split()[:-1]]
    assert set(copied) == allowed
    for path in copied:
        assert (ROOT / path).exists(), path
    assert not any("secret" in path or path in (".streamlit", "data", "deploy") for path in copied)


def test_one_service_is_reached_from_outside_and_it_is_the_one_that_ends_tls():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["tls"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    shared = [set(service["networks"]) for service in SERVICES.values()]
    assert set.intersection(*shared) == {"inside"}, "a second shared network would give the proxy an address that is not trusted"


def test_people_come_from_the_sign_in_proxy_alone():
    app, signin = SERVICES["app"]["environment"], SERVICES["signin"]
    address = signin["networks"]["inside"]["ipv4_address"]
    proxy = ProxyHeaders((app["TIERWISE_TRUSTED_PROXIES"],))
    assert app["TIERWISE_LOGIN"] == "proxy" and proxy.trusts(address)
    assert not proxy.trusts(SERVICES["tls"]["networks"]["inside"]["ipv4_address"])
    assert signin["environment"]["OAUTH2_PROXY_PASS_USER_HEADERS"] == "true" == signin["environment"]["OAUTH2_PROXY_PASS_HOST_HEADER"]
    assert signin["depends_on"]["app"]["condition"] == "service_healthy"
    caddy = (ROOT / "deploy" / "Caddyfile").read_text()
    for header in (proxy.user, proxy.email, proxy.name, proxy.groups):
        assert f"header_up -{header}" in caddy


def test_services_have_no_rights_they_do_not_need_and_versions_are_named():
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"], name
        assert name == "app" or re.search(r":v?\d+\.\d+", service["image"]), name
    assert SERVICES["app"]["read_only"] is True and SERVICES["app"]["mem_limit"]


def test_no_secret_is_written_down():
    for path in (*(ROOT / "deploy").iterdir(), ROOT / "Dockerfile"):
        if path.suffix == ".secret" or path.name in (".env", "keys.env"):
            continue
        for word in re.split(r"[\s=:\"']+", path.read_text()):
            assert not looks_like_key(word), f"{path.name}: {word}"
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {".streamlit/secrets.toml", "deploy/.env", "deploy/keys.env", "deploy/*.secret"} <= set(ignored)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"SECRET$|PASSWORD|API_KEY", name), f"{name} belongs into a file"
            assert not (name.endswith("TOKEN") and value and "${" not in value)


def test_every_setting_that_is_told_of_exists():
    known = set(re.findall(r"TIERWISE_[A-Z_]+", (ROOT / "tierwise" / "settings.py").read_text()))
    for path in ("deploy/compose.yaml", "docs/deploy.md", "Dockerfile"):
        for name in set(re.findall(r"TIERWISE_[A-Z_]+", (ROOT / path).read_text())):
            assert name in known, f"{path}: {name}"
