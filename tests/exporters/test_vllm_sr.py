"""vLLM Semantic Router: what is written for a policy of keywords and sizes, and what is refused."""

import pytest
import yaml

from tests.exporters.test_litellm_native import LINEAR, LISTED
from tests.policies import SPECS, a_policy
from tierwise.errors import BadInput
from tierwise.exporters import export
from tierwise.types import Sample

TEXTS = ["hello", "python please", "prove it with sql " + "word " * 500, "summarise this", "translate the contract", "x " * 900]


@pytest.mark.parametrize("spec", [LINEAR, LISTED], ids=["linear", "rules"])
@pytest.mark.parametrize("tiers", [2, 3, 5])
def test_signals_bands_and_decisions_choose_the_policys_tier(spec, tiers, tmp_path):
    done = export(a_policy(tiers, spec), [Sample(f"s{i}", t) for i, t in enumerate(TEXTS)], "vllm-sr", tmp_path)
    assert done.agreement == 1
    routing = yaml.safe_load((tmp_path / "vllm-sr-config.yaml").read_text())["routing"]
    assert len(routing["modelCards"]) == tiers and routing["decisions"]
    assert any("was not run" in note for note in done.notes)


@pytest.mark.parametrize("kind", ["tree", "text_linear", "table"])
def test_other_scores_are_refused(kind, tmp_path):
    with pytest.raises(BadInput, match=rf"cannot hold this policy exactly: its score is of the type {kind}\. Export it as python"):
        export(a_policy(3, SPECS[kind]), [], "vllm-sr", tmp_path)
