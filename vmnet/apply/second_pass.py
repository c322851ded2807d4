"""When all has moved, look whether others have meanwhile started, stopped or added domains, and move what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.apply.carry_out import carry_out
from vmnet.apply.handover import digest, read_request
from vmnet.errors import SpecError
from vmnet.host.hypervisor import Hypervisor
from vmnet.plan.migrate_from_virbr0 import plan_migration
from vmnet.spec import Retire

if TYPE_CHECKING:
    from vmnet.apply.carry_out import Report
    from vmnet.apply.journal import Journal
    from vmnet.apply.roll_back import StepExecutor
    from vmnet.plan.steps import Plan
    from vmnet.spec import MigrationSpec


def look_again(plan: Plan, executor: StepExecutor, journal: Journal, report: Report) -> Plan:
    """Carry out what is left of what was asked for; return the plan with it.

    A domain that was shut off when the run was planned, and was started before its turn, runs on the old network still.
    That something of the kind has happened shows in the domains' states, which take a handful of calls.

    Raises:
        VmnetError: as `carry_out`; what was done before stays.
    """
    if plan.spec is None:
        return plan
    rest = _left(replace(plan.spec, canary=None, no_canary=True, retire=Retire.NO), journal)
    if rest is None or rest.empty:
        return plan
    longer = replace(plan, planned=(*plan.planned, *rest.planned), rows=(*plan.rows, *rest.rows))
    journal.keep_plan(longer)
    carry_out(longer, executor, journal, report, taken=range(len(plan.planned)))
    return longer


def _left(spec: MigrationSpec, journal: Journal) -> Plan | None:
    request = read_request(journal)
    with Hypervisor(request.uri, read_only=True) as libvirt:
        if digest(libvirt.read_states().items()) == request.domains:
            return None
        now = replace(journal.facts(), networks=libvirt.read_networks(), domains=libvirt.read_domains())
    try:
        return plan_migration(spec, now)
    except SpecError:
        # A domain that was named is gone.
        return None
