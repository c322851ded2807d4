"""Steps that change or wait for the host: NetworkManager's profiles and devices, and links.

Every undo is idempotent: it may run although its step never did, or ran half.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.facts import Route
from vmnet.facts.probes import Probe
from vmnet.facts.proof import Proof
from vmnet.names import Mac
from vmnet.spec import IpAddress, IpInterface

LINK_DOWN_S = 15
"""How long a link stays down for a switch to turn to another one."""

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckpoint:
    """NetworkManager notes the state of all devices and goes back to it after `timeout_s` without a commit.

    To go back to it, NetworkManager activates anew each device that was reapplied since, and with a bridge or bond all
    its ports: each guest's tap leaves the bridge, for a minute where there are hundreds, and is NetworkManager's own
    from then on (seen with 1.52). So where a bridge stands, it is the `last_resort`: vmnet takes its steps back itself,
    and NetworkManager only where that fails, or where nobody is left to do it.
    """

    timeout_s: int
    last_resort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitCheckpoint:
    """NetworkManager forgets the checkpoint: the change stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackCheckpoint:
    """NetworkManager goes back to the checkpoint of this run, if it is still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddProfile:
    """Add a profile in memory only, so that a reboot forgets it; `SaveProfile` makes it last."""

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
    """Bring a profile up on its link; without `wait` a later step has to look what became of it."""

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

    With `lease_s`, the IPv4 lease must outlast it: NetworkManager asks the server anew, and where that is silent, gives
    the address up, 1.52 after 12 s, 1.42 after 45 s. It is watched for so long, unless the lease is renewed earlier.
    """

    ifname: str
    lease_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink:
    """Set a link up or down, past NetworkManager: a bond that is down speaks no LACP."""

    ifname: str
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMtu:
    """Set a link's MTU in bytes, past NetworkManager: to reapply a profile that names none leaves it as it is."""

    ifname: str
    mtu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPort:
    """Make the link a port of `controller` in the kernel, past NetworkManager and libvirt: for taps, which neither of
    them puts back. None takes it out."""

    ifname: str
    controller: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepMac:
    """Give links that were just made their MAC again, once udev has done with them: it sets one of its own choice on a
    new bond or bridge (systemd.link(5), MACAddressPolicy=persistent), and at times after NetworkManager has set its."""

    ifnames: tuple[str, ...]
    mac: Mac


@dataclass(frozen=True, slots=True, kw_only=True)
class LetSettle:
    """Do nothing for so long that the switch forgets LACP on the link that left first before it does so on the others.

    A switch that takes one port of a group without LACP (Linux bonding with ad_select stable does) takes the one that
    it forgot first.
    """

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveLast:
    """Going back: where `ifname` must be the last port that leaves the bond (`facts.bonding.leaves_last`), take the
    others out first and let the switch settle. Nothing happens where it is to leave first, or the bond is not there.

    Which of the two depends on who spoke LACP first, and that changes with each boot: so it is looked at when the time
    has come. `others` are ifname and profile UUID of each other port. `turned`: the other order, for an undo in this
    one has been tried and led nowhere.
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
    """Remove what `AddRoutes` added; a route that is gone is no failure."""

    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCarrier:
    """Wait until the link has carrier."""

    ifname: str
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLacp:
    """Wait until the switch has answered LACP on `ports` and they pass frames.

    `this_end`: until the bond passes them. The switch says a quarter of a second later that it does, too, which is not
    waited for where something is asked for an answer next.
    """

    bond: str
    ports: tuple[str, ...]
    timeout_s: int
    this_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPorts:
    """Wait until exactly these links, taps aside, are the controller's ports, up and forwarding."""

    controller: str
    ports: tuple[str, ...]
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAddress:
    """Wait until the link has these addresses; none named: until it has a global IPv4 address. `leased`: a DHCP server
    has given it to the link."""

    ifname: str
    addresses: tuple[IpInterface, ...]
    timeout_s: int
    leased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveUntouched:
    """Fail unless the link is as it was when the plan was made (empty: may be another), and its profile's file too
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
    """Wait until what answered before the change answers again; asked over and over until then.

    `others`: going back, the links that are taken down for `LINK_DOWN_S` where it does not answer in time: a switch
    that still sends to one of them turns to the link that is left. Then they are set up, and it is asked once more.
    """

    probe: Probe
    timeout_s: int
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitConfirmation:
    """Wait until the admin says `vmnet confirm`, from a connection made anew."""

    timeout_s: int
