"""Runs: the worker carries out the steps of a plan, journalled, so that a crash anywhere can be undone."""
