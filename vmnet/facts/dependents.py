"""Facts about storage and clusters that this host uses over the network."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """Something that this host needs and reaches over the network.

    `what` for people ("NFS filesystem on /srv"), `peer` the address of the other end and `local` ours, if known;
    `evidence` is the source.
    """

    what: str
    evidence: str
    peer: IpAddress | None = None
    local: IpAddress | None = None
