"""The names of the public API."""

from __future__ import annotations

import importlib
import inspect

import pytest

import vmnet
from tests.cli.calls import MadeUpHost

TESTS_ONLY = {"lock", "runs", "saved", "ssh", "start"}
"""Parameters that hand in what is of the host itself."""


@pytest.mark.parametrize("name", vmnet.__all__)
def test_every_name_is_a_documented_function(name: str) -> None:
    # A module below of the same name (vmnet.apply) must not hide the function.
    importlib.import_module("vmnet.runs.progress")
    function = getattr(vmnet, name)
    assert inspect.isfunction(inspect.unwrap(function))
    assert function.__doc__


@pytest.mark.parametrize("name", [name for name in vmnet.__all__ if hasattr(MadeUpHost, name)])
def test_the_host_of_the_tests_takes_what_the_api_takes(name: str) -> None:
    _self, *made_up = inspect.signature(getattr(MadeUpHost, name)).parameters.values()
    real = inspect.signature(getattr(vmnet, name)).parameters
    assert [(p.name, p.kind, p.default is p.empty) for p in made_up] == [
        (p.name, p.kind, p.default is p.empty) for p in real.values() if p.name not in TESTS_ONLY
    ]
