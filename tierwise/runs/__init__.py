"""Runs: planned and priced, executed cell by cell with every dollar accounted for, stopped and resumed."""
