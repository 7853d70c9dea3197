"""The classifier plugin of a LiteLLM proxy: one file on the standard library that decides as Tierwise does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise.exporters import embedded

FILE = "litellm_policy_classifier.py"
INSTANCE = "litellm_policy_classifier.classifier"


def source(document: Mapping[str, Any], heading: str, slots: Mapping[str, str], pinned: Mapping[str, str]) -> str:
    """The file's text. `slots` is LiteLLM's tier by ours, `pinned` LiteLLM's tier by the id of a rule that has its own."""
    about = "What follows is LiteLLM's side: it asks `classifier` for every request to the model 'auto'."
    return embedded.source(document, heading, about, TOLD + _CLASSIFIER, SLOTS=slots, PINNED=pinned)


def run(path: Path, requests: Sequence[Mapping[str, Any]]) -> list[str]:
    """LiteLLM's tier for each request, as the file says it."""
    context = 'types.SimpleNamespace(structured_messages=r["messages"], metadata=r["metadata"], candidate_models=[])'
    return embedded.run(path, requests, f"return await module.classifier.classify({context})")


TOLD = '''

def told(*places):
    """Metadata of a request; what the caller sent goes before what the proxy adds."""
    found = {}
    for place in places:
        found.update(place if isinstance(place, dict) else {})
    for place in places:
        sent = place.get("requester_metadata") if isinstance(place, dict) else None
        found.update(sent if isinstance(sent, dict) else {})
    return found


def place(found, by_tier):
    """What serves a decision: the pinned rule's own place, or the tier's."""
    rule = found["why"].removeprefix("rule ") if found["score"] is None and found["why"].startswith("rule ") else None
    return PINNED.get(rule) or by_tier[found["tier"]]
'''

_CLASSIFIER = '''

class PolicyClassifier:
    """LiteLLM's ClassifierPlugin: the name of LiteLLM's tier for a request."""

    async def classify(self, context):
        """Decide by the policy."""
        return place(decide(POLICY, context.structured_messages, told(context.metadata), explain=False), SLOTS)


classifier = PolicyClassifier()
'''
