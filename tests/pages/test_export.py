"""The Export screen: the policy's own file first, every other target one choice away, and refusals said in words."""

import pytest

from tests.pages.conftest import App, app_query
from tierwise.exporters import EXPORTERS
from tierwise.ui import state


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


def test_the_policys_page_says_where_its_figures_come_from(export: App):
    document = state.policy_in_link(state.store().policies.list()).document
    said, (promise, texts) = document["provenance"], (document["certificate"], [t.value for t in export.at.text])
    for wanted in (
        "simulated: no real model was called",
        f"{said['dataset']['n']} prompts",
        said["dataset"]["sha256"],
        said["grader"]["scorer"],
        "the figures are the opinion of the automatic grades",
        f"{said['prices']['source']}, {said['prices']['date']}",
        f"a loss of at most {promise['epsilon'] * 100:g} points with {1 - promise['delta']:.0%}".replace("%", " %"),
        f"Tierwise {said['tool_version']}, to be renewed by {document['expires'][:10]}",
    ):
        assert any(wanted in text for text in texts), wanted
    tiers = next(d.value for d in export.at.dataframe if "share of requests" in d.value)
    assert list(tiers["model"]) == [t["model"]["litellm_model"] for t in document["tiers"]] and "$ in, 1M" in tiers


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
