"""Streamlit's own login, whole: through a provider that signs tokens, to a person with a role in a page."""

import contextlib
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.server.session import Session
from tierwise.store import Store

pytest.importorskip("authlib", reason="Authlib is not installed (requirements-team.txt)")

from tests.server.oidc import CLIENT, SECRET, Oidc


class SignedIn(Server):
    """The app with a provider in its secrets, and Ben invited as a viewer."""

    provider: Oidc

    def start(self) -> None:
        with Store(self.workspace / "tierwise.duckdb") as store:
            store.people.set_role("default", store.people.invite("ben@example.org").id, "viewer")
        secrets = self.workspace / "secrets.toml"
        secrets.write_text(
            f'[auth]\nredirect_uri = "{self.url}/oauth2callback"\ncookie_secret = "{"s" * 64}"\nclient_id = "{CLIENT}"\n'
            f'client_secret = "{SECRET}"\nserver_metadata_url = "{self.provider.issuer}/.well-known/openid-configuration"\n'
        )
        secrets.chmod(0o600)
        self.flags = ["--secrets.files", str(secrets)]
        super().start()


@pytest.fixture(scope="module")
def provider():
    started = Oidc()
    yield started
    started.close()


@pytest.fixture(scope="module")
def server(provider, tmp_path_factory):
    SignedIn.provider = provider
    more = {"TIERWISE_LOGIN": "oidc", "TIERWISE_ALLOWED_HOSTS": "tierwise.example.com", "TIERWISE_ADMINS": "ada@example.org"}
    started = SignedIn(tmp_path_factory.mktemp("app"), more)
    yield started
    started.stop()


@contextlib.contextmanager
def sign_in(server: Server, provider: Oidc, person: str, fault: str = "") -> Iterator[httpx.Client]:
    """A browser that has followed the link of the sign-in page to the provider and back."""
    provider.present, provider.fault = person, fault
    with httpx.Client(follow_redirects=True, trust_env=False, headers={"accept": "text/html"}, timeout=30) as browser:
        page = browser.get(server.url)
        assert page.status_code == 401
        browser.get(server.url + re.search(r'href="(/auth/login[^"]*)"', page.text)[1])
        yield browser


def shown(server: Server, browser: httpx.Client, page: str = "") -> str:
    with Session(server.url, page, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())}) as session:
        session.rerun()
        return session.shown().decode(errors="replace")


@pytest.mark.parametrize(
    ("person", "sees"),
    [("ada", "Admin of Default"), ("ben", "Viewer of Default"), ("eve", "no project has you as a member")],
    ids=["an admin", "a viewer who was invited", "a stranger with an admin's address that nobody has checked"],
)
def test_whoever_signs_in_is_who_the_provider_says(server, provider, person, sees):
    with sign_in(server, provider, person) as browser:
        assert browser.get(server.url).status_code == 200
        text = shown(server, browser)
        assert sees in text and "Sign out" in text
        assert ("Demo: support-mix" in text) == (person != "eve")
        run = shown(server, browser, "run")
        assert ("As a viewer you may not start" in run) == (person == "ben")
        browser.get(f"{server.url}/auth/logout")
        assert browser.get(server.url).status_code == 401


@pytest.mark.parametrize("fault", ["key", "nonce", "audience", "over"])
def test_a_token_that_is_not_for_us_signs_nobody_in(server, provider, fault):
    with sign_in(server, provider, "ada", fault) as browser:
        assert browser.get(server.url).status_code == 401
        assert "_streamlit_user" not in browser.cookies or fault == "over"
