"""Bar 39: a bug tells its user a number and nothing of the code; the log has the rest, without keys."""

import re

import pytest

from tests.server.session import Session, log_lines
from tierwise.server import measures

CANARY = "sk-canary-7f3a9b2c4d5e6f708192"
SCRIPT = f"""
import streamlit as st
from tierwise.ui import serving

def broken():
    secret_of_the_source = 1
    try:
        raise ValueError("inner {CANARY}")
    except ValueError as inner:
        raise RuntimeError("refused: {CANARY} at /srv/secret/path.py") from inner

if serving.in_script():
    st.title("Before")
    broken()
else:
    app = st.App(__file__, **serving.options())
"""


@pytest.mark.parametrize("lines", ["text", "json"])
def test_a_bug_is_a_number_on_the_screen_and_a_traceback_in_the_log(start, tmp_path_factory, lines):
    script = tmp_path_factory.mktemp("broken") / "broken_app.py"
    script.write_text(SCRIPT)
    server = start(script=script, more={"TIERWISE_LOG": lines, "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full"})
    with Session(server.url, headers={"X-Request-Id": "request-of-this-test"}) as session:
        session.rerun()
        frames = session.shown()
    (incident,) = set(re.findall(rb"Incident ([0-9a-f]{12})", frames))
    assert b"Before" in frames
    for told in (CANARY, "RuntimeError", "refused", "secret_of_the_source", "/srv/secret", "Traceback", "broken()"):
        assert told.encode() not in frames, told
    log = server.log.read_text()
    assert CANARY not in log
    assert "secret/path.py" in log and "[hidden]" in log and "in broken" in log
    assert incident.decode() in log
    if lines == "json":
        (line,) = [one for one in log_lines(log) if one.get("incident") == incident.decode()]
        assert line["level"] == "error" and "Traceback" in line["exception"] and line["logger"] == "tierwise.incident"


def test_figures_are_written_as_prometheus_reads_them():
    times = measures.Histogram("t_seconds", "Times.", "page", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        times.observe('a"b\\c\nd', value)
    odd = measures.Family("f", "gauge", "Odd.", [measures.Sample(1234567.25), measures.Sample(0.1, (("status", "done"),))])
    text = measures.exposition([lambda: [times.family(), odd]])
    lines = text.splitlines()
    label = 'page="a\\"b\\\\c\\nd"'
    assert [line for line in lines if line.startswith("t_seconds")] == [
        f't_seconds_bucket{{{label},le="0.1"}} 2', f't_seconds_bucket{{{label},le="1"}} 3', f't_seconds_bucket{{{label},le="+Inf"}} 4',
        f"t_seconds_sum{{{label}}} 7.65", f"t_seconds_count{{{label}}} 4",
    ]  # fmt: skip
    assert "f 1234567.25" in lines and 'f{status="done"} 0.1' in lines
    assert text.endswith("\n") and lines.count("# TYPE t_seconds histogram") == 1


def test_the_workspaces_figures_are_the_ledgers(store):
    from tierwise.server import workspace
    from tierwise.store.attempts import Intent, Settlement
    from tierwise.types import Outcome

    workspace.opened(store)
    ids = store.attempts.commit("r", [Intent(("s", "t", 0), 0.5), Intent(("s", "t", 1), 0.25), Intent(("s", "t", 2), 2.0, purpose="grade")])
    store.attempts.commit("r", [Settlement(ids[0], "answered", 0.125, outcome=Outcome("s", "t", 0)), Settlement(ids[2], "refused", 0.0)])
    told = {(f.name, s.labels): s.value for f in workspace.families() for s in f.samples}
    answered, open_, refused = (
        (("purpose", p), ("status", s)) for p, s in (("answer", "answered"), ("answer", "unknown"), ("grade", "refused"))
    )
    assert told[("tierwise_requests_total", answered)] == told[("tierwise_requests_total", open_)] == 1
    assert told[("tierwise_paid_usd_total", answered)] == told[("tierwise_counted_usd_total", answered)] == 0.125
    assert (told[("tierwise_paid_usd_total", open_)], told[("tierwise_counted_usd_total", open_)]) == (0.0, 0.25)
    assert told[("tierwise_counted_usd_total", refused)] == 0.0
