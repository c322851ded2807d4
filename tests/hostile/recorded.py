"""The facts that the rules' own tests, and the planners', hand in: what is needed for each of them to say something."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import tests.checks
import tests.plan
from vmnet.facts import Facts
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.domains.undo import plan_domain_undo
from vmnet.plan.host.setup import plan_host_setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from vmnet.plan.steps import Plan

    Planner = Callable[..., Plan]

PLANNERS: tuple[Planner, ...] = (plan_host_setup, plan_attach_domain, plan_migration, plan_domain_undo)


@cache
def facts_of_rules() -> tuple[Facts, ...]:
    """Run the tests of the rules, and return all the facts that they have made or are given."""
    made: list[Facts] = []
    init = Facts.__init__

    def noted(self: Facts, **values: Any) -> None:
        init(self, **values)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Facts, "__init__", noted)
        for module in modules_of(tests.checks):
            for test, values in cases(module):
                test(**values)
                made += (value for value in values.values() if isinstance(value, Facts))
            made += (value for value in vars(module).values() if isinstance(value, Facts))
    return tuple(made)


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """Yield a package's modules of tests."""
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if ".test_" in info.name:
            yield importlib.import_module(info.name)


def cases(module: ModuleType) -> Iterator[tuple[Callable[..., None], dict[str, Any]]]:
    """Yield a module's tests, each with the values of its marks; those that need a fixture are left out."""
    found = inspect.getmembers(module, inspect.isfunction)
    for test in (test for name, test in found if name.startswith("test_") and test.__module__ == module.__name__):
        axes = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        for values in itertools.product(*map(_values, axes)):
            merged = {key: value for one in values for key, value in one.items()}
            if merged.keys() == inspect.signature(test).parameters.keys():
                yield test, merged


def _values(mark: pytest.Mark) -> list[dict[str, Any]]:
    names = mark.args[0].replace(",", " ").split() if isinstance(mark.args[0], str) else list(mark.args[0])
    rows = [row.values if hasattr(row, "marks") else row for row in mark.args[1]]
    return [dict(zip(names, row if len(names) > 1 else (row,), strict=True)) for row in rows]


@cache
def plans() -> tuple[tuple[Planner, tuple[Any, ...]], ...]:
    """Run the planners' tests, and return what these have asked for: each planner's calls."""
    asked: list[tuple[Planner, tuple[Any, ...]]] = []

    def noting(planner: Planner) -> Planner:
        def noted(*values: Any) -> Plan:
            asked.append((planner, values))
            return planner(*values)

        return noted

    with pytest.MonkeyPatch.context() as patch:
        modules = [importlib.import_module(i.name) for i in pkgutil.iter_modules(tests.plan.__path__, "tests.plan.")]
        for module, planner in itertools.product(modules, PLANNERS):
            if vars(module).get(planner.__name__) is planner:
                patch.setattr(module, planner.__name__, noting(planner))
        for test, values in itertools.chain.from_iterable(map(cases, modules)):
            test(**values)
    return tuple(asked)
