"""The names of the public API."""

from __future__ import annotations

import importlib
import inspect

import pytest

import vmnet


@pytest.mark.parametrize("name", vmnet.__all__)
def test_every_name_is_a_documented_function(name: str) -> None:
    # A module below of the same name (vmnet.apply) must not hide the function.
    importlib.import_module("vmnet.runs.progress")
    function = getattr(vmnet, name)
    assert inspect.isfunction(function)
    assert function.__doc__
