"""Prove that a link which a run was not to touch is as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import LinkError
from vmnet.facts.proof import proof_of
from vmnet.host.gather import read_link_facts
from vmnet.host.profile_files import is_as_copied

if TYPE_CHECKING:
    from pathlib import Path

    from vmnet.facts.proof import Proof
    from vmnet.plan import steps


def prove_untouched(step: steps.ProveUntouched, copies: Path) -> None:
    """Compare the link with what the plan saw of it, and its profile's file with the run's own copy.

    Raises:
        LinkError: something differs; the message says what.
    """
    changed = differences(step.proof, proof_of(step.ifname, read_link_facts(step.ifname))) if step.proof else []
    if step.profile is not None and not is_as_copied(step.profile, copies):
        changed.append("its keyfile changed")
    if changed:
        raise LinkError(
            f"{step.ifname} must not change during the run, but changed: {'; '.join(changed)}",
            "to see what changed it: journalctl -u NetworkManager\nwith --management none, vmnet does not check it",
        )


def differences(before: Proof, now: Proof) -> list[str]:
    """Return what differs, each as "MTU was 1500 and is 9000"."""
    was, seen = dict(before), dict(now)
    names = dict.fromkeys((*was, *seen))
    return [
        f"{name} was {was.get(name, 'none')} and is {seen.get(name, 'none')}"
        for name in names
        if was.get(name) != seen.get(name)
    ]
