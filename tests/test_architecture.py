"""The rules that keep the corridor one-way: who may import what, how long a file may be, and what is never used."""

import ast
import site
import subprocess
import sys
from pathlib import Path

import pytest

from tierwise.settings import ROOT

SOURCES = sorted(p for d in ("tierwise", "pages") for p in (ROOT / d).rglob("*.py")) + [ROOT / "app.py"]  # noqa: RUF005
MAY_IMPORT = {
    "streamlit": ("app.py", "pages/", "tierwise/ui/"),
    "starlette": ("tierwise/server/", "tierwise/ui/serving.py"),  # where the server meets the screens
    "litellm": ("tierwise/endpoints/models.py", "tierwise/simulation/simulator.py"),
    "ragas": ("tierwise/scorers/ragas.py",),
    "duckdb": ("tierwise/store/",),
    "altair": ("tierwise/ui/charts.py", "tierwise/ui/traffic_charts.py", "tierwise/ui/replay_charts.py", "tierwise/report/"),
}
ONLY_INSIDE_FUNCTIONS = ("litellm", "ragas", "sklearn", "scipy", "sacrebleu", "rouge_score", "re2", "jsonschema")
NEVER_CALLED = {"eval", "exec", "unsafe_allow_html", "ImageColumn"}
NEVER_ATTRIBUTES = {("st", "html"), ("st", "table"), ("pickle", "load"), ("pickle", "loads"), ("joblib", "load"), ("pd", "read_pickle")}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node


@pytest.fixture(scope="module", params=SOURCES, ids=name)
def source(request) -> tuple[str, str, ast.AST]:
    text = request.param.read_text(encoding="utf-8")
    return name(request.param), text, ast.parse(text)


def test_each_library_is_imported_where_it_belongs(source):
    path, _, tree = source
    for library, _node in imports(tree):
        allowed = MAY_IMPORT.get(library)
        assert allowed is None or path.startswith(allowed), f"{path} imports {library}"


def test_slow_libraries_are_imported_inside_functions(source):
    _, _, tree = source
    top = {
        library
        for node in tree.body
        for library, _ in imports(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assert not top & set(ONLY_INSIDE_FUNCTIONS)


def test_a_file_is_read_in_one_sitting(source):
    path, text, _ = source
    assert text.count("\n") <= (150 if path.startswith("pages/") else 360), path


def test_dangerous_calls_are_not_used(source):
    path, _, tree = source
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                assert called.id not in NEVER_CALLED, f"{path}:{node.lineno}"
            elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                assert (called.value.id, called.attr) not in NEVER_ATTRIBUTES, f"{path}:{node.lineno}"
            assert not NEVER_CALLED & {k.arg for k in node.keywords}, f"{path}:{node.lineno}"


def test_sql_stays_in_the_store(source):
    path, _, tree = source
    if path.startswith("tierwise/store/"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.lstrip().startswith(("SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "CREATE TABLE")), (
                f"{path}:{node.lineno}"
            )


def test_every_page_runs_inside_the_frame():
    for page in (ROOT / "pages").glob("*.py"):
        assert "require_frame()" in page.read_text(encoding="utf-8"), page.name


def test_the_store_and_the_types_load_without_the_slow_libraries():
    code = (
        "import sys, tierwise.store, tierwise.evalsets, tierwise.runs.queue, tierwise.grading.grades, tierwise.tuning.tune, tierwise.policy, tierwise.exporters\n"
        f"print([m for m in {ONLY_INSIDE_FUNCTIONS + ('streamlit',)!r} if m in sys.modules])"  # noqa: RUF005
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("lock", sorted(p.name for p in ROOT.glob("requirements*.txt")))
def test_the_lock_is_hashed_and_above_the_security_floors(lock):
    text = (ROOT / lock).read_text()
    pins = dict(line.split(" ")[0].split("==") for line in text.splitlines() if "==" in line and not line.startswith((" ", "#")))
    assert text.count("--hash=sha256:") >= len(pins)
    floors = {"streamlit": (1, 67), "litellm": (1, 89, 3), "starlette": (1, 3, 1), "python-multipart": (0, 0, 30), "pyarrow": (23, 0, 1),
              "duckdb": (1, 4, 2), "langchain-core": (1, 2, 22), "aiohttp": (3, 14, 3), "jinja2": (3, 1, 6), "cryptography": (50,),
              "pyjwt": (2, 13), "mcp": (1, 27, 2), "langchain-openai": (1, 1, 14), "tornado": (6, 6), "ragas": (0, 4, 3)}  # fmt: skip
    for package, floor in floors.items():
        if package in pins:
            assert tuple(int(x) for x in pins[package].split(".")[: len(floor)]) >= floor, f"{lock}: {package} {pins[package]}"
    assert pins.get("litellm") not in ("1.82.7", "1.82.8")  # published by an attacker


def test_nothing_that_is_installed_runs_when_any_python_starts():
    """A malicious release did so by a .pth file."""
    folders = {Path(p) for p in site.getsitepackages()}
    assert folders
    runs = {
        path.name
        for folder in folders
        for path in folder.glob("*.pth")
        if any(line.startswith(("import ", "import\t")) for line in path.read_text(errors="replace").splitlines())
    }
    assert runs <= {"distutils-precedence.pth", "_virtualenv.pth"}, "look at it before anything else is started from here"
