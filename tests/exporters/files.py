"""Exported files in use: modules loaded from where they were written, and policies of real-looking ladders."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import make_matrix
from tests.policies import SPECS, tuning
from tierwise.policy import make_policy
from tierwise.types import Policy, Tier


def load(path: Path) -> ModuleType:
    """An exported Python file as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"exported_{path.stem}_{abs(hash(path))}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def instead_of_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an exported hook imports of LiteLLM, without LiteLLM."""
    logger = ModuleType("litellm.integrations.custom_logger")
    logger.CustomLogger = object
    for module in (ModuleType("litellm"), ModuleType("litellm.integrations"), logger):
        monkeypatch.setitem(sys.modules, module.__name__, module)


def live(*tiers: Tier, spec: dict = SPECS["table"], rules: tuple = ()) -> Policy:
    """A policy of a live run on these tiers; request type easy goes to the first, hard to the last."""
    matrix = make_matrix(20, len(tiers))
    run = replace(matrix.run, kind="live", tiers=tiers)
    return make_policy(tuning(replace(matrix, run=run), spec), "Support bot", rules=rules)


def asked(text: str = "hello", **metadata: str) -> dict:
    """A request's messages and metadata."""
    return {"messages": [{"role": "user", "content": text}], "metadata": metadata}
