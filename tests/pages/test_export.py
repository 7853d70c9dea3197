"""The Export screen: the policy's own file first, every other target one choice away, and refusals said in words."""

import pytest

from tests.pages.conftest import App, app_query
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


def test_the_policy_that_is_picked_is_named_by_the_link(export: App):
    from tierwise.ui import state

    newest = state.policy_in_link(state.store().policies.list())
    export.open("tune")
    export.at.text_input(key=next(t.key for t in export.at.text_input if t.label == "Name of the policy")).set_value("Another")
    export.click("save")
    export.at.query_params.clear()
    export.open("export")
    export.at.session_state["policies_"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    export.run()
    assert app_query(export.at, "policy") == newest.id
    export.run()
    assert app_query(export.at, "policy") == newest.id, "and stays"
