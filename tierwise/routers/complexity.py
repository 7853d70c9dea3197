"""LiteLLM's rule-based complexity score, as a baseline: what a team gets without grades of its own.

After `litellm/router_strategy/complexity_router/config.py` of LiteLLM 1.106 (MIT licence): its default keywords, token limits and weights.
Each group of keywords counts once here; LiteLLM counts a second match again, and has two small dimensions more (0.03 and 0.02).
"""

from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData

CODE = [
    "function", "class", "def", "const", "let", "var", "import", "export", "return", "async", "await", "try", "catch",
    "exception", "error", "debug", "api", "endpoint", "request", "response", "database", "sql", "query", "schema", "algorithm",
    "implement", "refactor", "optimize", "python", "javascript", "typescript", "java", "rust", "golang", "react", "vue",
    "angular", "node", "docker", "kubernetes", "git", "commit", "merge", "branch", "pull request",
]  # fmt: skip
REASONING = [
    "step by step", "think through", "let's think", "reason through", "analyze this", "break down", "explain your reasoning",
    "show your work", "chain of thought", "think carefully", "consider all", "evaluate", "pros and cons", "compare and contrast",
    "weigh the options", "logical", "deduce", "infer", "conclude",
]  # fmt: skip
TECHNICAL = [
    "architecture", "distributed", "scalable", "microservice", "machine learning", "neural network", "deep learning", "encryption",
    "authentication", "authorization", "performance", "latency", "throughput", "benchmark", "concurrency", "parallel", "threading",
    "memory", "cpu", "gpu", "optimization", "protocol", "tcp", "http", "grpc", "websocket", "container", "orchestration",
]  # fmt: skip
SIMPLE = [
    "what is", "what's", "define", "definition of", "who is", "who was", "when did", "when was", "where is", "where was", "how many",
    "how much", "yes or no", "true or false", "simple", "brief", "short", "quick", "hello", "hi", "hey", "thanks", "thank you", "goodbye",
    "bye", "okay",
]  # fmt: skip
SHORT, LONG = 15, 400


@ROUTERS.add("complexity")
class Complexity:
    """Fixed weights on keywords and length; nothing is learned."""

    name = "complexity"
    title = "LiteLLM's complexity score"
    summary = "LiteLLM's default keywords and weights; a router tuned on your grades should beat it."

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        groups = (("code", CODE, 0.30), ("reasoning", REASONING, 0.25), ("technical", TECHNICAL, 0.25), ("simple", SIMPLE, -0.05))
        terms = [{"feature": "keyword_group", "name": name, "keywords": words, "weight": weight} for name, words, weight in groups]
        terms.append({"feature": "token_bucket", "lo": SHORT, "hi": LONG, "weight": 0.10})
        # 0.15 lifts the lowest possible sum to 0
        spec = {"type": "linear", "name": "complexity", "link": "identity", "intercept": 0.15, "terms": terms}
        lines = [f"Words of {name}: {weight:+.2f}." for name, _, weight in groups]
        return Fitted(spec, (*lines, f"Under {SHORT} tokens: -0.10; over {LONG}: +0.10."))
