"""migrate-from-virbr0 on a real host: all domains go over, whatever state they are in, and come back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .guests import assert_back, assert_on_lan, changed_lines, documents, taps
from .observe import observe

if TYPE_CHECKING:
    from .machine import Lab

ODD = ("-dash", "88", "with space", "bünter & <co>")
_ODD_XML = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>
<interface type='{kind}'><mac address='52:54:00:0a:01:{number:02x}'/><source {kind}='{source}'/><model type='virtio'/>
<port isolated='yes'/></interface><graphics type='vnc' passwd='s3cret'/></devices></domain>"""


def define_odd(lab: Lab) -> None:
    """Shut off domains with names that are hard to say, one of them directly on virbr0."""
    for number, name in enumerate(ODD):
        kind, source = ("bridge", "virbr0") if number == 0 else ("network", "default")
        safe = name.replace("&", "&amp;").replace("<", "&lt;")
        xml = _ODD_XML.format(name=safe, kind=kind, source=source, number=number)
        lab.run(["virsh", "define", "/dev/stdin"], stdin=xml)


def all_documents(lab: Lab) -> dict[str, str]:
    names = [name for name in lab.run(["virsh", "list", "--all", "--name"]).stdout.splitlines() if name]
    return {f"{name} {kind}": xml for name in names for kind, xml in documents(lab, name).items()}


@pytest.mark.lab_state("bridged")
def test_all_domains_move_and_come_back(lab: Lab) -> None:
    define_odd(lab)
    state, before = observe(lab), all_documents(lab)
    shown = lab.vmnet("migrate-from-virbr0", "--plan", timeout=120).stdout
    for name in ("web01", "db01", "old01", *ODD):
        assert name in shown
    assert observe(lab) == state
    lab.vmnet("migrate-from-virbr0", "--yes", timeout=300)
    after = all_documents(lab)
    assert changed_lines(before, after) <= {"<source>", "<interface>"}
    assert not [name for name, xml in after.items() if '"default"' in xml or '"virbr0"' in xml]
    assert taps(lab, "web01") == ["br0"]
    assert taps(lab, "db01") == ["br0", "br0"]
    for name in ("web01", "db01"):
        assert_on_lan(lab, name)
    moved = observe(lab)
    again = lab.vmnet("migrate-from-virbr0", "--yes", "--output", "json", timeout=120)
    assert json.loads(again.stdout)["plan"]["planned"] == []
    assert observe(lab) == moved
    lab.vmnet("verify", timeout=120)
    for nic in ("em1", "p4p1"):
        lab.cable(nic, on=False)
        assert_on_lan(lab, "web01")
        lab.cable(nic, on=True)
    lab.vmnet("undo", "--yes", timeout=300)
    assert_back(lab, state)
    assert taps(lab, "db01") == ["virbr0", "virbr0"]
