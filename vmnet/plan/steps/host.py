"""Steps that change or wait for the host: NetworkManager's profiles and devices, and links.

Every undo is idempotent: it may run although its step never did, or ran half.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.facts import Route
from vmnet.facts.lan import Probe
from vmnet.facts.proof import Proof
from vmnet.names import Mac
from vmnet.spec import IpAddress, IpInterface

LINK_DOWN_S = 15
"""How long a link stays down, so that a switch turns to another one."""

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckpoint:
    """NetworkManager notes the state of all devices, and rolls back to it after `timeout_s` without a commit.

    In a rollback, NetworkManager activates each device again that was reapplied since, and with a bridge or bond all
    its ports. Each guest's tap leaves the bridge, for a minute where there are hundreds, and then belongs to
    NetworkManager (seen with 1.52). So with an existing bridge, this is the `last_resort`: vmnet undoes its own steps,
    and NetworkManager rolls back only if that fails, or if no worker is left.
    """

    timeout_s: int
    last_resort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitCheckpoint:
    """NetworkManager forgets the checkpoint: the change stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackCheckpoint:
    """NetworkManager rolls back to the checkpoint of this run, if it still exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddProfile:
    """Add a profile in memory only, so that a reboot removes it. A `ModifyProfile` with `save` makes it last."""

    uuid: str
    name: str
    type: str
    ifname: str
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyProfile:
    """Change a profile's settings: in memory, or (`save`) on disk as well."""

    uuid: str
    name: str
    settings: Settings
    save: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProfile:
    """Delete a profile, and with it the virtual link it made."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProfile:
    """Put a profile's file back, byte for byte, from the run's own copies, and have NetworkManager read it."""

    uuid: str
    name: str
    filename: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateProfile:
    """Bring a profile up on its link. Without `wait`, a later step must check the result."""

    uuid: str
    name: str
    ifname: str
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateProfile:
    """Take a profile down; nothing happens when it is not active."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectDevice:
    """Take down what is active on a link, and let NetworkManager start nothing on it by itself; nothing happens when
    nothing is active."""

    ifname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapplyDevice:
    """Let a device take over what changed in its profile, without dropping its ports.

    With `lease_s`, the IPv4 lease must outlast it. NetworkManager asks the server again. If that is silent, it gives
    the address up: 1.52 after 12 s, 1.42 after 45 s. vmnet watches the lease for so long, unless it is renewed earlier.
    """

    ifname: str
    lease_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink:
    """Set a link up or down without NetworkManager: a bond that is down sends no LACP."""

    ifname: str
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMtu:
    """Set a link's MTU in bytes without NetworkManager: reapplying a profile without an MTU does not change it."""

    ifname: str
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPort:
    """Make the link a port of `controller` in the kernel, without NetworkManager and libvirt: for taps, which neither
    of them restores. None removes it from its controller."""

    ifname: str
    controller: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepMac:
    """Give new links their MAC again when udev is done with them: it sets one of its own choice on a
    new bond or bridge (systemd.link(5), MACAddressPolicy=persistent), and at times after NetworkManager has set its."""

    ifnames: tuple[str, ...]
    mac: Mac


@dataclass(frozen=True, slots=True, kw_only=True)
class LetSettle:
    """Wait for so long that the switch forgets LACP on the link that left first before it forgets it on the others.

    A switch that takes one port of a group without LACP (Linux bonding with ad_select stable does) takes the one that
    it forgot first.
    """

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveLast:
    """In a rollback: if `ifname` must be the last port that leaves the bond (`facts.bonding.leaves_last`), remove the
    others first and let the switch settle. Nothing happens if it must leave first, or if the bond does not exist.

    The order depends on who sent LACP first, which changes with each boot. So vmnet decides it during the rollback.
    `others` are ifname and profile UUID of each other port. `turned`: the other order, after an undo in the first one
    has failed.
    """

    bond: str
    ifname: str
    others: tuple[tuple[str, str], ...]
    seconds: int
    turned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoutes:
    """Add routes to the main table beside NetworkManager's own, through netlink: at once."""

    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoutes:
    """Remove what `AddRoutes` added. A route that no longer exists is no failure."""

    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCarrier:
    """Wait until the link has carrier."""

    ifname: str
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLacp:
    """Wait until the switch has answered LACP on `ports` and they pass frames.

    `this_end`: until the bond passes them. The switch confirms a quarter of a second later that it does, too. vmnet
    does not wait for that if the next step waits for an answer through the bond.
    """

    bond: str
    ports: tuple[str, ...]
    timeout_s: int
    this_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPorts:
    """Wait until exactly these links, not counting taps, are the controller's ports, up and forwarding."""

    controller: str
    ports: tuple[str, ...]
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAddress:
    """Wait until the link has these addresses; none named: until it has a global IPv4 address. `leased`: the
    link must have it from a DHCP server."""

    ifname: str
    addresses: tuple[IpInterface, ...]
    timeout_s: int
    leased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveUntouched:
    """Fail unless the link is as it was when the plan was made (empty: may differ), and its profile's file too
    (None: may change)."""

    ifname: str
    proof: Proof
    profile: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitNeighbour:
    """Wait until the neighbour (the gateway) answers on the link: ARP or neighbour discovery."""

    ifname: str
    address: IpAddress
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAnswer:
    """Wait until what answered before the change answers again; vmnet repeats the question until then.

    `others`: in a rollback, the links that vmnet takes down for `LINK_DOWN_S` if there is no answer in time. A switch
    that still sends to one of them turns to the link that is left. Then vmnet sets them up and asks once more.
    """

    probe: Probe
    timeout_s: int
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitConfirmation:
    """Wait until the admin runs `vmnet confirm`, from a new connection."""

    timeout_s: int
