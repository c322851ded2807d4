"""Domains for a chamber: made of the lab's own guest, with whatever interfaces a test wants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from . import recipe
from .guests import documents

if TYPE_CHECKING:
    from .chamber import Chamber

_GUEST = recipe.FILES / "domains" / "web01.xml"
_LEASE_S = 120
BRIDGED = "host-bridge"


def mac(number: int) -> str:
    """A MAC of the lab's."""
    return f"52:54:00:0a:02:{number:02x}"


def nic(number: int, more: str = "", *, source: str = "network='default'", model: str = "virtio") -> str:
    """An `<interface>` on a network or a bridge; without a source one of QEMU's own."""
    kind = source.partition("=")[0] or "user"
    plug = f"<mac address='{mac(number)}'/>{f'<source {source}/>' if source else ''}<model type='{model}'/>"
    return f"<interface type='{kind}'>{plug}{more}</interface>"


def define(chamber: Chamber, name: str, *interfaces: str, more: str = "", transient: bool = False) -> None:
    """Define a domain (or start a transient one) that boots the lab's guest, with a password on its screen."""
    root = etree.fromstring(_GUEST.read_bytes())
    root.set("type", "qemu")
    for tag in ("name", "cmdline"):
        for element in root.iter(tag):
            element.text = name if tag == "name" else (element.text or "").replace("lab.name=web01", f"lab.name={name}")
    for element in root.xpath("uuid | devices/interface"):
        element.getparent().remove(element)
    for element in root.xpath("//source[@path]"):
        element.set("path", f"/var/log/guests/{name}.log")
    (devices,) = root.iterfind("devices")
    for text in interfaces:
        devices.append(etree.fromstring(text))
    for element in etree.fromstring(f"<x>{more}</x>"):
        devices.append(element)
    chamber.run(["virsh", "-q", "create" if transient else "define", "/dev/stdin"], stdin=etree.tostring(root).decode())


def start(chamber: Chamber, *names: str, leases: bool = True) -> None:
    """Start domains, and wait until each has an address; what only their documents are asked need not wait for that."""
    for name in names:
        chamber.run(["virsh", "-q", "start", "--domain", name])
    if leases:
        logs = " ".join(f"/var/log/guests/{name}.log" for name in names)
        wait = f"for log in {logs}; do until grep -q ' bound ' $log; do sleep 0.5; done; done"
        chamber.run(["timeout", str(_LEASE_S), "sh", "-c", wait], timeout=_LEASE_S + 10)


def sources(chamber: Chamber, name: str) -> dict[str, list[str]]:
    """What each of a domain's documents names as its interfaces' sources: {"persistent": ["default"], ...}."""
    return {
        kind: re.findall(r'<source (?:bridge="[^"]*" )?(?:network|bridge)="([^"]*)"', xml)
        for kind, xml in documents(chamber, name).items()
    }


def migrate(chamber: Chamber, *words: str, check: bool = True) -> str:
    """Migrate all domains; return what vmnet said."""
    done = chamber.vmnet("migrate-from-virbr0", "--yes", *words, timeout=300, check=check)
    return done.stdout + done.stderr


CLEAN = """\
for name in $(virsh list --name); do virsh -q destroy --domain "$name"; done
for uuid in $(virsh list --all --uuid); do
    virsh -q undefine --managed-save --snapshots-metadata --checkpoints-metadata --domain $uuid
done
virsh -q net-start default 2>/dev/null
virsh -q net-autostart default
rm -rf /var/lib/vmnet /var/log/guests/* /tmp/*
"""
