"""Files coming in: a prompt set with its columns checked, or outcomes recorded elsewhere."""

from pathlib import Path

import pandas as pd
import streamlit as st

from tierwise.types import EvalSet, Sample
from tierwise.ui import allowed, figures, parts, state
from tierwise.ui.frame import COMPARE, RUN

SUFFIXES = ["csv", "tsv", "jsonl", "json", "parquet", "xlsx"]
USES = {
    "input": "prompt",
    "reference": "right answer",
    "request_type": "request type",
    "context": "context (a document)",
    "system": "system message",
    "messages": "messages (a conversation)",
    "id": "id",
    "cluster": "cluster (same source)",
    "weight": "weight",
    "metadata": "keep as metadata",
    "ignore": "leave out",
}
TEMPLATE = (
    "id,prompt,reference,request_type\r\n"
    '1,"Reply with the label only: billing, technical or account. I was charged twice.",billing,classification\r\n'
    "2,What is 12 * 14?,168,arithmetic\r\n"
)
PREVIEW_ROWS, PREVIEW_TEXT = 200, 400


def new_evalset(key: str) -> bool:
    """Uploader, guessed columns, problems by row, preview, and the way on. True while a file is in hand."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        upload = st.file_uploader(
            "Prompts as CSV, TSV, JSONL, JSON, Parquet or XLSX", type=SUFFIXES, key=f"{key}_file", **allowed.to("import")
        )
    if upload is None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("One row a prompt. A column with right answers lets Tierwise grade by itself.", width="content")
            st.download_button(
                "Template",
                TEMPLATE.encode(),
                "tierwise-template.csv",
                "text/csv",
                key=f"{key}_template",
                type="tertiary",
                icon=":material/download:",
                on_click="ignore",
            )
        return False
    data, guessed = upload.getvalue(), None
    with parts.guard():
        guessed = _parsed(data, upload.name, Path(upload.name).stem, None)
        mapping = _mapping(guessed, f"{key}_map_{upload.file_id}")
        name = st.text_input("Name", Path(upload.name).stem, key=f"{key}_name_{upload.file_id}", max_chars=120, persist_state="page")
        parsed = _parsed(data, upload.name, name.strip() or Path(upload.name).stem, tuple(sorted(mapping.items())))
    if parsed.problems or parsed.evalset is None:
        _problems(parsed.problems)
        return True
    known = state.store().evalsets.by_digest(parsed.evalset.digest)
    parts.notes(parsed.notices)
    if known:
        parts.notes([f"The same content is kept already as {known.name!r} ({figures.ago(known.created_at)}). It is not kept twice."])
    samples_table(parsed.evalset)
    with st.container(horizontal=True):
        if st.button("Run it", type="primary", icon=":material/play_arrow:", key=f"{key}_run"):
            st.switch_page(RUN, query_params={"set": _keep(parsed.evalset).id})
        if st.button("Keep for later", key=f"{key}_keep", icon=":material/save:"):
            state.remember_evalset(_keep(parsed.evalset).id)
            st.toast("Kept. It is in the list of prompt sets.", icon=":material/check:")
    return True


def recorded(key: str) -> None:
    """Outcomes and grades of a run made elsewhere become a run here."""
    upload = st.file_uploader(
        "Recorded outcomes: one row an answer, or one row a prompt with columns for each model",
        type=["csv", "tsv", "jsonl", "json", "parquet", "xlsx"],
        key=f"{key}_recorded",
        **allowed.to("import"),
    )
    if upload is None:
        st.caption(
            "Long tables name sample_id, prompt, model and score; "
            "output, prompt_tokens, completion_tokens, cost_usd, latency_s and task are used when present."
        )
        return
    data = upload.getvalue()
    with parts.guard():
        models = _models(data, upload.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", Path(upload.name).stem, key=f"{key}_recorded_name_{upload.file_id}", max_chars=120, width=260)
        tiers = st.multiselect(
            "Tiers, cheapest first",
            models,
            key=f"{key}_tiers_{upload.file_id}",
            disabled=not models,
            placeholder="All models, by mean cost",
            width=520,
        )
    if models:
        st.caption(f"{figures.count(len(models), 'model')} in the file. Choose two to four to tune between, cheapest first.")
    if st.button("Import", type="primary", icon=":material/upload:", key=f"{key}_import"):
        from tierwise.importers.recorded import import_results

        with parts.guard(), st.spinner("Importing"):
            run = import_results(state.store(), data, upload.name, name.strip() or Path(upload.name).stem, tiers=tiers or None)
        st.switch_page(COMPARE, query_params={"run": run.id})


def bundle() -> None:
    """An experiment of another Tierwise: prompts, run, answers, grades and policies, as they were there."""
    upload = st.file_uploader("A bundle (.tierwise.zip)", type=["zip"], key="bundle_file", **allowed.to("import"))
    if upload is None:
        st.caption(
            "Compare offers one of every run: all of an experiment in a file. What it brings is as it was, ids and digests included."
        )
        return
    if st.button("Import", type="primary", icon=":material/upload:", key="bundle_import"):
        from tierwise.bundle import import_bundle

        with parts.guard(), st.spinner("Importing"):
            done = import_bundle(state.store(), upload.getvalue())
        st.session_state["bundle_notes"] = list(done.notes)
        st.switch_page(COMPARE, query_params={"run": done.run.id})


def samples_table(evalset: EvalSet, key: str | None = None) -> None:
    """The first prompts of a set; long texts are cut for the screen only."""
    shown = [_row(s) for s in evalset.samples[:PREVIEW_ROWS]]
    frame = pd.DataFrame(shown).dropna(axis=1, how="all")
    total = len(evalset.samples)
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        height=min(38 * (len(frame) + 1), 420),
        alt="Prompts of this set",
        key=key,
        column_config={"prompt": st.column_config.TextColumn(width="large"), "right answer": st.column_config.TextColumn(width="medium")},
    )
    st.caption(f"First {PREVIEW_ROWS} of {total:,} prompts." if total > PREVIEW_ROWS else figures.count(total, "prompt") + ".")


@st.cache_resource(max_entries=6, show_spinner="Reading the file")
def _parsed(data: bytes, filename: str, name: str, mapping: tuple[tuple[str, str], ...] | None):
    from tierwise.evalsets import parse_evalset

    return parse_evalset(data, filename, name, dict(mapping) if mapping is not None else None)


@st.cache_data(max_entries=4, show_spinner="Reading the file")
def _models(data: bytes, filename: str) -> list[str]:
    """The models of a table of results, in order of appearance."""
    from tierwise.importers.recorded import models_in

    return models_in(data, filename)


def _mapping(parsed, key: str) -> dict[str, str]:
    """Let the user say what each column is; starts at the guess."""
    first = parsed.table.rows[0] if parsed.table.rows else {}
    frame = pd.DataFrame(
        {
            "column": list(parsed.mapping),
            "use as": list(parsed.mapping.values()),
            "first row": [_cut(first.get(c), 120) for c in parsed.mapping],
        }
    )
    with st.expander("How columns are used", expanded=bool(parsed.problems), icon=":material/view_column:"):
        edited = st.data_editor(
            frame,
            hide_index=True,
            key=key,
            disabled=["column", "first row"],
            alt="What each column of the file is used as",
            column_config={
                "use as": st.column_config.SelectboxColumn(options=list(USES), format_func=lambda u: USES.get(u, u), required=True)
            },
        )
    return dict(zip(edited["column"], edited["use as"], strict=True))


def _problems(problems: list) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(figures.count(len(problems), "problem"), icon=":material/error:", color="red")
        st.caption("Nothing was kept. Mend the file, or change how its columns are used.", width="content")
    frame = pd.DataFrame([{"row": p.row, "line": p.line, "column": p.column, "what is wrong": p.message} for p in problems[:500]])
    st.dataframe(
        frame.dropna(axis=1, how="all"),
        hide_index=True,
        placeholder="",
        alt="Problems by row",
        column_config={"what is wrong": st.column_config.TextColumn(width="large")},
    )


def _keep(evalset: EvalSet):
    return state.store().evalsets.add(evalset)


def _row(sample: Sample) -> dict:
    prompt = sample.input or "\n".join(f"{m.get('role')}: {m.get('content')}" for m in sample.messages)
    return {
        "id": sample.id,
        "prompt": _cut(prompt),
        "right answer": _cut(sample.reference),
        "request type": sample.request_type,
        "context": _cut(sample.context),
        "system": _cut(sample.system),
        "cluster": sample.cluster,
        "weight": sample.weight if sample.weight != 1 else None,
    }


def _cut(text: object, length: int = PREVIEW_TEXT) -> str | None:
    if text is None:
        return None
    shown = str(text)
    return shown if len(shown) <= length else shown[:length] + " …"
