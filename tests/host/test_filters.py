"""Who else filters: daemons that run, nwfilters that look at IP, firewalld's zones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from tests.host.machine import lay_out
from vmnet.errors import ToolError
from vmnet.facts import Firewalld, Zone
from vmnet.host.firewall.filters import parse_zones, read_daemons, read_layer3

if TYPE_CHECKING:
    from pathlib import Path

ACTIVE = {"internal": {"interfaces": ["em1", "br0"]}, "trusted": {"sources": ["192.0.2.0/24"]}}


def test_zones_with_their_links() -> None:
    found = parse_zones("public", ACTIVE)
    assert found == Firewalld(default_zone="public", zones=(Zone(name="internal", links=("br0", "em1")),))
    assert (found.zone_of("em1"), found.zone_of("p4p1")) == ("internal", "public")


@pytest.mark.parametrize("answers", [(None, {}), ("public", "internal"), ("public", {"internal": ["em1"]})])
def test_what_is_no_answer_of_firewalld_is_said_so(answers: tuple[object, object]) -> None:
    with pytest.raises(ToolError, match="firewalld"):
        parse_zones(*answers)


def test_daemons_by_their_names(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"proc/1/comm": "systemd\n", "proc/77/comm": "dockerd\n", "proc/self/comm": "kubelet\n"})
    assert read_daemons(root) == ("dockerd",)


def test_nwfilters_that_look_at_ip_themselves_or_by_what_they_include(tmp_path: Path) -> None:
    folder = "etc/libvirt/nwfilter"
    files = {
        f"{folder}/clean.xml": "<!-- libvirt's --><filter name='clean'><rule><mac match='no'/></rule></filter>",
        f"{folder}/web.xml": "<filter name='web'><rule><tcp dstportstart='80'/></rule></filter>",
        f"{folder}/v6.xml": "<filter name='v6'><rule action='drop'><all-ipv6/></rule></filter>",
        f"{folder}/both.xml": "<filter name='both'><filterref filter='clean'/><filterref filter='web'/></filter>",
        f"{folder}/torn.xml": "<filter",
    }
    root = lay_out(tmp_path, files)

    def uses(*names: str | None) -> tuple[str, ...]:
        interfaces = tuple(samples.interface(samples.WEB_MAC, "host-bridge", filter=name) for name in names)
        return read_layer3([replace(samples.end_state().domains[0], persistent=interfaces)], root)

    assert uses("clean", None) == ()
    assert uses("both", "v6", "gone", "clean") == ("both", "v6")
