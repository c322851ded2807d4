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


@pytest.mark.lab_state("bridged")
def test_saves_and_snapshots_come_back_on_the_bridge(lab: Lab) -> None:
    kept = "virsh managedsave-dumpxml --security-info db01; virsh snapshot-dumpxml --security-info old01 fresh"
    lab.run(["virsh", "managedsave", "db01"], timeout=120)
    # A snapshot needs a disk, its metadata does not.
    domain = lab.run(["virsh", "dumpxml", "--security-info", "--inactive", "old01"]).stdout
    snapshot = f"<domainsnapshot><name>fresh</name><creationTime>1</creationTime><state>shutoff</state>{domain}"
    lab.run(["virsh", "snapshot-create", "old01", "/dev/stdin", "--redefine"], stdin=f"{snapshot}</domainsnapshot>")
    before = lab.run(kept).stdout
    migrate = ["migrate-from-virbr0", "--only", "db01", "--only", "old01", "--yes"]
    assert "managed save" in lab.vmnet(*migrate, timeout=200).stdout
    differ = set(before.splitlines()) ^ set(lab.run(kept).stdout.splitlines())
    assert {line.split()[0] for line in differ} == {"<source"}
    lab.vmnet("undo", "--yes", timeout=200)
    assert lab.run(kept).stdout == before
    lab.vmnet(*migrate, timeout=200)
    lab.run(["virsh", "snapshot-revert", "old01", "fresh"])
    assert 'network="host-bridge"' in documents(lab, "old01")["persistent"]
    lab.run(["virsh", "start", "db01"], timeout=120)
    assert taps(lab, "db01") == ["br0", "br0"]


@pytest.mark.lab_state("bridged")
def test_undo_of_a_domain_that_was_started_since(lab: Lab) -> None:
    lab.vmnet("migrate-from-virbr0", "--no-bounce", "--yes", timeout=300)
    lab.run(["virsh", "start", "old01"], timeout=120)
    lab.run(["virsh", "undefine", "db01"])
    lab.run(["virsh", "destroy", "db01"])
    assert taps(lab, "old01") == ["br0"]
    done = lab.vmnet("undo", "--yes", timeout=300)
    assert "db01 is gone" in done.stdout
    assert taps(lab, "old01") == taps(lab, "web01") == ["virbr0"]
    assert 'network="default"' in documents(lab, "old01")["persistent"]


@pytest.mark.lab_state("bridged")
def test_ctrl_c_during_the_bounce_leaves_no_link_down(lab: Lab) -> None:
    before = observe(lab)
    mac = "52:54:00:0a:00:01"
    down = f"virsh domif-getlink web01 {mac} | grep -q down"
    # A shell without a terminal lets its background jobs ignore the interrupt; env takes that back.
    run = "env --default-signal=INT vmnet migrate-from-virbr0 --bounce 60 --yes"
    script = f"{run} & p=$!; until {down}; do sleep 0.3; done; kill -INT $p; wait $p"
    done = lab.run(["bash", "-c", script], timeout=200, check=False)
    assert done.returncode == 130
    assert_back(lab, before)
    assert "up" in lab.run(["virsh", "domif-getlink", "web01", mac]).stdout
