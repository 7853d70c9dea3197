"""What is cached for one project's members is never shown to another's: its project is the first part of every key."""

import ast

import pytest

from tierwise.settings import ROOT

BY_CONTENT = {"_parsed", "_models", "_read"}
"""Keyed by the bytes of a file that the visitor has just sent."""

OF_THE_PROCESS = {"_whole", "_run_queue", "_grading_jobs", "_demo", "_person", "_projects", "_role"}
"""Keyed by the workspace's path, and by the person where it is about one."""


def cached() -> list:
    found = []
    for path in sorted([*(ROOT / "pages").glob("*.py"), *(ROOT / "tierwise" / "ui").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any("cache_" in ast.unparse(d) for d in node.decorator_list):
                found.append(pytest.param(node, id=f"{path.stem}.{node.name}"))
    return found


@pytest.mark.parametrize("function", cached())
def test_a_cached_function_is_keyed_by_the_project(function):
    first = function.args.args[0].arg if function.args.args else ""
    expected = {**dict.fromkeys(BY_CONTENT, "data"), **dict.fromkeys(OF_THE_PROCESS, "path")}.get(function.name, "project")
    assert first == expected
