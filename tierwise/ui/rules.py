"""The rules router's list as a table that a person edits: who is caught first, and what is learned about them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from tierwise.errors import BadInput

COLUMNS = {
    "rule": "id",
    "request types": "request_type",
    "keywords": "keywords_any",
    "tokens from": "tokens_gte",
    "tokens below": "tokens_lt",
}
LISTS, COUNTS = ("request types", "keywords"), ("tokens from", "tokens below")


def edit_rules(request_types: Sequence[str]) -> str:
    """The rules as JSON text, which keys what is computed from them; the starting list until somebody changes it."""
    from tierwise.routers.rules import DEFAULT_RULES

    st.session_state.setdefault("rules", json.dumps(DEFAULT_RULES))
    with st.expander("Edit the rules", icon=":material/edit:", expanded=True):
        st.caption("The first rule that fits a prompt wins; how hard its prompts are is learned from the grades.")
        edited = st.data_editor(
            to_frame(json.loads(st.session_state["rules"])),
            num_rows="dynamic",
            hide_index=True,
            key="rules_table",
            alt="Rules, first match wins",
            column_config={
                "rule": st.column_config.TextColumn(required=True, max_chars=60),
                "request types": st.column_config.TextColumn(help=f"Comma between them. In these prompts: {len(request_types)} types."),
                "keywords": st.column_config.TextColumn(
                    help="Comma between them; any one is enough. Words match whole words.", width="medium"
                ),
                "tokens from": st.column_config.NumberColumn(
                    min_value=0, step=1, help="Length of the last user message, 4 characters a token."
                ),
                "tokens below": st.column_config.NumberColumn(min_value=0, step=1),
            },
        )
        st.caption(f"Request types here: {len(request_types)}.")
        if request_types:
            st.text(", ".join(request_types[:40]))
    return json.dumps(from_frame(edited), ensure_ascii=False)


def to_frame(rules: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a rule."""
    rows = []
    for rule in rules:
        when = rule["when"]
        cells = {"rule": rule.get("id", "")} | {c: ", ".join(when.get(COLUMNS[c], [])) for c in LISTS}
        rows.append(cells | {c: when.get(COLUMNS[c]) for c in COUNTS})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"rule": "string"} | dict.fromkeys(LISTS, "string") | dict.fromkeys(COUNTS, "float64"))


def from_frame(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rules for `routers.rules.Rules`, empty rows left out.

    Raises:
        BadInput: a rule without a condition, or with lengths that exclude each other; names it.
    """
    rules: list[dict[str, Any]] = []
    for row in frame.to_dict("records"):
        when: dict[str, Any] = {}
        for column in LISTS:
            if parts := [p.strip() for p in _text(row[column]).split(",") if p.strip()]:
                when[COLUMNS[column]] = parts
        when |= {COLUMNS[c]: int(row[c]) for c in COUNTS if row[c] is not None and not pd.isna(row[c])}
        name = _text(row["rule"]) or f"rule {len(rules) + 1}"
        if not when:
            if _text(row["rule"]):
                raise BadInput(f"Rule {name!r} has no condition: give a request type, keywords or a length.")
            continue
        if when.get("tokens_gte", 0) >= when.get("tokens_lt", float("inf")):
            raise BadInput(f"Rule {name!r} can never fit: its tokens start at {when['tokens_gte']} and end below {when['tokens_lt']}.")
        rules.append({"id": name, "when": when, "score": 0.5})
    if not rules:
        raise BadInput("There is no rule left. Add one, or choose another router.")
    return rules


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value)) else str(value).strip()
