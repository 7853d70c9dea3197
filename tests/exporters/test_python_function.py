"""The policy as a Python function in a file of its own."""

from tests.exporters.files import load
from tests.policies import SPECS, a_policy
from tierwise.exporters import export
from tierwise.policy import route


def test_it_says_what_route_says(tmp_path):
    policy = a_policy(3, SPECS["mean"])
    export(policy, [], "python", tmp_path)
    choose = load(tmp_path / "tier_policy.py").choose
    messages = [{"role": "user", "content": "solve this step by step"}]
    assert choose(messages) == route(policy, {"messages": messages}).to_json()
    assert choose([])["tier"] == policy.document["default_tier"]
