"""Rules about the management link: as it was when the recorded run was planned, and alone in starting at boot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmnet.checks.findings import NETLINK, NMCLI, Finding
from vmnet.checks.profiles import LIST_PROFILES, keep_down
from vmnet.facts.proof import NM_VERSION, PROFILE, record_of
from vmnet.plan.profiles import competes
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts
    from vmnet.plan.steps import HostGoal

_BOUND_TO_CHANGE = ("index", "carrier changes")
"""What a reboot or a pulled cable changes, and no program did."""
_LEASED = ("addresses", "routes", "rules")
"""What a DHCP server may change."""


def unchanged(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """management.unchanged: the management link is as it was when the run was planned."""
    if goal.management is None or not (goal.management_was or not facts.root):
        return
    changed = _changed(goal, facts)
    seen = "; ".join(changed) or "as it was"
    if not goal.management_was:
        seen = "not compared: only root may read the record of the run"
    yield Finding(
        rule="management.unchanged", layer="management", subject=goal.management, wanted="as before the recorded run",
        seen=seen, source=NETLINK, ok=not changed,
        hint="journalctl -u NetworkManager may show who changed it. Undo unwanted changes by hand: "
        "vmnet never changes this link" if changed else "",
        shown_by=command("nmcli", "device", "show", goal.management),
    )  # fmt: skip


def _changed(goal: HostGoal, facts: Facts) -> list[str]:
    was, now = dict(goal.management_was), dict(record_of(goal.management or "", facts))
    passed = set(_BOUND_TO_CHANGE)
    profile = facts.active_profile(goal.management or "")
    if profile is not None and profile.get("ipv4.method") == "auto":
        passed |= set(_LEASED)
    for record in (was, now):
        record |= {key: _without_metrics(routes) for key, routes in record.items() if key == "routes"}
    # Another version of nmcli writes values in other ways.
    upgraded = was.pop(NM_VERSION, "") != now.pop(NM_VERSION, "")
    keys = [key for key in was if key not in passed and not (upgraded and key.startswith(PROFILE))]
    # Which profile it is has been said by then.
    same_profile = was.get("active profile") == now.get("active profile")
    keys = [key for key in keys if same_profile or not key.startswith(PROFILE)]
    return [f"{key} was {was[key]} and is {now.get(key, 'none')}" for key in keys if was[key] != now.get(key)]


def _without_metrics(routes: str) -> str:
    """NetworkManager counts metrics up in the order in which links come up, which a boot changes; one that is wanted
    stands in the profile, which is compared, too."""
    return ", ".join(sorted(re.sub(r" metric \d+$", "", route) for route in routes.split(", ")))


def alone(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """management.alone: one profile starts by itself on the management link."""
    link = facts.link(goal.management)
    active = facts.active_profile(goal.management) if goal.management else None
    if link is None or active is None:
        return
    rivals = [
        p for p in facts.profiles
        if p.uuid != active.uuid and p.autoconnect and p.device in (None, link.ifname)
        and competes(p, (link,), (link.ifname,))
    ]  # fmt: skip
    if rivals:
        yield Finding(
            rule="management.alone", layer="management", subject=link.ifname, wanted=f"only {active.name}",
            seen=", ".join([active.name, *(rival.name for rival in rivals)]), source=NMCLI, ok=False,
            hint="this keeps the other profiles and disables their autoconnect",
            shown_by=LIST_PROFILES, fix=keep_down(rivals),
        )  # fmt: skip


CHECKS = (alone,)
