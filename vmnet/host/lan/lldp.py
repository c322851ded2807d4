"""What the switches say of themselves by LLDP (IEEE 802.1AB), as lldpd or NetworkManager has heard it.

Switches speak every 30 s, which is too long to wait: only what somebody listens for anyway is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vmnet.facts import Profile, SwitchPort
from vmnet.host.networkmanager.nmcli_text import split_rows
from vmnet.host.outside import Sources, parse_json
from vmnet.host.process import run

_SOCKETS = (Path("/run/lldpd.socket"), Path("/run/lldpd/lldpd.socket"))
_TIMEOUT_S = 5.0
_LISTENS = ("1", "enable-rx")


def read_switch_ports(
    profiles: Iterable[Profile], sources: Sources, sockets: Iterable[Path] = _SOCKETS
) -> tuple[SwitchPort, ...]:
    """Return what is at the other end of the links; nothing where nobody listens.

    Args:
        profiles: those of NetworkManager, which listens where connection.lldp says so.
        sources: where it is listed who does not answer.
        sockets: where lldpd's is while it runs.
    """
    found: list[SwitchPort] = []
    if any(path.exists() for path in sockets):
        found += sources.collect("LLDP neighbours from lldpd", lambda: parse_lldpctl(_output("lldpctl", "-f", "json0")))
    if any(profile.device and profile.get("connection.lldp").split(" ")[0] in _LISTENS for profile in profiles):
        argv = ("nmcli", "-t", "-m", "tabular", "-f", "DEVICE,CHASSIS-ID,PORT-ID,SYSTEM-NAME", "device", "lldp", "list")
        found += sources.collect("LLDP neighbours from NetworkManager", lambda: parse_nmcli(_output(*argv)))
    return tuple(dict.fromkeys(found))


def _output(*argv: str) -> str:
    return run(argv, timeout_s=_TIMEOUT_S).stdout


def parse_nmcli(text: str) -> tuple[SwitchPort, ...]:
    """Return the records of `nmcli -t -f DEVICE,CHASSIS-ID,PORT-ID,SYSTEM-NAME device lldp list`.

    Raises:
        ToolError: it is no such list.
    """
    found = (_switch_port(*row) for row in split_rows(text, 4))
    return tuple(port for port in found if port.ifname and port.chassis)


def parse_lldpctl(text: str) -> tuple[SwitchPort, ...]:
    """Return the records of `lldpctl -f json0`, in which everything is a list (lldpcli(8)).

    Raises:
        ToolError: it is no JSON.
    """
    document = parse_json(text or "{}", "the answer of lldpctl")
    links = [link for top in _list(document, "lldp") for link in _list(top, "interface")]
    found = (_from_lldpctl(link) for link in links)
    return tuple(port for port in found if port.ifname and port.chassis)


def _from_lldpctl(link: Any) -> SwitchPort:
    ifname = link.get("name") if isinstance(link, dict) else None
    return _switch_port(
        ifname if isinstance(ifname, str) else "",
        _value(link, "chassis", "id"),
        _value(link, "port", "id"),
        _value(link, "chassis", "name"),
    )


def _switch_port(ifname: str, chassis: str, port: str, system: str) -> SwitchPort:
    return SwitchPort(ifname=ifname, chassis=chassis.lower(), port=port, system=system)


def _list(node: Any, key: str) -> list[Any]:
    value = node.get(key) if isinstance(node, dict) else None
    return value if isinstance(value, list) else []


def _value(link: Any, *path: str) -> str:
    node = link
    for key in path:
        node = next(iter(_list(node, key)), None)
    value = node.get("value") if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""
