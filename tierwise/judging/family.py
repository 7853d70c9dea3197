"""Who made a model, as far as its name tells: a judge favours answers of its own family."""

import re
from collections.abc import Iterable

from tierwise.endpoints.prices import provider_and_name
from tierwise.types import Tier

MAKERS = (
    ("openai", r"gpt|chatgpt|o[1-9](?:-|$)|davinci|text-embedding-(?:ada|3)"),
    ("anthropic", r"claude"),
    ("google", r"gemini|gemma|palm|bison"),
    ("mistral", r"mistral|mixtral|ministral|codestral|magistral|devstral|pixtral"),
    ("deepseek", r"deepseek"),
    ("alibaba", r"qwen|qwq|tongyi"),
    ("meta", r"(?:meta-)?llama|codellama"),
    ("cohere", r"command|aya"),
    ("xai", r"grok"),
    ("amazon", r"nova|titan"),
    ("microsoft", r"phi-|phi\d|wizardlm"),
    ("zhipu", r"glm"),
    ("moonshot", r"kimi|moonshot"),
)
DIRECT = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "mistral": "mistral", "codestral": "mistral",
          "deepseek": "deepseek", "dashscope": "alibaba", "cohere": "cohere", "xai": "xai", "moonshot": "moonshot",
          "zai": "zhipu"}  # fmt: skip
"""Providers that serve their own models alone."""


def family(model: Tier | str) -> str:
    """The maker's name, or the model's own last name where the maker is not known, as with a model on a server of one's own."""
    own = isinstance(model, Tier) and model.api_base is not None
    model = model.model if isinstance(model, Tier) else model
    provider, name = provider_and_name(model)
    last = re.split(r"[/:]", name.lower())[-1] if not name.lower().startswith("ft:") else name.lower().split(":")[1]
    for part in (last, *re.split(r"[/.:]", name.lower())):
        for maker, begins in MAKERS:
            if re.match(begins, part):
                return maker
    return last if own else DIRECT.get(provider) or last


def own_family(judges: Iterable[Tier], tiers: Iterable[Tier]) -> str | None:
    """A warning where a judge grades answers of its own family, else None."""
    tiers, found = tuple(tiers), []
    for judge in judges:
        kin = [t.name for t in tiers if not t.simulated and family(t) == family(judge)]
        if kin:
            found.append(f"{judge.model} is of the same family as {'tier' if len(kin) == 1 else 'tiers'} {', '.join(kin)}")
    if not found:
        return None
    return (f"A judge grades its own family: {'; '.join(found)}. Judges favour their own kind: take one of another maker, "
            "or check it against people.")  # fmt: skip
