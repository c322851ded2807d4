"""Steps as what they are outside: commands ready to paste, libvirt calls, XML diffs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.commands import commands_of
from vmnet.shell_words import Variable, capture, command, last, pipe, virsh_domain

if TYPE_CHECKING:
    from vmnet.shell_words import Command

_CHECKPOINT = Variable("CHECKPOINT")
_FLAGS = {"running": "VIR_DOMAIN_AFFECT_LIVE", "persistent": "VIR_DOMAIN_AFFECT_CONFIG"}
_OPTIONS = {"running": "--live", "persistent": "--config"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A libvirt call as text, and how the same is done with virsh."""

    call: str
    virsh: Command


def shell_lines(step: steps.Step) -> tuple[Command, ...]:
    """Return the step's commands, one a line; empty when no command carries it out."""
    if isinstance(step, steps.OpenCheckpoint):
        # The later commands name the checkpoint; busctl prints its path as `o "/org/..."`.
        path = command("cut", '-d"', "-f2")
        return tuple(capture(_CHECKPOINT, pipe(command(*argv), path)) for argv in commands_of(step))
    if isinstance(step, steps.CheckpointStep):
        return tuple(
            command(*(_CHECKPOINT if word == "$CHECKPOINT" else word for word in argv)) for argv in commands_of(step)
        )
    return tuple(command(*argv) for argv in commands_of(step))


def by_hand(step: steps.Step) -> tuple[Command, ...]:
    """Return what a person types to carry the step out; empty when no command does it."""
    return (*shell_lines(step), *(call.virsh for call in libvirt_calls(step)))


def libvirt_calls(step: steps.Step) -> tuple[Call, ...]:
    """Return the libvirt calls of `step` in order; empty for a step that makes none."""
    match step:
        case (
            steps.DefineNetwork()
            | steps.StartNetwork()
            | steps.StopNetwork()
            | steps.UndefineNetwork()
            | steps.SetNetworkAutostart()
        ):
            return _network_calls(step)
        case steps.MoveInterface(replug=True, document=document):
            return _replug_calls(step, _element(document, step.mac))
        case steps.MoveInterface(scope=scope, document=document):
            virsh = _virsh("update-device", _domain(step), "interface.xml", _OPTIONS.get(scope, f"--{scope}"))
            flags = _FLAGS.get(scope, scope)
            call = f"virDomainUpdateDeviceFlags({step.domain}, {_element(document, step.mac)}, {flags})"
            return (Call(call=call, virsh=virsh),)
        case steps.LearnAgain(document=document, mac=mac):
            return _learn_calls(step, _element(document, mac))
        case steps.RewriteSavedState():
            return (_saved_state_call(step),)
        case steps.AddInterface(document=document, mac=mac, scopes=scopes):
            return (_device_call("Attach", "attach-device", step, _element(document, mac), scopes),)
        case steps.RemoveInterface(mac=mac, scopes=scopes):
            return (_device_call("Detach", "detach-device", step, _element("", mac), scopes),)
        case steps.BounceLinks():
            return (*_agent_calls(step), *_bounce_calls(step))
        case steps.RaiseLinks(links=links):
            return _link_calls(links, "up")
        case _:
            return ()


def _network_calls(
    step: steps.DefineNetwork
    | steps.StartNetwork
    | steps.StopNetwork
    | steps.UndefineNetwork
    | steps.SetNetworkAutostart,
) -> tuple[Call, ...]:
    name = step.name
    destroy = Call(call=f"virNetworkDestroy({name})", virsh=_virsh("net-destroy", *last(name)))
    create = Call(call=f"virNetworkCreate({name})", virsh=_virsh("net-start", *last(name)))
    match step:
        case steps.DefineNetwork():
            call = f"virNetworkDefineXMLFlags(<network> {name}, VIR_NETWORK_DEFINE_VALIDATE)"
            return (Call(call=call, virsh=_virsh("net-define", "network.xml", "--validate")),)
        case steps.StartNetwork(restart=restart):
            return (destroy, create) if restart else (create,)
        case steps.StopNetwork():
            return (destroy,)
        case steps.UndefineNetwork():
            return (Call(call=f"virNetworkUndefine({name})", virsh=_virsh("net-undefine", *last(name))),)
        case steps.SetNetworkAutostart(autostart=autostart):
            off = () if autostart else ("--disable",)
            virsh = _virsh("net-autostart", *off, *last(name))
            return (Call(call=f"virNetworkSetAutostart({name}, {int(autostart)})", virsh=virsh),)


