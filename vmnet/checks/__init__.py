"""Checks: facts -> findings, pure; a rule a function with a stable id."""
