"""The steps a plan is made of, and the plan: frozen records, closed: no step needs what an earlier one produced.

A step says what is to be done and is carried out by `vmnet.runs.executor.execute`; `Planned` adds why, and how it is
undone.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.facts import Reservation
from vmnet.names import Mac
from vmnet.plan.steps.base import *  # noqa: F403
from vmnet.plan.steps.base import Step as Step
from vmnet.plan.steps.domains import *  # noqa: F403
from vmnet.plan.steps.guests import *  # noqa: F403
from vmnet.plan.steps.links import *  # noqa: F403
from vmnet.plan.steps.networks import *  # noqa: F403
from vmnet.plan.steps.profiles import *  # noqa: F403
from vmnet.plan.steps.waits import *  # noqa: F403
from vmnet.spec import BridgeSpec, MigrationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step, why it is taken, and the steps that undo it, in the order in which they are to run.

    `back_first`: in a rollback, this is undone before NetworkManager's checkpoint restores the rest.
    `turns_boot`: until this step a reboot boots what was before the run, and from it on what the run leads to.
    """

    step: Step
    why: str
    undo: tuple[Step, ...] = ()
    back_first: bool = False
    turns_boot: bool = False


Goals = BridgeSpec | tuple[BridgeSpec, ...] | None
"""The bridges that are wanted, with nothing left open; none: what the host's own names and profiles suggest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedInterface:
    """A row of a domain plan, for people: one interface and what happens to it.

    `scopes` say where it changes ("running", "persistent", "managed save", "snapshot NAME"); `address_now` is the
    guest's address with its origin; `remark` what the guest notices or what somebody must do by hand.
    """

    domain: str
    state: str
    mac: Mac | None
    was: str
    wanted: str
    scopes: tuple[str, ...] = ()
    address_now: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What vmnet will do, in order. Empty `planned` means that all is as requested.

    `command` is the command's name, `kept` says what is already as requested, `warnings` what to know before
    saying yes, `choices` why each NIC is used or not. `goals` (host-setup) and `rows` (domains) are for verify
    and for the tables. `undoes` is the run that this plan undoes. `keeps`: if a step fails, what was done
    before stays, and only the steps of that step's domain are rolled back. `spec` is the request, if the run must check
    at its end whether others have changed domains meanwhile. `reservations` are those of the old
    network's DHCP server that the guests lose. `removed` (teardown) are the bridges that the run
    removes, as they were.
    """

    command: str
    planned: tuple[Planned, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    goals: tuple[BridgeSpec, ...] = ()
    rows: tuple[MovedInterface, ...] = ()
    undoes: str | None = None
    keeps: bool = False
    spec: MigrationSpec | None = None
    reservations: tuple[Reservation, ...] = ()
    removed: tuple[BridgeSpec, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not self.planned
