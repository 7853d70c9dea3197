"""Grading by models: which answers are asked about, at what price, and how each request is paid for and kept."""

from tierwise.judging.family import family, own_family
from tierwise.judging.forecast import estimate_ahead, estimate_grading
from tierwise.judging.work import check_judges, grade_by_models

__all__ = ["check_judges", "estimate_ahead", "estimate_grading", "family", "grade_by_models", "own_family"]
