"""People, projects and the log from a terminal."""

import json

import pytest

from tierwise.cli import main
from tierwise.store import Store


def said(capsys, *arguments: str) -> list | dict:
    capsys.readouterr()
    assert main([*arguments, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_server_gets_its_first_people(capsys):
    assert said(capsys, "grant", "Root@example.org", "workspace-admin") == {"person": "root@example.org", "admin": True}
    said(capsys, "projects", "--new", "Support")
    said(capsys, "grant", "ana@example.org", "editor", "--project", "support")
    assert said(capsys, "people", "--project", "Support") == [{"name": "ana@example.org", "email": "ana@example.org", "role": "editor"}]
    assert [p["admin"] for p in said(capsys, "people")] == [False, True]
    said(capsys, "grant", "ana@example.org", "none", "--project", "Support")
    assert said(capsys, "people", "--project", "Support") == []
    log = said(capsys, "audit")
    assert [row["action"] for row in log] == ["changed a role", "changed a role", "made", "changed a role"]
    assert [row["project"] for row in log] == ["Support", "Support", "Support", ""]
    assert len(said(capsys, "audit", "--project", "Support")) == 3
    assert log[0]["person"].endswith("at the command line") and log[0]["detail"] == "Support: editor to no member"


def test_what_is_made_in_a_project_is_seen_there_alone(capsys, tmp_path):
    (tmp_path / "p.csv").write_text("prompt\nhello\n")
    for name in ("A", "B"):
        said(capsys, "projects", "--new", name)
        said(capsys, "import-evalset", str(tmp_path / "p.csv"), "--name", f"set {name}", "--project", name)
    assert [e["name"] for e in said(capsys, "list", "evalsets", "--project", "A")] == ["set A"]
    assert len(said(capsys, "list", "evalsets")) == 2
    assert main(["run", "set B", "--project", "A"]) == 2
    assert [row["project"] for row in said(capsys, "audit", "--action", "imported", "--csv", str(tmp_path / "log.csv"))] == ["B", "A"]
    assert (tmp_path / "log.csv").read_text("utf-8-sig").count("imported") == 2
    with Store() as store:
        assert len(store.audit.frame(action="exported")) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("grant", "nobody", "editor"),
        ("grant", "x@example.org", "none"),
        ("people", "--project", "none such"),
        ("audit", "--since", "yesterday"),
        ("projects", "--new", "Default"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(capsys, arguments):
    assert main(list(arguments)) == 2
    assert capsys.readouterr().err.count("\n") == 1
