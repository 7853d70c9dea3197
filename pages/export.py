"""Saved policies, the evidence each was chosen on, and the files for a gateway."""

import json

import pandas as pd
import streamlit as st

from tierwise.ui import figures, holding, links, packing, parts, removing, sharing, sides, state, watching
from tierwise.ui.evidence import checked_by_people, evidence
from tierwise.ui.frame import EXPORT, TUNE, require_frame
from tierwise.ui.proof import proof

require_frame()
LANGUAGES = {"yaml": "yaml", "py": "python", "mjs": "javascript", "mts": "typescript"}

policies = state.store().policies.list()
if not policies:
    parts.header("Export", "Take a policy to your gateway.")
    parts.empty("No policy saved yet", "Tune a run and save the point you like: that is a policy.", "Tune", TUNE, icon=":material/tune:")
    st.stop()
linked = state.policy_in_link(policies)
parts.header(
    "Export",
    "A policy is a small file that says which tier serves a request. Your gateway reads it; no prompt leaves your machine.",
    simulated=bool(linked.document.get("simulated")),
)
left, right = st.columns([1, 1], gap="medium")
below = st.container()
with left:
    st.markdown("**Saved policies**")
    frame = pd.DataFrame(
        {
            "policy": [p.name for p in policies],
            "version": [p.version for p in policies],
            "saved": [figures.ago(p.created_at) for p in policies],
            "models": ["simulated" if p.document.get("simulated") else "real" for p in policies],
        }
    )
    start = {"selection": {"rows": [policies.index(linked)]}}
    picked = st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default=start,
        height=min(36 * (len(policies) + 1) + 3, 220),
        key=f"policies_{linked.id if 'policy' in st.query_params else ''}",
        alt="Saved policies",
    )
    rows = picked.selection.rows
    policy = policies[rows[0]] if rows and rows[0] < len(policies) else linked
    if policy.id != linked.id:
        state.remember_policy(policy.id)
    st.markdown("**What it was chosen on**")
    evidence(policy, checked_by_people(policy))
    with st.container(horizontal=True, gap="small"):
        sharing.policy_report(policy)
        links.share_button("policy", policy.id)
        removing.offer("policy", policy.id, f"{policy.name}, {policy.version}", EXPORT)
    holding.still_holds(policy)
    sides.two_policies(policy, policies)
with below:
    proof(policy)
    watching.keep_watching(policy)
with right:
    targets = packing.targets()
    target = st.selectbox("For", list(targets), format_func=lambda name: targets[name].label, key="export_to", bind="query-params")
    st.caption(targets[target].summary)
    with parts.guard():
        package = packing.package(policy.id, target)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                "Download",
                packing.taken(package, policy, target),
                package.filename,
                package.mime,
                type="primary",
                icon=":material/download:",
                key="download",
                on_click="ignore",
            )
            agrees = package.agreement >= 1
            st.badge(
                f"{figures.percent(package.agreement, 0 if agrees else 1)} of {package.checked:,} prompts decided alike",
                icon=":material/check:" if agrees else ":material/warning:",
                color="green" if agrees else "orange",
                help="The exported files decided every prompt again; this is how often they chose the tier that the policy chooses.",
            )
        shown = package.files[0]
        if len(package.files) > 1:
            shown = package.files[
                st.radio("File", range(len(package.files)), format_func=lambda i: package.files[i][0], horizontal=True, key="file")
            ]
        if shown[0].endswith(".json"):
            st.json(json.loads(shown[1]), expanded=1)
        else:
            st.code(shown[1][:20_000], language=LANGUAGES.get(shown[0].rpartition(".")[2]), height=420)
        parts.notes(package.notes)
