"""Traffic coming in: a log of another tool, or requests a month typed in."""

from pathlib import Path

import pandas as pd
import streamlit as st

from tierwise.traffic import TrafficProfile
from tierwise.ui import allowed, figures, parts, state
from tierwise.ui.frame import RUN

SUFFIXES = ["csv", "tsv", "jsonl", "json", "parquet", "xlsx"]
NO_KEY = ""
UNITS = {"": "Do not count them", "usd": "Dollars", "cents": "Cents"}
TYPED_IN = 10_000
"""Requests a month that the table of counts starts with."""


def upload() -> None:
    """A log: what it was read as, what is left out, which key is the request type, and what to keep."""
    file = st.file_uploader(
        "A log of two weeks or so, as your gateway or tracing tool exports it", type=SUFFIXES, key="traffic_file", **allowed.to("import")
    )
    if file is None:
        st.caption(
            "LiteLLM spend logs and logging payloads, OpenRouter activity, Langfuse, Helicone, Portkey, OpenTelemetry GenAI spans, "
            "or a table with model, prompt_tokens and completion_tokens. The format is told from its columns."
        )
        return
    with parts.guard():
        log = _read(file.getvalue(), file.name, None)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input("Name", Path(file.name).stem, key=f"traffic_name_{file.file_id}", max_chars=120, width=240)
            key = _type_key(log, file.file_id)
            unit = _cost_unit(log, file.file_id)
        log = (_read(file.getvalue(), file.name, unit) if unit else log).typed_by(key or None)
        profile = _profile(log, name.strip() or Path(file.name).stem)
    parts.notes([log.why])
    parts.notes(profile.notices, icon=":material/warning:")
    if not profile.mix and log.type_keys():
        parts.notes(["No kind of request is known yet. Choose the key that says it, if one does: the mix is what figures are weighted by."])
    st.dataframe(kinds(profile), hide_index=True, placeholder="", alt="Request types of the log", column_config=KIND_COLUMNS)
    prompts = int(log.calls["prompt"].notna().sum())
    keep = prompts > 0 and st.checkbox(
        f"Keep the prompts too ({prompts:,})",
        key=f"traffic_keep_{file.file_id}",
        help="Without it only sums and percentiles are kept. Prompts let you draw a prompt set later; they may hold personal data.",
    )
    with st.container(horizontal=True):
        if st.button("Keep this profile", type="primary", icon=":material/save:", key="traffic_save", **allowed.to("import")):
            _open(state.store().traffic.add(profile, log.calls if keep else None))
        if prompts and st.button("Make a prompt set from it", icon=":material/playlist_add:", key="traffic_draw", **allowed.to("import")):
            with parts.guard():
                state.store().traffic.add(profile, log.calls if keep else None)
                draw(log.calls, profile.name)


def counts() -> None:
    """Requests a month by type, typed or pasted; starts at the newest prompt set's own mix."""
    st.caption("Paste two columns from a spreadsheet, or type. Add a row for each kind of request.")
    edited = st.data_editor(
        _own_mix(),
        num_rows="dynamic",
        hide_index=True,
        key="traffic_counts",
        width=520,
        alt="Requests a month by type",
        column_config={
            "request type": st.column_config.TextColumn(required=True, max_chars=120),
            "requests a month": st.column_config.NumberColumn(min_value=0, step=1, format="localized", required=True),
        },
    )
    rows = edited.dropna(subset=["requests a month"])
    if st.button("Use these counts", type="primary", icon=":material/check:", key="traffic_use", **allowed.to("import")):
        from tierwise.traffic import profile_of_counts

        with parts.guard():
            named = rows["request type"].fillna("").astype(str)
            summed = rows["requests a month"].astype(float).groupby(named).sum()
            _open(state.store().traffic.add(profile_of_counts(summed.to_dict())))


def draw(calls: pd.DataFrame, name: str, n: int = 200) -> None:
    """Draw a prompt set, keep it, and go where it is run."""
    from tierwise.traffic import sample

    drawn = sample(calls, n, name=f"{name}, sample")
    info = state.store().evalsets.add(drawn.evalset)
    st.switch_page(RUN, query_params={"set": info.id})


def kinds(profile: TrafficProfile) -> pd.DataFrame:
    """Request types with what they are and cost."""
    return pd.DataFrame([_row(used, profile) | {"request type": used.request_type} for used in profile.types()])[list(KIND_COLUMNS)]


