"""The Export screen: the policy's own file first, every other target one choice away, and refusals said in words."""

import pytest

from tests.pages.conftest import App
from tierwise.exporters import EXPORTERS


@pytest.fixture
def export(filled_app: App) -> App:
    filled_app.open("tune")
    filled_app.click("save")
    filled_app.open("export")
    return filled_app


def test_it_opens_on_the_policys_own_file_with_litellm_next(export: App):
    choice = export.at.selectbox(key="export_to")
    assert choice.value == "policy-json"
    assert choice.options[:2] == ["File: Policy JSON", "Gateway: LiteLLM proxy"]
    assert export.primary() == ["Download"]


def test_every_target_is_offered_and_is_packed_or_refused_in_words(export: App):
    assert len(export.at.selectbox(key="export_to").options) == len(list(EXPORTERS))
    for name, entry in EXPORTERS.items():
        export.at.selectbox(key="export_to").set_value(name)
        export.run()
        assert entry.summary in [c.value for c in export.at.caption], name
        refused = "That did not work" in export.badges()
        assert export.primary() == ([] if refused else ["Download"]), name
        assert refused or "100 %" in export.badges()
