"""The app as a server: `app.py` hands this to `st.App`."""

import asyncio
import gc
import json
import os
import sys
import webbrowser
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit import config
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tierwise import settings
from tierwise.access.identity import Identity, ProxyHeaders, from_claims, from_proxy
from tierwise.errors import BadInput, NotSignedIn
from tierwise.server import logs, measures, workspace
from tierwise.server.headers import SecurityHeaders, content_policy, inline_scripts
from tierwise.server.hosts import LOOPBACK, KnownHosts, check_binding, is_loopback
from tierwise.server.people import Identify, People
from tierwise.server.uploads import FewUploads
from tierwise.ui import incidents

METRICS = "/metrics"
SWEEP_S = 5.0
LONGEST_LOGIN = timedelta(hours=12)
"""A login by OpenID Connect is asked for again after a working day, whatever its token says; Streamlit's cookie lasts thirty."""


def in_script() -> bool:
    """Whether `app.py` is running for a visitor, rather than being read by the server."""
    return get_script_run_ctx(suppress_warning=True) is not None


def options() -> dict[str, Any]:
    """All of `st.App` but the script. A setting that would make the server unsafe ends the process with its message."""
    try:
        return _options()
    except BadInput as error:
        print(f"Tierwise does not start: {error}", file=sys.stderr, flush=True)
        raise SystemExit(2) from None


def _options() -> dict[str, Any]:
    login, hosts = settings.login(), settings.allowed_hosts()
    check_binding(config.get_option("server.address"), login, hosts)
    _check_streamlit(login)
    logs.install(settings.log_lines())
    if settings.log_lines() == "json":
        config.set_option("logger.messageFormat", "%(line)s")
        st.logger.update_formatter()
    answers_to = (*LOOPBACK, *hosts)
    config.set_option("server.allowedHosts", list(answers_to))
    base = config.get_option("server.baseUrlPath").strip("/")
    base = f"/{base}" if base else ""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    middleware = [
        Middleware(logs.RequestIds),
        Middleware(SecurityHeaders, policy=content_policy(settings.frame_ancestors(), inline_scripts(page))),
        Middleware(KnownHosts, hosts=answers_to, local_only=login == "off", base=base),
    ]
    if login != "off":
        token = settings.metrics_token()
        middleware.append(
            Middleware(
                People, identify=identifier(login), sign_in=_sign_in(login, base), tokens={METRICS: token} if token else {}, base=base
            )
        )
    middleware.append(Middleware(FewUploads, base=base))
    return {
        "middleware": middleware,
        "routes": [Route(base + METRICS, _metrics, methods=["GET"])],
        "on_script_error": incidents.report,
        "lifespan": _while_serving,
    }


def _check_streamlit(login: str) -> None:
    for name, safe in (("server.enableXsrfProtection", True), ("server.enableCORS", True), ("server.enableAgentApi", False)):
        if login != "off" and config.get_option(name) != safe:
            raise BadInput(
                f"{name} must be {str(safe).lower()} on a server with a login. Take it out of .streamlit/config.toml and the command."
            )


def identifier(login: str) -> Identify:
    """How people are known under each kind of login."""
    if login == "proxy":
        proxy = ProxyHeaders(settings.trusted_proxies())
        if not proxy.trusted:
            raise BadInput("TIERWISE_LOGIN is proxy but TIERWISE_TRUSTED_PROXIES is not set: give the proxy's address or network.")
        if any(is_loopback(t.split("/")[0]) for t in proxy.trusted) and _forwarding_rewritten():
            raise BadInput(
                "A proxy on this machine needs FORWARDED_ALLOW_IPS set to nothing: else the address it reports is taken for its own."
            )
        return lambda headers, client_host, cookies: from_proxy(headers, client_host, proxy)
    from streamlit.auth_util import is_authlib_installed

    if not is_authlib_installed():
        raise BadInput(
            "TIERWISE_LOGIN is oidc but the package Authlib is not installed: pip install --require-hashes -r requirements-team.txt."
        )
    if not _auth_section():
        raise BadInput("TIERWISE_LOGIN is oidc but .streamlit/secrets.toml has no [auth] section. docs/deploy.md shows one.")
    return by_cookie


def by_cookie(headers: Sequence[tuple[str, str]], client_host: str | None, cookies: Mapping[str, str]) -> Identity:
    """The person in the cookie that Streamlit's login sets and signs."""
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    def one(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(get_cookie_secret(), name, value.encode("latin-1", "replace")) if value else None

    found = get_cookie_with_chunks(one, USER_COOKIE_NAME)
    try:
        claims = json.loads(found) if found else None
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise NotSignedIn("Sign in first.")
    return from_claims(claims, longest=LONGEST_LOGIN)


def _forwarding_rewritten() -> bool:
    return os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1") != ""


def _auth_section() -> Mapping[str, Any] | None:
    from streamlit.auth_util import get_secrets_auth_section
    from streamlit.runtime.secrets import secrets_singleton

    secrets_singleton.load_if_toml_exists()
    return get_secrets_auth_section() or None


def _sign_in(login: str, base: str):
    """The links of the sign-in page: each provider of the [auth] section."""

    def links() -> list[tuple[str, str]]:
        from streamlit.auth_util import encode_provider_token

        section = _auth_section() if login == "oidc" else None
        if not section:
            return []
        named = [name for name, value in section.items() if isinstance(value, Mapping)]
        shown = [(f"Sign in with {name.capitalize()}", name) for name in named] or [("Sign in", "default")]
        return [(label, f"{base}/auth/login?provider={encode_provider_token(name)}") for label, name in shown]

    return links


async def _metrics(_request: Request) -> Response:
    return Response(await run_in_threadpool(measures.exposition, (workspace.families,)), media_type=measures.CONTENT_TYPE)


@asynccontextmanager
async def _while_serving(app: Any) -> AsyncIterator[None]:
    """Open the browser, which `streamlit run` does for plain scripts alone, and sweep."""
    if not config.get_option("server.headless"):
        webbrowser.open(f"http://localhost:{config.get_option('server.port')}/{config.get_option('server.baseUrlPath').strip('/')}")
    sweeping = asyncio.create_task(_sweep(app))
    yield
    sweeping.cancel()


async def _sweep(app: Any) -> None:
    """Let go of sessions that ended, and of the files they uploaded: by itself Streamlit does so when the next one ends.

    Streamlit also has all objects of the process looked through for garbage after every redraw. Those of imported modules never are any,
    so they are taken out of it: a simple redraw costs a tenth of the CPU then.
    """
    ended = app._runtime._session_mgr._session_storage._cache
    modules = 0
    while True:
        if len(sys.modules) > modules + 50:
            modules = len(sys.modules)
            gc.collect()
            gc.freeze()
        await asyncio.sleep(SWEEP_S)
        if removed := ended.expire():
            for _, known in removed:
                known.session.shutdown()
            del removed, known
            gc.collect()
