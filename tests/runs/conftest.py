"""A libvirt in memory with two networks, for the tests of apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fake_libvirt import FakeConnection, FakeNetwork
from vmnet.runs.records import journal

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def libvirt() -> FakeConnection:
    connection = FakeConnection()
    connection.networks += [FakeNetwork("default", "virbr7", connection), FakeNetwork("host-bridge", "br0", connection)]
    connection.kernel.controllers = {"vnet1": "virbr7", "vnet2": "virbr7"}
    connection.kernel.mtus = {"vnet1": 1500, "vnet2": 1500, "br0": 9000, "virbr7": 1500}
    return connection


@pytest.fixture(autouse=True)
def spare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk does not take goes to the test's own directory, not to /run."""
    monkeypatch.setattr(journal, "SPARE", tmp_path / "spare" / "runs")
