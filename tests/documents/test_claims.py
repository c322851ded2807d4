"""Which NICs of the host documents ask for."""

from __future__ import annotations

import pytest

from vmnet.documents.domains import parse_host_devices
from vmnet.documents.networks import parse_claims

DOMAIN = """<domain><devices>
  <hostdev mode='subsystem' type='pci' managed='yes'>
    <source><address domain='0x0000' bus='0x03' slot='0x00' function='0x1'/></source>
    <address type='pci' domain='0x0000' bus='0x09' slot='0x00' function='0x0'/>
  </hostdev>
  <hostdev mode='subsystem' type='usb'><source><address bus='1' device='4'/></source></hostdev>
  <interface type='hostdev'>
    <source><address type='pci' domain='0x0000' bus='0x1' slot='0x10' function='0x0'/></source>
  </interface>
  <interface type='network'>
    <source network='default'/><address type='pci' bus='0x05' slot='0' function='0'/>
  </interface>
</devices></domain>"""


def test_devices_that_are_passed_through() -> None:
    assert parse_host_devices(DOMAIN) == ("0000:01:10.0", "0000:03:00.1")
    assert parse_host_devices(f"<domainsnapshot>{DOMAIN}</domainsnapshot>") == ("0000:01:10.0", "0000:03:00.1")


@pytest.mark.parametrize(
    ("forward", "claims"),
    [
        ("", ()),
        ("<forward/>", ()),
        ("<forward mode='nat' dev='em1'><interface dev='em1'/></forward>", ("em1",)),
        ("<forward mode='passthrough'><interface dev='em1'/><interface dev='em2'/></forward>", ("em1", "em2")),
        ("<forward mode='hostdev'><pf dev='em1'/></forward>", ()),
        (
            "<forward mode='hostdev'><address type='pci' bus='0x03' slot='0x0' function='0x1'/></forward>",
            ("0000:03:00.1",),
        ),
    ],
)
def test_networks(forward: str, claims: tuple[str, ...]) -> None:
    assert parse_claims(f"<network><name>n</name>{forward}</network>") == claims
