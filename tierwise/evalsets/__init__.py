"""Prompt sets: from files, with every problem named, and the ones that ship."""

from tierwise.evalsets.columns import USES, use_of
from tierwise.evalsets.content import digest_of, evalset_of, to_jsonl
from tierwise.evalsets.parsing import Parsed, parse_evalset, problems_error
from tierwise.evalsets.shipped import ShippedSet, load_shipped, shipped
from tierwise.tables import Problem

__all__ = [
    "USES", "Parsed", "Problem", "ShippedSet", "digest_of", "evalset_of", "load_shipped", "parse_evalset", "problems_error", "shipped",
    "to_jsonl", "use_of",
]  # fmt: skip
