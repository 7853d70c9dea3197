"""The tiers of a run as an editable table, with a ladder of every provider and gateway to start from."""

import json
from typing import Any

import pandas as pd
import streamlit as st

from tierwise import secrets
from tierwise.errors import BadInput
from tierwise.types import Tier
from tierwise.ui import parts

SIMULATED, OWN = "simulated", "own"
FEW = ("openai", "anthropic", "google")
"""Shown as buttons; the others are in the list on Models."""

COLUMNS = ("on", "tier", "model", "endpoint", "key is in", "$ in", "$ out", "settings")
BESIDE = ("system", "rpm", "tpm", "timeout_s", "fallbacks", "cached_input_per_1m")
"""Fields of a tier that its settings may hold; everything else there goes to the model."""


def titles() -> dict[str, str]:
    """Where a ladder may start from."""
    from tierwise.endpoints.presets import ENDPOINTS

    return {SIMULATED: "Simulated"} | {name: e.title for name, e in ENDPOINTS.items()} | {OWN: "My own"}


def choose_preset() -> str:
    """The ladder of the Run screen; one that was used on Models stands among the buttons."""
    used = st.session_state.get("ladder_used", FEW[0])
    shown = list(dict.fromkeys([SIMULATED, *FEW, used, OWN]))
    names = titles()
    return st.segmented_control(
        "Start from", shown, default=SIMULATED, required=True, key="ladder", persist_state="session", format_func=lambda n: names.get(n, n)
    )


def use(preset: str, edited: pd.DataFrame) -> None:
    """Take a ladder over to Run, as it was edited on Models."""
    st.session_state["ladder_rows"] = st.session_state.get("ladder_rows", {}) | {
        preset: edited.astype(object).where(edited.notna(), None).to_dict("records")
    }
    st.session_state["ladder_used"] = st.session_state["ladder"] = preset


def edit(preset: str, key: str) -> pd.DataFrame:
    """The table of a ladder, cheapest first; the last is the frontier tier."""
    column = st.column_config
    return st.data_editor(
        _frame(preset),
        key=f"{key}_{preset}",
        num_rows="dynamic",
        hide_index=True,
        alt="Tiers, cheapest first",
        column_config={
            "on": column.CheckboxColumn("on", default=True, width=50),
            "tier": column.TextColumn(required=True, help="Your name for this place in the ladder", max_chars=40),
            "model": column.TextColumn(
                required=True, help="As LiteLLM names it, such as gpt-4o or ollama/llama3", width="medium", max_chars=200
            ),
            "endpoint": column.TextColumn(help="Only for your own server or a gateway, such as http://127.0.0.1:11434/v1", max_chars=300),
            "key is in": column.TextColumn(
                help="NAME of the environment variable with the key. The key itself is never stored.",
                max_chars=80,
                validate=r"^[A-Za-z_][A-Za-z0-9_]*$",
            ),
            "$ in": column.NumberColumn(
                help="US dollars for a million prompt tokens; empty: from the price list", min_value=0, format="%.3f"
            ),
            "$ out": column.NumberColumn(help="US dollars for a million answer tokens", min_value=0, format="%.3f"),
            "settings": column.TextColumn(
                help='JSON for this tier, such as {"temperature": 0, "max_tokens": 400, "system": "Be brief.", "rpm": 60}', max_chars=4000
            ),
        },
    )


def tiers_of(edited: pd.DataFrame) -> list[Tier]:
    """The rows that are on, checked again: a browser may send what the table would not allow.

    Raises:
        BadInput: names the tier and what is wrong with it.
    """
    from tierwise.endpoints.tiers import check_tiers

    tiers: list[Tier] = []
    for row in edited.to_dict("records"):
        name, model = _text(row["tier"]), _text(row["model"])
        if (row["on"] is not True and row["on"] is not None) or not (name or model):
            continue
        if not (name and model):
            raise BadInput(f"Tier {len(tiers) + 1}: give both a name and a model ({name or model!r} has only one of them).")
        beside, params = _settings(name, _text(row["settings"]))
        tiers.append(
            Tier(
                name, model, _text(row["endpoint"]), _text(row["key is in"]), _number(row["$ in"]), _number(row["$ out"]), params, **beside
            )
        )
    return list(check_tiers(tiers)) if tiers else []


def missing_keys(tiers: list[Tier]) -> list[str]:
    """Names of variables that hold no key; says so on the screen."""
    from tierwise.endpoints.models import key_name

    missing = sorted({name for t in tiers if not t.simulated and (name := key_name(t)) and not secrets.key(name)})
    if missing:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge("Key missing", icon=":material/key:", color="orange")
            parts.plain(f"Set {', '.join(missing)} in the environment Tierwise is started from. The simulated ladder needs no key.")
    return missing


def _frame(preset: str) -> pd.DataFrame:
    kept = st.session_state.get("ladder_rows", {}).get(preset)
    rows = kept if kept is not None else [dict(zip(COLUMNS, _row(t), strict=True)) for t in _preset(preset)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = {"on": "bool", "$ in": "float64", "$ out": "float64"}
    return frame.astype(kinds | dict.fromkeys([c for c in COLUMNS if c not in kinds], "string"))


def _preset(preset: str) -> tuple[Tier, ...]:
    if preset == SIMULATED:
        from tierwise.simulation.simulator import ladder

        return ladder()
    if preset == OWN:
        return ()
    from tierwise.endpoints.presets import ENDPOINTS

    return ENDPOINTS[preset].tiers()


def _row(tier: Tier) -> tuple[Any, ...]:
    from tierwise.endpoints.prices import price

    known = price(tier)
    prices = (tier.input_per_1m, tier.output_per_1m) if tier.simulated or known is None else (known.input_per_1m, known.output_per_1m)
    return True, tier.name, tier.model, tier.api_base, tier.api_key_env, *prices, json.dumps(tier.params) if tier.params else None


def _settings(name: str, text: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    if not text:
        return {}, {}
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadInput(f"Tier {name!r}: its settings are not JSON: {error}.") from None
    if not isinstance(told, dict):
        raise BadInput(f'Tier {name!r}: write its settings as {{"temperature": 0}}.')
    beside = {k: told.pop(k) for k in BESIDE if k in told}
    for key in ("rpm", "tpm", "timeout_s", "cached_input_per_1m"):
        if key in beside and not (isinstance(beside[key], int | float) and not isinstance(beside[key], bool)):
            raise BadInput(f"Tier {name!r}: {key} should be a number.")
    if not isinstance(beside.get("system", ""), str):
        raise BadInput(f"Tier {name!r}: system should be text.")
    if "fallbacks" in beside:
        if not (isinstance(beside["fallbacks"], list) and all(isinstance(f, str) for f in beside["fallbacks"])):
            raise BadInput(f"Tier {name!r}: fallbacks should be a list of names.")
        beside["fallbacks"] = tuple(beside["fallbacks"])
    return beside, told


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None and not pd.isna(value) else None


def _number(value: object) -> float | None:
    return float(value) if value is not None and not pd.isna(value) else None