def _row(used, profile: TrafficProfile) -> dict:
    each, volume = used.cost_per_request, profile.per_month
    monthly = each * used.share * volume if each is not None and volume is not None else None
    return {
        "model": used.model,
        "requests": used.requests,
        "share": used.share * 100,
        "$ a month": monthly,
        "$ per 1,000": each * 1000 if each is not None else None,
        "in, p50": _whole(used.prompt_tokens_p50),
        "in, p95": _whole(used.prompt_tokens_p95),
        "out, p50": _whole(used.completion_tokens_p50),
        "out, p95": _whole(used.completion_tokens_p95),
        "s, p50": used.latency_p50_s,
        "s, p95": used.latency_p95_s,
    }


def cells(profile: TrafficProfile) -> pd.DataFrame:
    """Kind of request by model, the dearest first."""
    frame = pd.DataFrame([_row(used, profile) | {"request type": used.request_type} for used in profile.cells()])
    if not len(frame):
        return frame
    order = frame["$ a month"].astype(float).fillna(0) if frame["$ a month"].notna().any() else frame["requests"]
    return frame.loc[order.sort_values(ascending=False, kind="stable").index, ["request type", "model", *list(KIND_COLUMNS)[1:]]]


def _whole(tokens: float | None) -> int | None:
    return None if tokens is None else round(tokens)


_number = st.column_config.NumberColumn
KIND_COLUMNS = {
    "request type": st.column_config.TextColumn(width="medium"),
    "requests": _number(format="localized"),
    "share": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, help="Of all requests"),
    "$ a month": _number(format="dollar", help="At the log's pace"),
    "$ per 1,000": _number(format="$%.3g"),
    "in, p50": _number(format="localized", help="Prompt tokens, median"),
    "in, p95": _number(format="localized", help="Prompt tokens that one request in twenty exceeds"),
    "out, p50": _number(format="localized", help="Completion tokens, median"),
    "out, p95": _number(format="localized", help="Completion tokens that one request in twenty exceeds"),
    "s, p50": _number(format="%.2f", help="Seconds of latency, median"),
    "s, p95": _number(format="%.2f", help="Seconds that one request in twenty exceeds"),
}


def _type_key(log, file_id: str) -> str:
    keys = {k.name: k for k in log.type_keys()}
    if not keys:
        return NO_KEY
    own = "The column request_type" if log.calls["request_type"].notna().any() else "Not known"
    return st.selectbox(
        "Kind of request",
        [NO_KEY, *keys],
        format_func=lambda k: own if k == NO_KEY else f"{k} ({keys[k].values} values, on {keys[k].share:.0%})",
        key=f"traffic_key_{file_id}",
        help="Which key of the calls' metadata says what kind of request each one is.",
        width=320,
    )


def _cost_unit(log, file_id: str) -> str:
    if not log.cost_unit_open:
        return ""
    return st.selectbox(
        "Costs in the file are",
        list(UNITS),
        format_func=UNITS.get,
        key=f"traffic_unit_{file_id}",
        help="The export does not say whether its costs are dollars or cents. Until you do, list prices are used.",
        width=200,
    )


@st.cache_resource(max_entries=2, show_spinner="Reading the log")
def _read(data: bytes, filename: str, cost_unit: str | None):
    from tierwise.importers.traffic import read_traffic

    return read_traffic(data, filename, cost_unit=cost_unit)


def _profile(log, name: str) -> TrafficProfile:
    from tierwise.traffic import profile

    return profile(log, name)


def _own_mix() -> pd.DataFrame:
    sets = [s for s in state.evalsets() if s.request_types]
    if not sets:
        return pd.DataFrame({"request type": ["extraction", "reasoning"], "requests a month": [TYPED_IN // 2, TYPED_IN // 2]})
    from tierwise.ui import readings

    seen = pd.Series([s.request_type for s in readings.evalset(sets[0].id).samples if s.request_type]).value_counts(normalize=True)
    return pd.DataFrame({"request type": list(seen.index), "requests a month": [round(v * TYPED_IN) for v in seen]})


def _open(profile: TrafficProfile) -> None:
    state.remember_profile(profile.id)
    st.toast(f"Kept: {figures.count(profile.requests, 'request')}.", icon=":material/check:")
    st.rerun()
