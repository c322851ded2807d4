#!/usr/bin/env python3
"""Set the bridge up and move every domain onto it from Python, as a virt-admin script would. Needs root."""

from __future__ import annotations

import sys

import vmnet
from vmnet.errors import VmnetError
from vmnet.spec import BridgeSpec, HostSpec, MigrationSpec


def main() -> int:
    """Apply both plans; on any error the state before is back, and the error says what to do."""
    try:
        facts = vmnet.read_facts()
        host = vmnet.plan_host_setup(HostSpec(bridges=(BridgeSpec(nics=("em1", "p4p1")),)), facts)
        for planned in host.planned:
            print(f"will {planned.step}: {planned.why}")
        vmnet.apply(host, facts)

        facts = vmnet.read_facts()
        result = vmnet.apply(vmnet.plan_migration(MigrationSpec(), facts), facts)
        for row in result.rows:
            print(f"{row.domain} {row.mac}: now {row.address_now or 'address not known yet'} {row.remark}")
    except VmnetError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    differences = [finding for finding in vmnet.verify(vmnet.last_goals(), vmnet.read_facts()) if not finding.ok]
    for finding in differences:
        print(f"{finding.subject}: wanted {finding.wanted}, seen {finding.seen} ({finding.source})")
    return 6 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
