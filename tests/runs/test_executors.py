"""Each class of steps is carried out by one function."""

from __future__ import annotations

import pytest

from vmnet.fields import concrete
from vmnet.plan import steps
from vmnet.runs.executor.execute import on_host
from vmnet.runs.executor.execute_libvirt import on_libvirt
from vmnet.runs.executor.waits import missing

TABLES = (on_host, on_libvirt, missing)
HANDED_ON = {on_host.dispatch(steps.WaitStep), on_host.dispatch(steps.LibvirtStep)}
"""What leaves a step to another table."""


@pytest.mark.parametrize("kind", concrete(steps.Step), ids=lambda kind: kind.__name__)
def test_each_step_has_one_executor(kind: type[steps.Step]) -> None:
    found = [table.dispatch(kind) for table in TABLES if table.dispatch(kind) is not table.dispatch(object)]
    assert len([function for function in found if function not in HANDED_ON]) == 1
