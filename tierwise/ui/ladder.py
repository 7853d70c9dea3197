"""The tiers of a run as an editable table, with ladders to start from."""

import os

import pandas as pd
import streamlit as st

from tierwise.errors import BadInput
from tierwise.tiers import check_tiers, default_key_env
from tierwise.types import Tier

SIMULATED = "Simulated"
LIVE = {
    "OpenAI": [("small", "gpt-6-luna"), ("medium", "gpt-6.1-sol"), ("large", "gpt-6-astra")],
    "Anthropic": [
        ("small", "anthropic/claude-haiku-5-5"),
        ("medium", "anthropic/claude-sonnet-5-5"),
        ("large", "anthropic/claude-opus-5-5"),
    ],
    "Google": [("small", "gemini/gemini-3.5-flash-lite"), ("medium", "gemini/gemini-3.8-flash"), ("large", "gemini/gemini-4-argon")],
    "Mistral": [
        ("small", "mistral/ministral-8b-latest"),
        ("medium", "mistral/mistral-small-latest"),
        ("large", "mistral/mistral-large-4"),
    ],
}
OWN = "My own"


def choose_tiers() -> list[Tier]:
    """A starting ladder, and a table to change it. Cheapest first; the last is the frontier tier."""
    preset = st.segmented_control(
        "Start from", [SIMULATED, *LIVE, OWN], default=SIMULATED, required=True, key="ladder", persist_state="session"
    )
    frame = _frame(preset)
    edited = st.data_editor(
        frame,
        key=f"tiers_{preset}",
        num_rows="dynamic",
        hide_index=True,
        alt="Tiers, cheapest first",
        column_config={
            "on": st.column_config.CheckboxColumn("on", default=True, width=50),
            "tier": st.column_config.TextColumn(required=True, help="Your name for this place in the ladder", max_chars=40),
            "model": st.column_config.TextColumn(
                required=True, help="As LiteLLM names it, such as gpt-4o or ollama/llama3", width="medium", max_chars=200
            ),
            "endpoint": st.column_config.TextColumn(help="Only for your own server, such as http://127.0.0.1:11434", max_chars=300),
            "key is in": st.column_config.TextColumn(
                help="NAME of the environment variable with the key. The key itself is never stored.",
                max_chars=80,
                validate=r"^[A-Za-z_][A-Za-z0-9_]*$",
            ),
            "$ in": st.column_config.NumberColumn(
                help="US dollars for a million prompt tokens; empty: from the price list", min_value=0, format="%.3f"
            ),
            "$ out": st.column_config.NumberColumn(help="US dollars for a million answer tokens", min_value=0, format="%.3f"),
        },
    )
    tiers = _tiers(edited)
    _missing_keys(tiers)
    return tiers


def _frame(preset: str) -> pd.DataFrame:
    if preset == SIMULATED:
        from tierwise.simulator import ladder

        tiers = list(ladder())
    elif preset == OWN:
        tiers = []
    else:
        tiers = [Tier(name, model, api_key_env=default_key_env(model)) for name, model in LIVE[preset]]
    rows = [(True, t.name, t.model, t.api_base, t.api_key_env, *_prices(t)) for t in tiers]
    frame = pd.DataFrame(rows, columns=["on", "tier", "model", "endpoint", "key is in", "$ in", "$ out"])
    kinds = {"on": "bool", "$ in": "float64", "$ out": "float64"} | dict.fromkeys(["tier", "model", "endpoint", "key is in"], "string")
    return frame.astype(kinds)


def _prices(tier: Tier) -> tuple[float | None, float | None]:
    if tier.input_per_1m is not None or tier.simulated:
        return tier.input_per_1m, tier.output_per_1m
    from tierwise.prices import price

    known = price(tier)
    return (known.input_per_1m, known.output_per_1m) if known else (None, None)


def _tiers(edited: pd.DataFrame) -> list[Tier]:
    """The rows that are on, checked again: a browser may send what the table would not allow."""
    tiers: list[Tier] = []
    for row in edited.to_dict("records"):
        name, model = _text(row["tier"]), _text(row["model"])
        if (row["on"] is not True and row["on"] is not None) or not (name or model):
            continue
        if not (name and model):
            raise BadInput(f"Tier {len(tiers) + 1}: give both a name and a model ({name or model!r} has only one of them).")
        tiers.append(Tier(name, model, _text(row["endpoint"]), _text(row["key is in"]), _number(row["$ in"]), _number(row["$ out"])))
    return list(check_tiers(tiers)) if tiers else []


def _missing_keys(tiers: list[Tier]) -> None:
    missing = sorted({t.api_key_env for t in tiers if t.api_key_env and not os.environ.get(t.api_key_env)})
    if missing:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge("Key missing", icon=":material/key:", color="orange")
            st.text(f"Set {', '.join(missing)} in the environment Tierwise is started from. The simulated ladder needs no key.")


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None and not pd.isna(value) else None


def _number(value: object) -> float | None:
    return float(value) if value is not None and not pd.isna(value) else None
