"""Estimators and tests, each from its source; nothing here knows of routing."""
