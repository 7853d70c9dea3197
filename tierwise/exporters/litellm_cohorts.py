"""How LiteLLM's success table (`heuristic_v2`) sorts prompts: by request type, length and marks of code, mathematics and choices.

After `litellm/router_strategy/adaptive_router/classifier.py` and `complexity_router/tier_predictor.py` of LiteLLM 1.106 (MIT licence).
A test holds it to LiteLLM's own.
"""

import re

READ = 2000
"""Characters in which the request type is looked for."""
GENERAL = "general"
_CODE_WORDS = "python|javascript|typescript|java|rust|go|c\\+\\+|sql|bash|shell"
_STORES = "library|framework|language|database|protocol|postgres|postgresql|mongodb|dynamodb|mysql|redis|kafka|sql|nosql"
_TYPES = [
    ("code_generation", rf"\b(write|create|generate|implement|build)\s+(?:a |an |the |me )?(?:{_CODE_WORDS})\b"),
    (
        "code_generation",
        r"\b(write|create|implement|build)\b(?:\s+\w+){0,4}?\s+(function|class|method|script|program|api|endpoint|microservice)\b",
    ),
    (
        "code_understanding",
        r"\b(explain|describe|understand|walk me through|what does)\b.*\b(code|function|method|class|algorithm|snippet)\b",
    ),
    (
        "code_understanding",
        r"\b(debug|fix|why (?:is|does|isn't)|what.s wrong|trace)\b.*\b(error|bug|exception|stacktrace|stack trace|traceback)\b",
    ),
    ("code_understanding", r"\b(review|critique)\s+(?:this |my |the )?(?:code|pr|pull request|diff|patch)\b"),
    ("technical_design", r"\b(design|architect|plan|architecture)\b.*\b(system|service|api|database|schema|module|microservice)\b"),
    ("technical_design", rf"\b(should i (?:use|choose|pick)|tradeoffs? between|compare)\b.*\b({_STORES})\b"),
    ("technical_design", r"\bhow (?:should|do) i (?:design|structure|organize|model)\b"),
    ("analytical_reasoning", r"\b(solve|compute|calculate|prove|derive)\b.*\b(equation|integral|derivative|theorem|proof|problem)\b"),
    ("analytical_reasoning", r"\b(if .+ then|given .+ find|suppose|assume)\b"),
    ("analytical_reasoning", r"\b(probability|statistics|combinatorics|optimization problem)\b"),
    (
        "writing",
        r"\b(write|draft|compose|rewrite|edit|proofread|polish)\b.*\b(email|essay|blog|post|article|letter|memo|copy|paragraph|sentence)\b",
    ),
    ("writing", r"\b(make (?:this|it)|help me)\s+(?:more |less )?(?:concise|formal|casual|professional|persuasive)\b"),
    ("factual_lookup", r"^\s*(who|what|when|where|which)\s+(?:is|was|were|are)\b"),
    ("factual_lookup", r"^\s*(define|definition of|meaning of)\b"),
    ("factual_lookup", r"^\s*how (?:do you spell|to spell|many .* are there|tall is)\b"),
]
_RULES = [(name, re.compile(pattern, re.I)) for name, pattern in _TYPES]
_CODE = re.compile(r"```|\b(def|class|function|python|javascript|typescript|sql|code)\b", re.I)
_MATHS = re.compile(r"\b(solve|calculate|equation|probability|theorem|proof|integral)\b|[$=]", re.I)
_CHOICE = re.compile(r"(?:^|\s)[A-D][.)]\s")


def request_type(text: str) -> str:
    """LiteLLM's request type of a prompt: the first rule that finds something."""
    start = text[:READ]
    return next((name for name, pattern in _RULES if pattern.search(start)), GENERAL) if text.strip() else GENERAL


def cohort(text: str, kind: str) -> str:
    """LiteLLM's name for prompts like this one."""
    size = len(text)
    length = "short" if size < 200 else "medium" if size < 800 else "long" if size < 2000 else "very_long"
    marks = [int(pattern.search(text) is not None) for pattern in (_CODE, _MATHS, _CHOICE)]
    other = int(sum(c > "\x7f" for c in text) / max(size, 1) > 0.1)
    return f"{kind}|{length}|code={marks[0]}|math={marks[1]}|mc={marks[2]}|intl={other}"
