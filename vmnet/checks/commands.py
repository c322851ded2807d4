"""Commands to paste: ways out that several rules print, with the right names in them."""

from __future__ import annotations

from vmnet.facts import Domain, Facts, Interface, Network, Source
from vmnet.shell_words import Command, command, last, pipe, root, virsh_domain

_AS_STORED = r's/ \(portid\|bridge\)="[^"]*"//g; s/^<interface type="bridge"/<interface type="network"/'
"""A script of sed's that takes out what libvirt notes of a network in a running element: read back, it would count."""

BOUNCE_S = 8
"""How long a link is held down so that the guest's DHCP client asks again, as attach-domain does by default."""


def named(domain: Domain) -> tuple[str, str]:
    """Return the words that tell virsh a domain."""
    return "--domain", virsh_domain(domain.name, domain.uuid)


def show_link(ifname: str) -> Command:
    """Return the command that shows a link with what its kind has of its own."""
    return command("ip", "-details", "link", "show", "dev", ifname)


def list_interfaces(domain: Domain) -> Command:
    """Return the command that lists a domain's interfaces."""
    return command("virsh", "domiflist", *named(domain))


def show_profile(uuid: str, *properties: str) -> Command:
    """Return the command that shows a profile, or some of its properties."""
    return command("nmcli", *(("-f", ",".join(properties)) if properties else ()), "connection", "show", "uuid", uuid)


def modify_profile(uuid: str, *words: str) -> Command:
    """Return the command that changes a profile on the disk."""
    return root("nmcli", "connection", "modify", "uuid", uuid, *words)


def activate_profile(uuid: str) -> Command:
    """Return the command that activates a profile."""
    return root("nmcli", "connection", "up", "uuid", uuid)


def attach(domain: Domain, interface: Interface, source: Source) -> tuple[Command, ...]:
    """Return the command that takes an interface to a source, in both documents; none where attach-domain cannot."""
    where = ("--network", source.network) if source.network else ("--bridge", source.bridge or "")
    if interface.mac is None or not where[1] or source.portgroup:
        return ()
    return (root("vmnet", "attach-domain", "--mac", interface.mac, *where, "--yes", *last(domain.name)),)


def rewrite_saved(rule: str, domain: Domain, was: Source, wanted: Source, facts: Facts) -> tuple[Command, ...]:
    """Return the command that rewrites a domain's managed save and snapshots; where migrate-from-virbr0 would move more
    than that, doctor's own, for all domains."""
    stored = [*domain.running, *domain.persistent]
    known = was.network and wanted.network and facts.network(was.network) is not None
    if not known or any(interface.source.network == was.network for interface in stored):
        return (root("vmnet", "doctor", "--fix", rule, "--yes"),)
    words = ("--network", was.network or "", "--to", wanted.network or "", f"--only={domain.name}")
    return (root("vmnet", "migrate-from-virbr0", *words, "--yes"),)


def start_network(network: Network) -> tuple[Command, ...]:
    """Return the command that starts a network."""
    return (root("virsh", "net-start", "--network", network.name),)


def whole(network: Network) -> tuple[Command, ...]:
    """Return the commands after which a network is persistent, active and autostarted."""
    dump = root("virsh", "net-dumpxml", "--network", network.name)
    store = pipe(dump, root("virsh", "net-define", "/dev/stdin"))
    autostart = root("virsh", "net-autostart", "--network", network.name)
    return (
        *(() if network.persistent else (store,)),
        *(() if network.active else start_network(network)),
        *(() if network.autostart else (autostart,)),
    )


def put_into_bridge(tap: str, bridge: str, network: Network | None) -> tuple[Command, ...]:
    """Return the commands that make a tap a port of its bridge again; one of libvirt's comes with its network."""
    first = start_network(network) if network is not None and not network.active else ()
    return (*first, root("ip", "link", "set", "dev", tap, "master", bridge))


def set_link(domain: Domain, interface: Interface, state: str) -> Command:
    """Return the command that sets a running interface's link.

    virsh domif-setlink gives libvirt its running element back, and with it a bridge in place of the network that led
    there (seen with 9.0); so that of such an interface is changed by hand.
    """
    if interface.source.network is None or interface.actual_type != "bridge":
        return root("virsh", "domif-setlink", *named(domain), interface.mac or "", state)
    return change_running(domain, interface, f"/<link /d; s|</interface>|<link state='{state}'/>&|")


def bounce(domain: Domain, interface: Interface) -> tuple[Command, ...]:
    """Return the commands after which a DHCP client asks for an address again."""
    return (set_link(domain, interface, "down"), command("sleep", str(BOUNCE_S)), set_link(domain, interface, "up"))


def change_running(domain: Domain, interface: Interface, script: str) -> Command:
    """Return the command that changes a running interface by a script of sed's, and nothing else about it."""
    if interface.source.network is not None:
        script = f"{script}; {_AS_STORED}"
    return _change(domain, interface, script, "--live")


def change_stored(domain: Domain, interface: Interface, script: str) -> Command:
    """Return the command that changes a stored interface by a script of sed's."""
    return _change(domain, interface, script, "--config")


def _change(domain: Domain, interface: Interface, script: str, scope: str) -> Command:
    xpath = f"//devices/interface[mac/@address='{interface.mac}']"
    inactive = ("--inactive",) if scope == "--config" else ()
    dump = root("virsh", "dumpxml", *inactive, *named(domain), "--xpath", xpath)
    update = root("virsh", "update-device", *named(domain), "--file", "/dev/stdin", scope)
    return pipe(dump, command("sed", script), update)
