"""The undo of a run as a plain shell script, for the console of a host on which vmnet does not run any more.

It is written before the first step. It undoes what `vmnet undo` would, newest first, with nmcli and virsh alone. It may
be run again. It names what a script cannot do: it edits no managed saves and snapshots.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from vmnet.errors import VmnetError
from vmnet.facts import Facts
from vmnet.host.networkmanager.profile_files import ProfileCopy
from vmnet.plan import steps
from vmnet.plan.host.answers import all_old_addresses, old_answers
from vmnet.plan.shell import UNDO_FUNCTIONS, comment, undo_lines
from vmnet.plan.shell_answers import answer_lines, hear_lines
from vmnet.plan.steps import Plan
from vmnet.runs.records.journal import UNDO_SCRIPT, Journal
from vmnet.runs.undo import standing_runs

_HEAD = """\
#!/bin/sh
# Undoes the vmnet run {run} without vmnet. As root, from a console: sh {name}
# You may run it again. It shows each command. If a command fails, it counts the failure and goes on.
set -u
# A closed terminal must not stop the script half-way.
trap '' PIPE HUP
cd "$(dirname "$(readlink -f "$0")")" || exit 1
export LC_ALL=C.UTF-8
umask 077
failed=0
{functions}lock 10
"""
_TAIL = """
[ "$failed" = 0 ] && say 'everything is undone' && exit 0
say "$failed of the commands failed" >&2
exit 1
"""


def write_undo_script(plan: Plan, journal: Journal, copies: Iterable[ProfileCopy], before: Facts) -> None:
    """Write the script (`undo_script`) beside the journal, on the disk, and have the link lead to it."""
    journal.write(UNDO_SCRIPT, undo_script(plan, journal.run, copies, before).encode("utf-8", "surrogateescape"))
    _lead_to(journal.directory.parent, journal)


def point_to_undo_script(runs: Path) -> None:
    """Have the link lead to the newest run that is left to undo; with none left, it goes.

    The link is a convenience: where an old journal cannot be read, it stays as it is, and what the run came to counts.
    """
    with suppress(OSError, VmnetError):
        standing = [journal for journal in standing_runs(runs) if (journal.directory / UNDO_SCRIPT).exists()]
        _lead_to(runs, standing[-1] if standing else None)


def _lead_to(runs: Path, journal: Journal | None) -> None:
    link = runs.parent / UNDO_SCRIPT
    if journal is None:
        link.unlink(missing_ok=True)
        return
    new = link.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(Path(runs.name) / journal.run / UNDO_SCRIPT)
    new.replace(link)


def undo_script(plan: Plan, run: str, copies: Iterable[ProfileCopy], before: Facts) -> str:
    """Return the script that undoes `plan`. It must be beside the run's `profiles/`.

    Args:
        copies: the profiles that were copied, with mode and owner.
        before: the facts that the plan was made from.
    """
    known = {copy.uuid: copy for copy in copies}

    def restore(step: steps.RestoreProfile) -> Iterator[str]:
        copy = known.get(step.uuid)
        if copy is None:
            yield shlex.join(("try", "nmcli", "connection", "load", step.filename))
            return
        yield shlex.join(("restore", copy.uuid, copy.filename, f"{copy.mode:04o}", str(copy.uid), str(copy.gid)))

    answers = old_answers(plan, before)
    lines = [_HEAD.format(run=run, name=UNDO_SCRIPT, functions=UNDO_FUNCTIONS), *hear_lines(answers)]
    for planned in reversed(plan.planned):
        for step in planned.undo:
            lines += ["", comment(f"undoes: {planned.why}"), *undo_lines(step, restore)]
    for wait in all_old_addresses(plan, before):
        lines += ["", "# the old address must be back", *undo_lines(wait, restore)]
    lines += ["", "# what answered before must answer again", *answer_lines(answers)] if answers else []
    for planned in plan.planned:
        if isinstance(planned.step, steps.BounceLinks):
            lines += ["", comment(planned.why), *planned.step.bounce_lines()]
    return "\n".join([*lines, _TAIL])
