"""What the host is (IS): frozen records from nmcli, the kernel and libvirt, and questions to them.

Values are canonical: MACs in lower case, tuples sorted, units in the names. Nothing here touches the outside.
"""

from vmnet.facts.bonding import BondPort
from vmnet.facts.boot import Boot, ProfileFile, Unread
from vmnet.facts.dependents import Dependent
from vmnet.facts.everything import Facts
from vmnet.facts.fabric import Fabric, Heard, LogLine, Multicast, PortFlags, PortVlans
from vmnet.facts.filters import (
    BridgeNetfilter,
    FilterChain,
    FilterRule,
    Filters,
    Firewalld,
    LinkNames,
    Narrow,
    StoredSwitch,
    Verdict,
    Zone,
)
from vmnet.facts.host import (
    CONNECTED,
    GUEST_KINDS,
    LACP_COLLECTING_DISTRIBUTING,
    Address,
    BondState,
    BridgeState,
    Device,
    Duplicate,
    LacpPort,
    Link,
    Profile,
    Route,
    SshSession,
    SwitchPort,
)
from vmnet.facts.lan import LanAnswer, Mention
from vmnet.facts.libvirt import (
    Domain,
    DomainState,
    GuestAddress,
    HypervisorLink,
    Interface,
    Network,
    Reservation,
    Snapshot,
    Source,
)
from vmnet.facts.owners import Owner, Tool
from vmnet.facts.probes import Answer, Probe, ProbeKind
from vmnet.facts.surroundings import (
    BridgeHelper,
    DaemonUnit,
    FailedStart,
    SessionDomain,
    Surroundings,
    TapFilter,
)

__all__ = [
    "CONNECTED",
    "GUEST_KINDS",
    "LACP_COLLECTING_DISTRIBUTING",
    "Address",
    "Answer",
    "BondPort",
    "BondState",
    "Boot",
    "BridgeHelper",
    "BridgeNetfilter",
    "BridgeState",
    "DaemonUnit",
    "Dependent",
    "Device",
    "Domain",
    "DomainState",
    "Duplicate",
    "Fabric",
    "Facts",
    "FailedStart",
    "FilterChain",
    "FilterRule",
    "Filters",
    "Firewalld",
    "GuestAddress",
    "Heard",
    "HypervisorLink",
    "Interface",
    "LacpPort",
    "LanAnswer",
    "Link",
    "LinkNames",
    "LogLine",
    "Mention",
    "Multicast",
    "Narrow",
    "Network",
    "Owner",
    "PortFlags",
    "PortVlans",
    "Probe",
    "ProbeKind",
    "Profile",
    "ProfileFile",
    "Reservation",
    "Route",
    "SessionDomain",
    "Snapshot",
    "Source",
    "SshSession",
    "StoredSwitch",
    "Surroundings",
    "SwitchPort",
    "TapFilter",
    "Tool",
    "Unread",
    "Verdict",
    "Zone",
]
