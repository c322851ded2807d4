"""Who else filters: daemons that run, nwfilters that look at IP, firewalld's zones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests import facts_samples as samples
from tests.host.machine import lay_out
from vmnet.facts import Zone
from vmnet.host.filters import read_daemons, read_layer3
from vmnet.host.firewalld import parse_zones

if TYPE_CHECKING:
    from pathlib import Path

ZONES = """\
block
  target: %%REJECT%%
  icmp-block-inversion: no
  interfaces: 
  forward: yes

internal (active)
  target: default
  icmp-block-inversion: no
  interfaces: em1 br0
  sources: 
  services: dhcpv6-client mdns ssh
  forward: no
  masquerade: no
  rich rules: 
"""  # noqa: W291


def test_zones_with_their_links() -> None:
    assert parse_zones(ZONES) == (
        Zone(name="block", forward=True),
        Zone(name="internal", links=("br0", "em1"), forward=False),
    )


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
