"""Paths and environment, read here and nowhere else."""

import os
import re
from pathlib import Path
from typing import Literal, get_args

from tierwise.errors import BadInput

Login = Literal["off", "oidc", "proxy"]

ROOT = Path(__file__).resolve().parent.parent
SHIPPED_EVALSETS = ROOT / "evalsets"
PRICES = ROOT / "data" / "prices.csv"

MAX_UPLOAD_BYTES = 50 * 1024 * 1024
"""Largest prompt file. Every row is a paid call on each tier, so larger sets are sampled first."""

MAX_SAMPLES = 100_000


def workspace() -> Path:
    """The folder that holds the database and its cache: `TIERWISE_DATA`, or `data/` beside the code."""
    return Path(os.environ.get("TIERWISE_DATA") or ROOT / "data")


def database() -> Path:
    return workspace() / "tierwise.duckdb"


def database_url() -> str | None:
    """A PostgreSQL database that several copies of the app share: `TIERWISE_DATABASE_URL`, or none. It may hold a password: never show it."""
    return os.environ.get("TIERWISE_DATABASE_URL", "").strip() or None


def dask_scheduler() -> str | None:
    """The scheduler of a Dask cluster whose workers help with runs: `TIERWISE_DASK`, or none."""
    return os.environ.get("TIERWISE_DASK", "").strip() or None


def process_at_once() -> int | None:
    """Calls under way at once in one process of several that share a run: `TIERWISE_AT_ONCE`, or as many as the run allows in all."""
    text = os.environ.get("TIERWISE_AT_ONCE", "").strip()
    if text and not (text.isdecimal() and int(text)):
        raise BadInput(f"TIERWISE_AT_ONCE is {text!r}: give a whole number of calls, such as 16.")
    return int(text) if text else None


def daily_cap_usd() -> float | None:
    """What all runs of a workspace may cost in one day (UTC): `TIERWISE_DAILY_CAP_USD`, or no cap."""
    return _dollars("TIERWISE_DAILY_CAP_USD")


def person_daily_cap_usd() -> float | None:
    """What one person who has signed in may spend in one day (UTC): `TIERWISE_PERSON_DAILY_CAP_USD`, or no cap of their own."""
    return _dollars("TIERWISE_PERSON_DAILY_CAP_USD")


def person_runs_at_once() -> int:
    """How many runs of one person may go on at a time: `TIERWISE_PERSON_RUNS`."""
    text = os.environ.get("TIERWISE_PERSON_RUNS", "").strip() or "3"
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise BadInput(f"TIERWISE_PERSON_RUNS is {text!r}: give a number from 1 to 100.")
    return int(text)


def _dollars(variable: str) -> float | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        cap = float(text)
    except ValueError:
        cap = -1.0
    if not 0 <= cap < float("inf"):
        raise BadInput(f"{variable} is {text!r}: give a sum in US dollars, such as 20.")
    return cap


def scorers_folder() -> Path | None:
    """Where the administrator keeps scorers of their own: `TIERWISE_SCORERS`, or none. What is in it runs as code."""
    folder = os.environ.get("TIERWISE_SCORERS", "").strip()
    return Path(folder).expanduser() if folder else None


def login() -> Login:
    """Who checks that visitors are who they say (`TIERWISE_LOGIN`): nobody, an OpenID Connect provider, or a proxy in front.

    `off` is one person at their own machine, who administers it too; the others are a server for a team.
    """
    text = os.environ.get("TIERWISE_LOGIN", "").strip().lower() or "off"
    if text not in get_args(Login):
        raise BadInput(f"TIERWISE_LOGIN is {text!r}: give one of {', '.join(get_args(Login))}.")
    return text


def admins() -> tuple[str, ...]:
    """E-mails, or subjects as the login gives them, of who administers the workspace: `TIERWISE_ADMINS`. Others can be named on screen."""
    return _listed("TIERWISE_ADMINS")


def allowed_hosts() -> tuple[str, ...]:
    """The names under which a team reaches this server: `TIERWISE_ALLOWED_HOSTS`. On the machine itself loopback names always work."""
    names = _listed("TIERWISE_ALLOWED_HOSTS")
    for name in names:
        if not re.fullmatch(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*|[0-9a-f:]*:[0-9a-f:.]+", name):
            raise BadInput(
                f"TIERWISE_ALLOWED_HOSTS holds {name!r}: give host names alone, such as tierwise.example.com, without port or https."
            )
    return names


def trusted_proxies() -> tuple[str, ...]:
    """Addresses or networks of the proxy that signs people in: `TIERWISE_TRUSTED_PROXIES`."""
    return _listed("TIERWISE_TRUSTED_PROXIES")


def allowed_endpoints() -> tuple[str, ...]:
    """Hosts, or host:port, inside the team's own network that models may be called at: `TIERWISE_ALLOWED_ENDPOINTS`."""
    return _listed("TIERWISE_ALLOWED_ENDPOINTS")


def frame_ancestors() -> str:
    """Who may show the app in a frame (`TIERWISE_FRAME_ANCESTORS`): nobody, unless a host such as Streamlit Community Cloud needs it."""
    told = _listed("TIERWISE_FRAME_ANCESTORS")
    for one in told:
        if one != "'self'" and not re.fullmatch(r"https://(?:\*\.)?[a-z0-9.-]+(?::\d+)?", one):
            raise BadInput(f"TIERWISE_FRAME_ANCESTORS holds {one!r}: give 'self' or addresses such as https://example.com.")
    return " ".join(told) or "'none'"


def metrics_token() -> str | None:
    """What a Prometheus server sends as its bearer token to read /metrics: `TIERWISE_METRICS_TOKEN`."""
    token = os.environ.get("TIERWISE_METRICS_TOKEN", "").strip()
    if token and len(token) < 16:
        raise BadInput("TIERWISE_METRICS_TOKEN is too short to be a secret: give 16 characters or more.")
    return token or None


def log_lines() -> Literal["text", "json"]:
    """How the server's log is written: `TIERWISE_LOG`."""
    text = os.environ.get("TIERWISE_LOG", "").strip().lower() or "text"
    if text not in ("text", "json"):
        raise BadInput(f"TIERWISE_LOG is {text!r}: give text or json.")
    return text


def _listed(variable: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in re.split(r"[,\s]+", os.environ.get(variable, "")) if part)


def quiet_libraries() -> None:
    """Keep LiteLLM and ragas from calling home and from reading stray .env files; must precede their import."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # it takes this word alone for a yes
