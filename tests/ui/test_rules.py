"""Rules survive the table they are edited in."""

import pandas as pd
import pytest

from tierwise.errors import BadInput
from tierwise.routers.rules import DEFAULT_RULES
from tierwise.ui.rules import from_frame, to_frame


def test_the_starting_rules_come_back():
    assert [(r["id"], r["when"]) for r in from_frame(to_frame(DEFAULT_RULES))] == [(r["id"], r["when"]) for r in DEFAULT_RULES]


def test_rows_without_anything_are_left_out_and_names_are_given():
    frame = pd.concat([to_frame([{"id": "", "when": {"request_type": ["code", "x"]}}]), to_frame([{"id": "", "when": {}}])])
    assert from_frame(frame) == [{"id": "rule 1", "when": {"request_type": ["code", "x"]}, "score": 0.5}]


@pytest.mark.parametrize(
    ("rule", "says"), [({"id": "empty", "when": {}}, "'empty' has no condition"), ({"id": "", "when": {}}, "no rule left")]
)
def test_what_is_no_rule_is_named(rule, says):
    with pytest.raises(BadInput, match=says):
        from_frame(to_frame([rule]))
