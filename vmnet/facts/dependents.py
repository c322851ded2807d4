"""Facts of what this host itself needs the network for: storage and clusters."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """Something that this host lives on and that is reached over the network.

    `what` for people ("NFS filesystem on /srv"), `peer` the other end and `local` ours, as far as they are known;
    `evidence` is where that was read.
    """

    what: str
    evidence: str
    peer: IpAddress | None = None
    local: IpAddress | None = None
