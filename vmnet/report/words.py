"""Each step in a few words, in the imperative, for progress lines and lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmnet.names import printable
from vmnet.plan import steps
from vmnet.plan.steps.host import LINK_DOWN_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.facts import Route


def listed(items: Iterable[object], *, nothing: str = "none") -> str:
    """Return the items with commas between them."""
    return ", ".join(str(item) for item in items) or nothing


def describe(step: steps.Step) -> str:
    """Return what `step` does, in the imperative and without a full stop."""
    return printable(_describe(step))


def _describe(step: steps.Step) -> str:
    if isinstance(step, steps.ProfileStep):
        return _profile(step)
    if isinstance(step, steps.NetworkStep):
        return _network(step)
    if isinstance(step, steps.DomainStep):
        return _domain(step)
    if isinstance(step, steps.LinkStep):
        return _link(step)
    if isinstance(step, steps.WaitStep):
        return _wait(step)
    match step:
        case steps.OpenCheckpoint(timeout_s=seconds):
            return f"open a checkpoint of {seconds} s"
        case steps.CommitCheckpoint():
            return "commit the checkpoint"
        case steps.RollBackCheckpoint():
            return "roll back to the checkpoint"
        case _:
            assert_never(step)


def _profile(step: steps.ProfileStep) -> str:
    match step:
        case steps.AddProfile(name=name, ifname=ifname):
            return f"add profile {name} for {ifname}"
        case steps.ModifyProfile(name=name, save=save):
            return f"change profile {name}" + (" on disk" if save else " in memory")
        case steps.DeleteProfile(name=name):
            return f"delete profile {name}"
        case steps.RestoreProfile(name=name):
            return f"restore profile {name}"
        case steps.ActivateProfile(name=name, ifname=ifname):
            return f"activate {ifname}" + (f" (profile {name})" if name != ifname else "")
        case steps.DeactivateProfile(name=name):
            return f"deactivate profile {name}"
        case _:
            assert_never(step)


def _link(step: steps.LinkStep) -> str:
    match step:
        case steps.DisconnectDevice(ifname=ifname):
            return f"disconnect {ifname}"
        case steps.ReapplyDevice(ifname=ifname, lease_s=seconds):
            return f"reapply {ifname}{f', and watch its lease for up to {seconds} s' if seconds else ''}"
        case steps.SetLink(ifname=ifname, up=up):
            return f"set {ifname} {'up' if up else 'down'}"
        case steps.PutPort(ifname=ifname, controller=controller):
            return f"add {ifname} to {controller}" if controller else f"remove {ifname} from its controller"
        case steps.SetMtu(ifname=ifname, mtu=mtu):
            return f"set the MTU of {ifname} to {mtu}"
        case steps.AddRoutes(routes=routes) | steps.RemoveRoutes(routes=routes):
            return f"{'add' if isinstance(step, steps.AddRoutes) else 'remove'} {_routes(routes)}"
        case steps.KeepMac(ifnames=ifnames, mac=mac):
            return f"keep the MAC {mac} on {', '.join(ifnames)}"
        case steps.LetSettle() | steps.LeaveLast():
            return _settle(step)
        case steps.ProveUntouched(ifname=ifname):
            return f"prove that {ifname} is untouched"
        case _:
            assert_never(step)


def _settle(step: steps.LetSettle | steps.LeaveLast) -> str:
    if isinstance(step, steps.LetSettle):
        return f"wait {step.seconds} s for the switch"
    first = listed(ifname for ifname, _ in step.others)
    order = ", in reverse order because the last undo failed" if step.turned else ""
    return f"remove {first} from {step.bond} first, if the LACP switch needs {step.ifname} to leave last{order}"


def _wait(step: steps.WaitStep) -> str:
    match step:
        case steps.WaitCarrier(ifname=ifname, timeout_s=seconds):
            return f"wait up to {seconds} s for carrier on {ifname}"
        case steps.WaitLacp(ports=ports, timeout_s=seconds):
            return f"wait up to {seconds} s for LACP on {listed(ports)}"
        case steps.WaitPorts(controller=controller, ports=ports, timeout_s=seconds):
            return f"wait up to {seconds} s for {listed(ports)} in {controller}"
        case steps.WaitAddress(ifname=ifname, addresses=addresses, timeout_s=seconds, leased=leased):
            by = " by DHCP" if leased else ""
            return f"wait up to {seconds} s for {listed(addresses, nothing='an address')} on {ifname}{by}"
        case steps.WaitNeighbour(ifname=ifname, address=address, timeout_s=seconds):
            return f"wait up to {seconds} s for {address} to answer on {ifname}"
        case steps.WaitAnswer(probe=probe, timeout_s=seconds, others=others):
            return f"wait up to {seconds + (2 * LINK_DOWN_S if others else 0)} s for {probe} to answer"
        case steps.WaitConfirmation(timeout_s=seconds):
            return f"wait up to {seconds} s for sudo vmnet confirm, from a new connection"
        case _:
            assert_never(step)


def _routes(routes: tuple[Route, ...]) -> str:
    links = listed(dict.fromkeys(route.ifname for route in routes))
    return f"routes through {links}: {listed(route.destination or 'default' for route in routes)}"


def _network(step: steps.NetworkStep) -> str:
    match step:
        case steps.DefineNetwork(name=name, was=was):
            return f"{'redefine' if was else 'define'} network {name}"
        case steps.StartNetwork(name=name, restart=restart):
            return f"{'restart' if restart else 'start'} network {name}"
        case steps.StopNetwork(name=name):
            return f"stop network {name}"
        case steps.UndefineNetwork(name=name):
            return f"undefine network {name}"
        case steps.SetNetworkAutostart(name=name, autostart=autostart):
            return f"{'enable' if autostart else 'disable'} the autostart of network {name}"
        case _:
            assert_never(step)


def _domain(step: steps.DomainStep) -> str:
    match step:
        case steps.MoveInterface(domain=domain, mac=mac, wanted=wanted, scope=scope, replug=replug):
            return f"{'replug' if replug else 'move'} {domain} {mac} to {wanted} ({scope})"
        case steps.LearnAgain(domain=domain, mac=mac):
            return f"make the filter of {domain} {mac} learn the guest's address again"
        case steps.RewriteSavedState(domain=domain, snapshot=None, wanted=wanted):
            return f"change the managed save of {domain} to {wanted}"
        case steps.RewriteSavedState(domain=domain, snapshot=snapshot, wanted=wanted):
            return f"change snapshot {snapshot} of {domain} to {wanted}"
        case steps.AddInterface(domain=domain, mac=mac, scopes=scopes):
            return f"add interface {mac} to {domain} ({listed(scopes)})"
        case steps.RemoveInterface(domain=domain, mac=mac, scopes=scopes):
            return f"remove interface {mac} from {domain} ({listed(scopes)})"
        case _ if isinstance(step, steps.GuestStep):
            return _guest(step)
        case _:
            assert_never(step)


def _guest(step: steps.GuestStep) -> str:
    match step:
        case steps.BounceLinks():
            return describe_bounce(step)
        case steps.RaiseLinks(links=links):
            return f"set the links of {_domains(links)} up again"
        case steps.WaitGuests(guests=guests, bridge=bridge, timeout_s=seconds):
            return f"wait up to {seconds} s until {guests[0].domain} is seen on {bridge}"
        case steps.Pause(seconds=seconds):
            return f"wait {seconds} s"
        case steps.ProveUnused(network=network):
            return f"check that nothing refers to network {network}"
        case _:
            assert_never(step)


def describe_bounce(step: steps.BounceLinks, *, most: int | None = None) -> str:
    """Return what the step does. With more than `most` domains, say how many they are instead of their names."""
    agents = tuple(link for link in step.links if link.agent)
    others = tuple(link for link in step.links if not link.agent)
    asked = f"ask for new addresses through the guest agents of {_domains(agents, most)}" if agents else ""
    if agents and step.seconds > 0:
        asked += f" (if an agent cannot, the link goes down for {step.seconds} s)"
    bounced = f"take the links of {_domains(others, most)} down for {step.seconds} s" if others else ""
    return ", and ".join(filter(None, (asked, bounced)))


def _domains(links: tuple[steps.BouncedLink, ...], most: int | None = None) -> str:
    names = dict.fromkeys(link.domain for link in links)
    return listed(names) if most is None or len(names) <= most else f"{len(names)} domains"
