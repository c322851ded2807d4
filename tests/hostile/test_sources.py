"""Every optional source and every tool raises whatever can be raised: facts come, and say what is missing."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.hostile.outside import Outside, put_outside
from vmnet.errors import LinkError, ToolError
from vmnet.facts import Facts
from vmnet.host import gather
from vmnet.host.kernel import netlink

ROOT = Path(__file__).parents[2]


class Strange(Exception):
    """What nobody has foreseen."""


ERRORS = (
    Strange(), OSError(5, "Input/output error"), PermissionError(13, "Permission denied"), ValueError("x"),
    KeyError("x"), IndexError("x"), TypeError("x"), AttributeError("x"), RecursionError("x"), MemoryError(),
    RuntimeError("x"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), AssertionError(), StopIteration(),
    ZeroDivisionError("x"), OverflowError("x"), NotImplementedError(), ToolError("x"), LinkError("x"),
)  # fmt: skip
# Module and function -> how the source is listed.
SOURCES = {
    ("gather", "own_session"): "the SSH session",
    ("gather", "read_owners"): "other tools that configure the NICs",
    ("gather", "read_boot"): "files for the next boot",
    ("kernel.sysfs", "read_bond_ports"): "the ports of bonds",
    ("gather", "read_firewalld"): "firewalld's zones",
    ("files.dependents", "read_mounts"): "mounted filesystems",
    ("files.dependents", "read_users"): "users of network disks",
    ("files.dependents", "_mounted"): "network filesystems",
    ("files.dependents", "_iscsi"): "iSCSI sessions",
    ("files.dependents", "_nvme"): "NVMe disks",
    ("files.dependents", "_rbd"): "RBD images",
    ("files.dependents", "_nbd"): "NBD disks",
    ("files.dependents", "_drbd"): "DRBD",
    ("files.dependents", "_corosync"): "corosync",
    ("files.dependents", "_connected"): "connections to storage",
    ("lan.lldp", "parse_nmcli"): "LLDP neighbours from NetworkManager",
    ("gather", "read_client"): "the version of nmcli",
    ("gather", "read_failed_waits"): "services that wait for the network at boot",
    ("gather", "read_old_mentions"): "hooks and rules that name unused networks",
    ("files.mentions", "_in_hooks"): "libvirt's hooks",
    ("files.mentions", "_in_firewall"): "firewall rules that name a network",
    ("firewall.filters", "read_netfilter"): "br_netfilter",
    ("firewall.filters", "parse_ruleset"): "firewall rules",
    ("firewall.filters", "read_daemons"): "daemons that write rules",
    ("firewall.filters", "read_layer3"): "the rules of libvirt's filters",
    ("kernel.fabric", "parse_heard"): "forwarding databases",
    ("kernel.fabric", "parse_vlans"): "VLANs of ports",
    ("kernel.fabric", "parse_multicast"): "multicast groups",
    ("kernel.fabric", "read_log"): "the kernel's log",
    ("libvirt.surroundings", "open_connection"): "libvirt's network filters",
    ("libvirt.surroundings", "parse_tap_filters"): "addresses that libvirt's filters allow",
    ("libvirt.surroundings", "read_session_domains"): "session domains of users",
    ("libvirt.surroundings", "_daemons"): "start order of libvirt's daemons at boot",
    ("libvirt.surroundings", "_failed_starts"): "libvirt's journal of this boot",
    ("libvirt.surroundings", "_helper"): "the file of QEMU's bridge helper",
    ("libvirt.hypervisor_read", "HypervisorReader.read_hypervisor_links"): "libvirt's list of links",
    ("kernel.fabric", "_flags"): "flags of ports",
    ("kernel.fabric", "_virtual_functions"): "virtual functions",
    ("kernel.fabric", "_virtualisation"): "hypervisor under this host",
    ("libvirt.hypervisor_read", "_addresses"): "guests' addresses",
}


def read() -> Facts:
    return gather.read_facts(uri="test:///", closely=True, probes=())


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    found = Outside("")
    put_outside(found, monkeypatch)
    return found


def raising(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(("source", "what"), SOURCES.items(), ids=map(".".join, SOURCES))
def test_a_source_that_fails_is_listed_and_the_others_are_read(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, source: tuple[str, str], what: str
) -> None:
    usual = read()
    module, function = source
    # All of them would take a minute; each comes up somewhere.
    for error in (ERRORS[0], ERRORS[list(SOURCES).index(source) % len(ERRORS)]):
        with monkeypatch.context() as patched:
            patched.setattr(f"vmnet.host.{module}.{function}", raising(error))
            found = read()
        more = [one.what for one in found.unread if one not in usual.unread]
        assert what in more, (error, found.unread)
        assert found.links == usual.links
        assert found.profiles == usual.profiles
        assert found.domains == usual.domains


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_when_every_tool_fails_the_kernel_is_left(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("vmnet.host.") and getattr(module, "run", None) == outside.run:
            monkeypatch.setattr(module, "run", raising(error))
    monkeypatch.setattr("vmnet.host.libvirt.hypervisor_read.open_connection", raising(error))
    found = read()
    assert found.links == outside.facts.links
    assert found.nm_problem
    assert found.libvirt_problem
    assert (found.nm_version, found.libvirt_version) == (None, None)


def test_what_the_kernel_refuses_ends_it(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "read_links", raising(LinkError("the kernel refused")))
    with pytest.raises(LinkError):
        read()


@pytest.mark.parametrize("passes", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_stop_is_heard(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, passes: type[BaseException]
) -> None:
    def stop(*_: object) -> NoReturn:
        raise passes

    monkeypatch.setattr(gather, "read_owners", stop)
    with pytest.raises(passes):
        read()


def test_every_optional_source_is_tried_here() -> None:
    named = set()
    for module in (ROOT / "vmnet" / "host").rglob("*.py"):
        calls = (node for node in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(node, ast.Call))
        named |= {ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func) == "sources.read"}
    # Those whose names are made up of others' come in SOURCES under these, or in tests/host/test_foreign_file.py.
    made_up = {"what", "f'session domains of {user.pw_name}'"}
    assert {ast.literal_eval(name) for name in named - made_up} <= set(SOURCES.values()) | {
        "LLDP neighbours from lldpd"
    }
