"""Paths and environment, read here and nowhere else."""

import os
from pathlib import Path

from tierwise.errors import BadInput

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


def daily_cap_usd() -> float | None:
    """What all runs of a workspace may cost in one day (UTC): `TIERWISE_DAILY_CAP_USD`, or no cap."""
    text = os.environ.get("TIERWISE_DAILY_CAP_USD", "").strip()
    if not text:
        return None
    try:
        cap = float(text)
    except ValueError:
        cap = -1.0
    if not 0 <= cap < float("inf"):
        raise BadInput(f"TIERWISE_DAILY_CAP_USD is {text!r}: give a sum in US dollars, such as 20.")
    return cap


def scorers_folder() -> Path | None:
    """Where the administrator keeps scorers of their own: `TIERWISE_SCORERS`, or none. What is in it runs as code."""
    folder = os.environ.get("TIERWISE_SCORERS", "").strip()
    return Path(folder).expanduser() if folder else None


def quiet_libraries() -> None:
    """Keep LiteLLM and ragas from calling home and from reading stray .env files; must precede their import."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # it takes this word alone for a yes
