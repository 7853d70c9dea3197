"""How tests of the command line call it, and workspaces they share."""

import io
import json
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import make_matrix
from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise import cli

TIERS = ["cheap", "mid", "frontier"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def tierwise(capsys) -> Callable[..., Ended]:
    """tierwise("list", "runs") -> how it ended; `stdin` is what it may read."""

    def run(*arguments: object, stdin: str = "") -> Ended:
        before, sys.stdin = sys.stdin, io.StringIO(stdin)
        capsys.readouterr()
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as error:  # argparse
            code = error.code
        finally:
            sys.stdin = before
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def tuned_workspace(tmp_path_factory) -> Path:
    """A workspace with a recorded run of 200 prompts and a policy tuned on it."""
    folder = tmp_path_factory.mktemp("tuned")
    matrix = make_matrix(200, seed=4)
    rows = [{"sample_id": s.id, "prompt": s.input, "reference": "yes", "task": s.request_type, "model": t, "output": "yes" if q else "no",
             "score": q, "cost_usd": c, "latency_s": 1.0 + k}
            for s, quality, cost in zip(matrix.samples, matrix.quality, matrix.cost, strict=True)
            for k, (t, q, c) in enumerate(zip(TIERS, quality, cost, strict=True))]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERWISE_DATA", str(folder / "data"))
        assert cli.main(["import-results", str(folder / "results.csv"), "--name", "first", "--models", ",".join(TIERS)]) == 0
        done = ["tune", "first", "--aim", "max-loss=0.03", "--save", "Support bot", "--json", str(folder / "tuned.json")]
        assert cli.main(done) == 0
    return folder


@pytest.fixture
def tuned(tuned_workspace, monkeypatch) -> Path:
    """The tuned workspace, in use; tests that share it add to it and change nothing."""
    monkeypatch.setenv("TIERWISE_DATA", str(tuned_workspace / "data"))
    return tuned_workspace


def only_line(err: str) -> str:
    """The one line that a mendable error may print."""
    (line,) = err.splitlines()
    assert line.startswith("tierwise: ") and "Traceback" not in line
    return line


def prompts(tierwise, tmp_path, n: int = 3, name: str = "mine") -> None:
    file = tmp_path / f"{name}.jsonl"
    rows = [{"input": f"prompt {i} of {name}", "reference": f"answer to prompt {i} of {name}"} for i in range(n)]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert tierwise("import-evalset", file, "--name", name).code == 0


def ladder(tmp_path: Path, provider: Provider, name: str = "tiers.toml", **change: object) -> Path:
    """A TOML file of two tiers on the stand-in provider; `change` sets keys of the first."""
    first = {"model": "openai/small-model", "api_base": provider.base, "input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE} | change
    lines = "\n".join(f"{k} = {json.dumps(v)}" for k, v in first.items() if v is not None)
    text = f"""
        [[tier]]
        name = "large"
        model = "openai/large-model"
        api_base = "{provider.base}"
        input_per_1m = {IN_PRICE}
        output_per_1m = {OUT_PRICE}
        params = {{ temperature = 0 }}
        """
    file = tmp_path / name
    file.write_text(f'[[tier]]\nname = "small"\n{lines}\n{textwrap.dedent(text)}')
    return file


@pytest.fixture
def provider():
    with Provider() as started:
        yield started


@pytest.fixture
def started(tierwise, tmp_path, provider) -> Callable[..., Ended]:
    """started("--yes", ...) -> a run of three prompts on the two tiers of `tiers.toml`."""
    prompts(tierwise, tmp_path)
    tiers = ladder(tmp_path, provider)
    return lambda *more, stdin="", file=tiers: tierwise(
        "run", "mine", "--tiers", file, "--scorer", "exact", "--json", "-", *more, stdin=stdin
    )
