"""A policy as files to take away."""

import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from tierwise.access import services
from tierwise.errors import NotFound
from tierwise.types import Policy, Sample
from tierwise.ui import readings, state


class Package(NamedTuple):
    """What a download holds, and how its replay went."""

    data: bytes
    filename: str
    mime: str
    files: tuple[tuple[str, str], ...]
    """Name and text of each file, for the preview."""
    agreement: float
    checked: int
    notes: tuple[str, ...]


class Target(NamedTuple):
    """An export target as a list offers it."""

    title: str
    summary: str
    group: str

    @property
    def label(self) -> str:
        """Title with its group, for a list of many."""
        return f"{self.group}: {self.title}"


def targets() -> dict[str, Target]:
    """The export targets by name: group by group, each in the order of its registration, the policy itself first."""
    from tierwise.exporters import EXPORTERS, GROUPS

    entries = sorted(EXPORTERS.items(), key=lambda item: GROUPS.index(item[1].group))
    return {name: Target(entry.title, entry.summary, entry.group) for name, entry in entries}


def package(policy_id: str, target: str) -> Package:
    """The files of one export; every prompt of the policy's set is decided by them and compared."""
    state.store().require("export")
    return _package(state.project_id(), policy_id, target)


@st.cache_resource(max_entries=16, show_spinner="Writing the files and replaying every prompt")
def _package(project: str, policy_id: str, target: str) -> Package:
    policy = state.store().policies.get(policy_id)
    with tempfile.TemporaryDirectory() as folder:
        done = services.export_policy(state.store(), policy, samples(policy), target, Path(folder))
        files = [(str(Path(f).relative_to(folder)) if Path(f).is_absolute() else str(f), Path(folder, f).read_bytes()) for f in done.files]
    shown = tuple((name, data.decode("utf-8", "replace")) for name, data in files)
    slug = re.sub(r"[^a-z0-9]+", "-", policy.name.lower()).strip("-")[:60] or "policy"
    if len(files) == 1:
        own, data = files[0]
        name = f"{slug}.json" if target == "policy-json" else own
        mime = {".json": "application/json", ".csv": "text/csv"}.get(Path(own).suffix, "text/plain")
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
            for inside, content in files:
                packed.writestr(inside, content)
        data, name, mime = buffer.getvalue(), f"{slug}-{target}.zip", "application/zip"
    return Package(data, name, mime, shown, done.agreement, done.checked, tuple(done.notes))


def taken(done: Package, policy: Policy, target: str) -> Callable[[], bytes]:
    """What the download holds, written down when it is clicked."""
    store = state.store()

    def data() -> bytes:
        services.took_away(store, policy, target)
        return done.data

    return data


def samples(policy: Policy) -> tuple[Sample, ...]:
    """The prompts that a policy was chosen on, or the shipped ones for a policy from elsewhere."""
    try:
        return readings.evalset(state.store().runs.get(policy.run_id).evalset_id).samples
    except NotFound:
        from tierwise.evalsets import load_shipped, shipped

        return tuple(s for entry in shipped() for s in load_shipped(entry.name).samples)