def _saved_state_call(step: steps.RewriteSavedState) -> Call:
    if step.snapshot is None:
        call = f"virDomainManagedSaveDefineXML({step.domain}, <domain>)"
        return Call(call=call, virsh=_virsh("managedsave-edit", _domain(step)))
    snapshot = f"<domainsnapshot> {step.snapshot}"
    call = f"virDomainSnapshotCreateXML({step.domain}, {snapshot}, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE)"
    return Call(call=call, virsh=_virsh("snapshot-create", _domain(step), "snapshot.xml", "--redefine"))


def _device_call(
    verb: str,
    command: str,
    step: steps.AddInterface | steps.RemoveInterface,
    element: str,
    scopes: tuple[str, ...],
) -> Call:
    flags = " | ".join(_FLAGS.get(scope, scope) for scope in scopes)
    options = (_OPTIONS.get(scope, f"--{scope}") for scope in scopes)
    return Call(
        call=f"virDomain{verb}DeviceFlags({step.domain}, {element}, {flags})",
        virsh=_virsh(command, _domain(step), "interface.xml", *options),
    )


def _replug_calls(step: steps.MoveInterface, element: str) -> tuple[Call, ...]:
    calls = (("Detach", "detach-device", "interface.xml"), ("Attach", "attach-device", "wanted.xml"))
    return tuple(
        Call(
            call=f"virDomain{verb}DeviceFlags({step.domain}, {element}, {_FLAGS['running']})",
            virsh=_virsh(command, _domain(step), file, "--live"),
        )
        for verb, command, file in calls
    )


def _learn_calls(step: steps.LearnAgain, element: str) -> tuple[Call, ...]:
    call = f"virDomainUpdateDeviceFlags({step.domain}, {element} {{}}, {_FLAGS['running']})"
    update = ("update-device", _domain(step))
    return (
        Call(call=call.format("without <filterref>"), virsh=_virsh(*update, "without-filter.xml", "--live")),
        Call(call=call.format("with <filterref>"), virsh=_virsh(*update, "interface.xml", "--live")),
    )


def _agent_calls(step: steps.BounceLinks) -> tuple[Call, ...]:
    return tuple(
        Call(
            call=f"virDomainQemuAgentCommand({link.domain}, guest-exec of renew_guest.sh {link.mac})",
            virsh=_virsh("qemu-agent-command", _domain(link), "guest-exec.json"),
        )
        for link in step.links
        if link.agent
    )


def _bounce_calls(step: steps.BounceLinks) -> tuple[Call, ...]:
    links = tuple(link for link in step.links if not link.agent)
    if not links:
        return ()
    pause = Call(call=f"wait {step.seconds} s", virsh=command("sleep", str(step.seconds)))
    return (*_link_calls(links, "down"), pause, *_link_calls(links, "up"))


def _link_calls(links: tuple[steps.BouncedLink, ...], state: str) -> tuple[Call, ...]:
    element = f"<link state='{state}'/>"
    flag = _FLAGS["running"]
    return tuple(
        Call(
            call=f"virDomainUpdateDeviceFlags({link.domain}, <interface> {link.mac} with {element}, {flag})",
            virsh=_virsh("domif-setlink", _domain(link), link.mac, state),
        )
        for link in links
    )


def _element(document: str, mac: str) -> str:
    kind = " type='network'" if "type='network'" in document or 'type="network"' in document else ""
    return f"<interface{kind}> {mac}"


def _domain(
    step: steps.MoveInterface
    | steps.LearnAgain
    | steps.RewriteSavedState
    | steps.AddInterface
    | steps.RemoveInterface
    | steps.BouncedLink,
) -> str:
    return virsh_domain(step.domain, step.domain_uuid)


def _virsh(*words: str) -> Command:
    return command("virsh", *words)


def document_diff(step: steps.Step) -> tuple[str, ...]:
    """Return the unified diff of the step's XML document, without line ends; empty for a step without one."""
    match step:
        case steps.DefineNetwork(name=name, document=document, was=was):
            return _diff(was or "", document, f"network {name}")
        case steps.MoveInterface(domain=domain, scope=scope, mac=mac):
            return _diff(step.before, step.after, f"{domain} {mac} ({scope})")
        case steps.AddInterface(domain=domain, mac=mac, document=document):
            return _diff("", document, f"{domain} {mac}")
        case _:
            return ()


def _lines(document: str) -> list[str]:
    """The document's lines. An element cut out of a larger document keeps its depth there in all lines but the
    first: it goes, with the depth of the closing tag for measure."""
    lines = document.strip().splitlines()
    depth = len(lines[-1]) - len(lines[-1].lstrip()) if lines else 0
    return [line[depth:] if line[:depth].isspace() else line for line in lines]


def _diff(before: str, after: str, what: str) -> tuple[str, ...]:
    was, wanted = _lines(before), _lines(after)
    names = (f"{what} as it is" if was else "/dev/null", f"{what} as wanted")
    return tuple(difflib.unified_diff(was, wanted, *names, lineterm=""))
