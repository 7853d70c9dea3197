"""Role by action over every function of the engine that takes a store: what is new and unguarded fails here."""

import ast
from pathlib import Path

import pytest

from tests.access.conftest import World
from tests.access.test_view import MAY
from tierwise.access.roles import ROLES
from tierwise.errors import NotAllowed
from tierwise.settings import ROOT
from tierwise.types import Tier

ENGINE = {
    "tierwise/bundle/__init__.py:export_bundle": "export_text",
    "tierwise/bundle/__init__.py:export_evalset": "export_text",
    "tierwise/bundle/__init__.py:import_bundle": "import",
    "tierwise/caching.py:replay": "read",
    "tierwise/grading/counting.py:by_scorer": "read",
    "tierwise/grading/counting.py:let_count": "grade",
    "tierwise/simulation/demo.py:ensure_demo": "import",
    "tierwise/grading/drift.py:steadiness": "read",
    "tierwise/endpoints/presets.py:test_call": "run",
    "tierwise/grading/grades.py:apply_scorer": "grade",
    "tierwise/grading/grades.py:matrix": "read",
    "tierwise/grading/grades.py:record_manual": "grade",
    "tierwise/grading/session.py:correct_reference": "import",
    "tierwise/grading/session.py:start_session": "grade",
    "tierwise/grading/human.py:human_grades": "read",
    "tierwise/importers/recorded.py:import_results": "import",
    "tierwise/judging/forecast.py:estimate_grading": "read",
    "tierwise/judging/work.py:grade_by_models": "run",
    "tierwise/judging/work.py:open_outcomes": "read",
    "tierwise/report/__init__.py:chart_svg": "export",
    "tierwise/report/__init__.py:ladder_svg": "export",
    "tierwise/report/__init__.py:mix_svg": "export",
    "tierwise/report/__init__.py:policy_report": "export",
    "tierwise/report/__init__.py:run_report": "export",
    "tierwise/report/__init__.py:tiers_svg": "export",
    "tierwise/report/subject.py:of_policy": "read",
    "tierwise/report/subject.py:of_run": "read",
    "tierwise/results.py:result_rows": "read",
    "tierwise/results.py:results_file": "export_text",
    "tierwise/runs/budget.py:check_room_today": "read",
    "tierwise/runs/budget.py:of_person": "read",
    "tierwise/runs/budget.py:of_run": "read",
    "tierwise/runs/budget.py:of_today": "read",
    "tierwise/runs/cluster.py:helping": "read",
    "tierwise/runs/room.py:check_room": "read",
    "tierwise/runs/execute.py:execute": "run",
    "tierwise/runs/helping.py:help_with": "run",
    "tierwise/runs/lease.py:alone": "read",
    "tierwise/runs/lease.py:leading": "read",
    "tierwise/runs/lease.py:working": "read",
    "tierwise/runs/plan.py:create_run": "run",
    "tierwise/runs/reuse.py:reusable": "read",
    "tierwise/grading/verdicts.py:strengths": "read",
    "tierwise/grading/verdicts.py:verdicts": "read",
}
"""Every function of the engine that is handed a store, and what its caller must be allowed."""


def takes_a_store() -> set[str]:
    found = set()
    for path in sorted((ROOT / "tierwise").rglob("*.py")):
        inside = path.relative_to(ROOT).as_posix()
        if inside.startswith(("tierwise/store/", "tierwise/cli/", "tierwise/ui/", "tierwise/access/", "tierwise/server/")):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            if any(isinstance(a.annotation, ast.Name) and a.annotation.id == "Store" for a in node.args.args):
                found.add(f"{inside}:{node.name}")
    return found


def test_every_function_that_takes_a_store_is_in_the_table():
    assert takes_a_store() == set(ENGINE)


def arguments(world: World, me: str) -> dict[str, tuple]:
    from tierwise.bundle import export_bundle
    from tierwise.grading.grades import matrix
    from tierwise.scorers import SCORERS
    from tierwise.traffic import difference, profile_of_counts

    profile = profile_of_counts({"faq": 2, "sums": 1}, "typed in")
    run = world.ours.run
    graded = matrix(world.store, run.id)
    return {
        "export_bundle": (run,),
        "export_evalset": (world.store.evalsets.get(run.evalset_id),),
        "import_bundle": (export_bundle(world.store, world.theirs.run),),
        "ensure_demo": (),
        "test_call": (Tier("t", "openai/m", api_base="http://127.0.0.1:9/v1", input_per_1m=1.0, output_per_1m=1.0),),
        "apply_scorer": (run.id, "exact"),
        "let_count": (run.id, graded.scorer),
        "record_manual": (run.id, "s0", run.tiers[0].name, 1.0, me),
        "correct_reference": (run, "s0", "another answer", me),
        "start_session": (graded, me),
        "import_results": (b"sample_id,prompt,model,score,cost_usd\na,x,m,1,0.1\na,x,n,1,0.2\n", "r.csv", "brought"),
        "grade_by_models": (run, SCORERS["llm_judge"], SCORERS["llm_judge"].parse_options({"model": "sim/small"})),
        "chart_svg": (run,),
        "ladder_svg": (run, graded),
        "mix_svg": (profile, difference(profile, ()).types, False),
        "policy_report": (world.ours.policy,),
        "run_report": (run,),
        "tiers_svg": (run, graded),
        "results_file": (run, "csv"),
        "execute": (run.id,),
        "help_with": (run.id,),
        "create_run": (run.evalset_id, run.tiers),
    }


@pytest.mark.parametrize("role", ROLES)
def test_role_by_function_of_the_engine(world, role, monkeypatch):
    import importlib

    view = world.person(role)
    given = arguments(world, view.person.label)
    for where, action in ENGINE.items():
        path, _, name = where.partition(":")
        if action == "read" or (action in MAY[role] and name in ("grade_by_models", "test_call", "ensure_demo", "help_with")):
            continue  # reading is tried above; these would call out, or take long
        function = getattr(importlib.import_module(Path(path).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")), name)
        if action in MAY[role]:
            function(view, *given[name])
        else:
            with pytest.raises(NotAllowed):
                function(view, *given[name])
