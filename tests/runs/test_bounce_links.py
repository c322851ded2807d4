"""Bounced links: down together, and always up again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import libvirt_qemu
import pytest

from tests.documents.canonical import canonical
from tests.fake_domain import FakeError
from tests.fake_libvirt import FakeConnection
from tests.runs.libvirt_runs import WANTED, execute, migration, running, sources, steps_of, undo_of
from vmnet.documents.domains import parse_domain_interfaces
from vmnet.errors import HypervisorError
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.libvirt.libvirt_calls import Code
from vmnet.plan.steps import BounceLinks, RaiseLinks
from vmnet.runs.executor.execute_libvirt import execute_libvirt


def test_a_filter_stays_when_the_link_is_bounced(libvirt: FakeConnection) -> None:
    more = "<filterref filter='clean-traffic'/><link state='up'/><port isolated='yes'/>"
    web = running(libvirt, 1, more=more)
    seen: list[str] = []
    plan = migration(libvirt)
    taps = replace(libvirt.kernel.taps(), sleep=lambda _seconds: seen.append(web.live))
    execute(libvirt, *steps_of(plan.planned)[:-1])
    before = web.live
    execute_libvirt(steps_of(plan.planned)[-1], Hypervisor(connection=libvirt), taps=taps)
    assert [i.link_up for xml in seen for i in parse_domain_interfaces(xml)] == [False]
    assert canonical(web.live) == canonical(before)
    assert sources(web.live) == [WANTED]


def interrupted() -> KeyboardInterrupt:
    return KeyboardInterrupt()


def refused() -> FakeError:
    return FakeError(Code.OPERATION_INVALID, "domain is busy")


@pytest.mark.parametrize("error", [interrupted, refused])
@pytest.mark.parametrize("when", ["lowering", "sleeping", "raising"])
def test_links_always_go_up_again(libvirt: FakeConnection, when: str, error: Callable[[], BaseException]) -> None:
    web = running(libvirt, 1, 2)
    planned = migration(libvirt).planned[-1:]
    (bounce,) = steps_of(planned)

    def pause(_seconds: float) -> None:
        if when == "sleeping":
            raise error()
        if when == "raising":
            libvirt.fail = error()

    libvirt.fail = error() if when == "lowering" else None
    with pytest.raises((KeyboardInterrupt, HypervisorError, FakeError)):
        execute_libvirt(bounce, Hypervisor(connection=libvirt), taps=replace(libvirt.kernel.taps(), sleep=pause))
    down = [interface for interface in parse_domain_interfaces(web.live) if not interface.link_up]
    # A link that libvirt itself refused to raise stays down until the step's undo tries again.
    assert len(down) == (when == "raising" and error is refused)
    execute(libvirt, *undo_of(planned), undoing=True)
    assert all(interface.link_up for interface in parse_domain_interfaces(web.live))


def test_raise_links_after_a_kill(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1, 2)
    links = migration(libvirt).planned[-1].undo
    web.live = web.live.replace("<model", "<link state='down'/><model", 1)
    execute(libvirt, *[step for step in links if isinstance(step, RaiseLinks)], undoing=True)
    assert all(interface.link_up for interface in parse_domain_interfaces(web.live))
    assert web.log == ["live"]


def answer(*answers: object) -> Callable[..., str]:
    """A guest's agent that says one after the other."""
    left = list(answers)

    def command(_domain: object, text: str, _timeout: int, _flags: int) -> str:
        asked = json.loads(text)
        said = left.pop(0)
        if isinstance(said, str):
            return said
        if isinstance(said, BaseException):
            raise said
        if asked["execute"] == "guest-exec":
            assert asked["arguments"]["path"] == "/bin/sh"
            assert asked["arguments"]["arg"][2:] == ["vmnet", "52:54:00:00:53:01"]
        else:
            assert (asked["execute"], asked["arguments"]) == ("guest-exec-status", {"pid": 7})
        return json.dumps({"return": said})

    return command


SLOW = FakeError(Code.AGENT_UNRESPONSIVE, "QEMU guest agent is not connected")
RUNS = {"exited": False}


@pytest.mark.parametrize(
    ("said", "seconds", "slept"),
    [
        (({"pid": 7}, RUNS, {"exited": True, "exitcode": 0}), 8, []),
        (({"pid": 7}, {"exited": True, "exitcode": 3}), 8, [8]),
        (({"pid": 7}, {"exited": True, "exitcode": 3}), 0, []),
        (({"pid": 7}, SLOW), 8, [8]),
        ((SLOW,), 8, [8]),
        ((FakeError(Code.INTERNAL_ERROR, "Command guest-exec has been disabled"),), 8, [8]),
        (("nonsense",), 8, [8]),
        (("[" * 100_000,), 8, [8]),
        (('{"error": {}}',), 8, [8]),
        (('["return"]',), 8, [8]),
        ((["no object"],), 8, [8]),
    ],
)
def test_only_where_the_agent_does_it_the_link_stays_up(
    libvirt: FakeConnection,
    monkeypatch: pytest.MonkeyPatch,
    said: tuple[object, ...],
    seconds: int,
    slept: list[float],
) -> None:
    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", answer(*said))
    monkeypatch.setattr(import_module("vmnet.runs.executor.bounce_links"), "POLL_S", 0.0)
    web = running(libvirt, 1)
    before = web.live
    (bounce,) = (step for step in steps_of(migration(libvirt).planned) if isinstance(step, BounceLinks))
    asked = replace(bounce, links=tuple(replace(link, agent=True) for link in bounce.links), seconds=seconds)
    execute(libvirt, asked)
    assert libvirt.kernel.slept == slept
    if not slept:
        assert web.live == before
