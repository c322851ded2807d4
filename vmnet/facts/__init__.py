"""What the host is (IS): frozen records from nmcli, the kernel and libvirt, and questions to them.

Values are canonical: MACs in lower case, tuples sorted, units in the names. Nothing here touches the outside.
"""

from vmnet.facts.everything import Facts
from vmnet.facts.fabric import BondPort, Fabric, Heard, LogLine, Multicast, PortFlags, PortVlans
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
from vmnet.facts.lan import Answer, LanAnswer, Mention, Probe, ProbeKind
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
from vmnet.facts.surroundings import (
    Boot,
    BridgeHelper,
    DaemonUnit,
    Dependent,
    FailedStart,
    Owner,
    ProfileFile,
    SessionDomain,
    Surroundings,
    TapFilter,
    Tool,
    Unread,
)
