"""Steps that have guests ask for new addresses, and that wait for guests."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.names import Mac
from vmnet.plan.steps.base import Call, listed
from vmnet.plan.steps.domains import LIVE, DomainStep, OfDomain, unless_off
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncedLink(OfDomain):
    """One interface whose link is to be bounced. `stated_up`: its document says `<link state='up'/>`, and must
    say so again afterwards. `agent`: vmnet asks the guest's agent first. If the agent renews, the link stays up."""

    mac: Mac
    address: str | None
    stated_up: bool = False
    agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinksStep(DomainStep):
    links: tuple[BouncedLink, ...]

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(link.domain_uuid for link in self.links))


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceLinks(_LinksStep):
    """Take the guests' links down together for `seconds`, then up, so that their DHCP clients ask again; 0: ask agents
    only."""

    seconds: int

    def text(self, most: int | None = None) -> str:
        """Return what the step does. With more than `most` domains, say how many they are instead of their names."""
        agents, others = self._by_agent(), self._by_link()
        asked = f"ask for new addresses through the guest agents of {_domains(agents, most)}" if agents else ""
        if agents and self.seconds > 0:
            asked += f" (if an agent cannot, the link goes down for {self.seconds} s)"
        bounced = f"take the links of {_domains(others, most)} down for {self.seconds} s" if others else ""
        return ", and ".join(filter(None, (asked, bounced)))

    def _by_agent(self) -> tuple[BouncedLink, ...]:
        return tuple(link for link in self.links if link.agent)

    def _by_link(self) -> tuple[BouncedLink, ...]:
        return tuple(link for link in self.links if not link.agent)

    def calls(self) -> tuple[Call, ...]:
        asked = (
            Call(
                call=f"virDomainQemuAgentCommand({link.domain}, guest-exec of renew_guest.sh {link.mac})",
                virsh=link.virsh("qemu-agent-command", "guest-exec.json"),
            )
            for link in self._by_agent()
        )
        links = self._by_link()
        pause = Call(call=f"wait {self.seconds} s", virsh=command("sleep", str(self.seconds)))
        return (*asked, *_link_calls(links, "down"), *((pause,) if links else ()), *_link_calls(links, "up"))

    def bounce_lines(self) -> Iterable[str]:
        """Yield the lines that take guests' links down and up; a shell cannot ask agents well, and does not."""
        if self.seconds:
            yield from (_set_link(link, "down") for link in self.links)
            yield f"try sleep {self.seconds}"
            yield from (_set_link(link, "up") for link in self.links)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseLinks(_LinksStep):
    """Set guests' links up again that an interrupted bounce (crash, kill) left down. Other links are not changed."""

    def text(self) -> str:
        return f"set the links of {_domains(self.links)} up again"

    def calls(self) -> tuple[Call, ...]:
        return _link_calls(self.links, "up")

    def undo_lines(self) -> Iterable[str]:
        return (_set_link(link, "up") for link in self.links)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest(OfDomain):
    """A running interface that is waited for: `tap` is its link on the host, `old` the addresses that it had."""

    mac: Mac
    tap: str | None = None
    old: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitGuests(DomainStep):
    """Wait until one of the guests is proven to be on the bridge: it answers there. None of them within the time is a
    failure. `renews`: their links were bounced, so that new addresses are to be expected."""

    guests: tuple[Guest, ...]
    bridge: str
    timeout_s: int
    renews: bool

    def text(self) -> str:
        return f"wait up to {self.timeout_s} s until {self.guests[0].domain} is seen on {self.bridge}"

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(guest.domain_uuid for guest in self.guests))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(DomainStep):
    """Wait between two batches, so that somebody can check the moved domains."""

    seconds: int

    def text(self) -> str:
        return f"wait {self.seconds} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveUnused(DomainStep):
    """Prove that no document of any domain, saved state or snapshot, names the network or its bridge."""

    network: str
    bridge: str | None

    def text(self) -> str:
        return f"check that nothing refers to network {self.network}"


def _domains(links: tuple[BouncedLink, ...], most: int | None = None) -> str:
    names = dict.fromkeys(link.domain for link in links)
    return listed(names) if most is None or len(names) <= most else f"{len(names)} domains"


def _link_calls(links: tuple[BouncedLink, ...], state: str) -> tuple[Call, ...]:
    element = f"<link state='{state}'/>"
    return tuple(
        Call(
            call=f"virDomainUpdateDeviceFlags({link.domain}, <interface> {link.mac} with {element}, {LIVE})",
            virsh=link.virsh("domif-setlink", link.mac, state),
        )
        for link in links
    )


def _set_link(link: BouncedLink, state: str) -> str:
    argv = ("try", "virsh", "domif-setlink", link.domain_uuid, link.mac, state)
    return f"{unless_off(link.domain_uuid)}{shlex.join(argv)}"
