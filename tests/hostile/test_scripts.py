"""The scripts, run by real shells with programs that only note how they are called: names are words, never commands."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import subprocess
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

from tests import facts_samples as facts
from tests.hostile.names import KEPT, hostile
from tests.report import samples
from vmnet.host.networkmanager.profile_files import ProfileCopy
from vmnet.plan import steps
from vmnet.plan.steps import Plan, Planned
from vmnet.report.host_script import host_script
from vmnet.runs.undo_script import undo_script

pytestmark = pytest.mark.process

# What a name gets, before and behind: unique, so that it can be taken away again.
EVIL = {
    "quotes": ("", "'\"'$(touch pwned)`touch pwned`"),
    "commands": ("", ";touch pwned;touch${IFS}pwned&&touch pwned|touch pwned\n"),
    "lines": ("", "\nEND\ntouch pwned\n"),
    "comment": ("", " #\ntouch pwned #"),
    "backslashes": ("", "\\c\\n\\0\\"),
    "dash": ("-Q", ""),
    "dashes": ("--Q", ""),
    "letters": ("", "\u2603\u2028touch pwned\u2029\u0085"),
    "terminal": ("", "\x1b[2J\x9b2J\u202e\x07"),
    "bytes": ("", "\udcff\udc80"),
    "patterns": ("", "*?[a-z]~{a,b}!%s%n"),
}
PROGRAMS = (
    "nmcli", "virsh", "busctl", "ip", "ping", "dig", "firewall-cmd", "install", "mv", "rm", "udevadm", "sleep", "curl",
    "carrier", "lacp", "ports", "address", "neighbour", "name_server", "confirmed", "untouched", "look",
    "reapply_leased", "id", "stat", "sh",
)  # fmt: skip
STUB = r"""#!/bin/sh
{ printf '%s\0' "${0##*/}" "$@"; case " $* " in *" /dev/stdin "*) cat; esac; printf '\0\1\0'; } >>"$SANDBOX/calls"
case "${0##*/} $*" in
    id*|stat*) echo 0 ;;
    nmcli*connection.id*) [ -z "${ABSENT-}" ] ;;
    nmcli*--active) cat "$SANDBOX/active" ;;
    nmcli*GENERAL.STATE*) echo '100 (connected)' ;;
    virsh*domstate*) echo running ;;
    virsh*domiflist*) sed 's/^/vnet0 network default virtio /' "$SANDBOX/macs" ;;
    virsh*net-info*) printf 'Active:  yes\nPersistent:  yes\n' ;;
    busctl*CheckpointCreate*) echo 'o "/org/freedesktop/NetworkManager/Checkpoint/1"' ;;
esac
"""
UNDOS = Planned(
    step=steps.SetLink(ifname="em1", up=True),
    why="all of it",
    undo=(*samples.UNDO_STEPS, *samples.HOST_STEPS, *samples.LIBVIRT_STEPS),
)
# No address is waited for at the end.
FACTS = replace(facts.end_state(), addresses=())
CallsOf = Callable[[Path, str, str | None], list[list[str]]]
Plain = Callable[[CallsOf, str], list[list[str]]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """The calls with names as they should be."""

    @cache
    def calls(calls_of: CallsOf, shell: str) -> list[list[str]]:
        return calls_of(tmp_path_factory.mktemp("plain"), shell, None)

    return calls


class Sandbox:
    """A folder in which a script finds nothing but what notes its calls, and what is harmless."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name in PROGRAMS:
            (self.programs / name).write_text(STUB)
            (self.programs / name).chmod(0o755)

    def run(self, shell: str, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        for place in ("/run/vmnet", "/var/lib/vmnet", "/etc/machine-id"):
            script = script.replace(place, f"{self.folder}{place}")
        for place in ("run", "var/lib", "etc", "profiles"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        path = self.folder / "script.sh"
        path.write_bytes(script.encode("utf-8", "surrogateescape"))
        ended = subprocess.run(
            [shell, str(path), *words],
            cwd=self.folder,
            env={"PATH": f"{self.programs}:/usr/bin:/bin", "SANDBOX": str(self.folder), **variables},
            check=False,
            timeout=120,
            capture_output=True,
        )
        assert b"syntax" not in ended.stderr, ended.stderr
        assert not list(self.folder.rglob("pwned*"))
        # No control character in what it prints, whatever is in a name.
        printed = (ended.stdout + ended.stderr).decode("utf-8", "surrogateescape").replace("\n", "")
        assert {c for c in printed if not c.isprintable() and not "\udc80" <= c <= "\udcff"} == set()
        return ended

    def calls(self) -> list[list[str]]:
        """Each call's program, words and input; what is asked over and over until its time is up, once."""
        raw = (self.folder / "calls").read_bytes().decode("utf-8", "surrogateescape")
        raw = re.sub(r"by-script/[0-9a-f]+", "by-script/DIGEST", raw.replace(str(self.folder), ""))
        calls = (call.split("\0") for call in raw.split("\0\1\0") if call)
        return [call for call, _ in groupby(call for call in calls if call[0] != "sleep")]


def change(evil: str) -> Callable[[str], str]:
    before, behind = EVIL[evil]
    return lambda text: f"{before}{text}{behind}" if text else text


def as_column(evil: str) -> Callable[[str], str]:
    """What nmcli and virsh print in a column: UUIDs and MACs have no space in them."""
    return lambda text: "".join(change(evil)(text).split())


def back(evil: str, text: str) -> str:
    """Take away what `change` has put around the names in a text."""
    before, behind = EVIL[evil]
    for part in (before, behind, behind.rstrip("\n"), "".join(behind.split())):
        text = text.replace(part, "") if part else text
    return text


def at_once(record: steps.Step) -> steps.Step:
    """Without its waits: nothing of the host is there."""
    names = [name for name in ("timeout_s", "seconds", "lease_s") if hasattr(record, name)]
    return replace(record, **dict.fromkeys(names, 0)) if names else record  # type: ignore[type-var]


def plan(planned: Planned, evil: str | None) -> Plan:
    made = replace(planned, step=at_once(planned.step), undo=tuple(map(at_once, planned.undo)))
    if evil is None:
        return Plan(command="host-setup", planned=(with_documents(made, str),))
    columns = hostile(made, as_column(evil), KEPT | ALL_BUT_COLUMNS)
    # What becomes XML is quoted as such.
    changed = hostile(columns, change(evil), KEPT | COLUMNS | {"wanted"})
    return Plan(command="host-setup", planned=(with_documents(changed, change(evil)),))


COLUMNS = frozenset({"mac", "macs", "uuid", "domain_uuid"})
ALL_BUT_COLUMNS = frozenset(
    name
    for record in (UNDOS, *UNDOS.undo, samples.LINK, samples.DEFAULT)
    for name in (field.name for field in fields(record))  # type: ignore[arg-type]
    if name not in COLUMNS | {"links", "undo", "step"}
)


def with_documents(planned: Planned, changed: Callable[[str], str]) -> Planned:
    """A network's document goes to virsh as it is."""

    def one(step: steps.Step) -> steps.Step:
        is_network = isinstance(step, steps.DefineNetwork)
        return replace(step, document=f"<network>\n{changed('END')}\nEND\n</network>") if is_network else step  # type: ignore[type-var]

    return replace(planned, step=one(planned.step), undo=tuple(map(one, planned.undo)))


def undo_calls(folder: Path, shell: str, evil: str | None) -> list[list[str]]:
    made = plan(UNDOS, evil)
    changed, column = (change(evil), as_column(evil)) if evil else (str, str)
    sandbox = Sandbox(folder)
    for name, lines in (("active", [samples.OLD_UUID]), ("macs", [facts.WEB_MAC, facts.DB_MAC])):
        text = "".join(f"{column(line)}\n" for line in lines)
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    filename = f"/etc/{changed('old lan')}.nmconnection"
    copy = ProfileCopy(uuid=column(samples.OLD_UUID), filename=filename, mode=0o600, uid=0, gid=0)
    sandbox.run(shell, undo_script(made, "run", [copy], FACTS))
    return sandbox.calls()


def setup_calls(folder: Path, shell: str, evil: str | None) -> list[list[str]]:
    """The calls of host-setup's script, carried out and taken back."""
    changed = change(evil) if evil else str
    made = plan(UNDOS, evil)
    # A command is the admin's own, and split into words.
    first = hostile(samples.plan(), changed, KEPT | {"wanted", "probe", "kept", "rows"})
    whole = replace(made, planned=(*(replace(p, step=at_once(p.step), undo=()) for p in first.planned), *made.planned))
    facts_then = replace(FACTS, hostname=changed("host"), machine_id=f"{changed('6d5e')}.")
    sandbox = Sandbox(folder)
    (folder / "etc").mkdir()
    (folder / "etc/machine-id").write_bytes(facts_then.machine_id.encode("utf-8", "surrogateescape"))
    (folder / "active").touch()
    (folder / "macs").touch()
    # What looks at the kernel is not there, for there are no such links.
    looks = "unset -f carrier lacp ports address neighbour name_server confirmed untouched look\n"
    script = host_script(whole, facts_then).replace("# A closed terminal", f"{looks}# A closed terminal", 1)
    assert sandbox.run(shell, script, ABSENT="yes").returncode == 0
    # By hand is left to be done what a script cannot.
    assert sandbox.run(shell, script, "undo").returncode == 7
    return sandbox.calls()


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("calls_of", [undo_calls, setup_calls])
def test_a_name_is_a_word(calls_of: CallsOf, shell: str, evil: str, tmp_path: Path, plain: Plain) -> None:
    calls, wanted = calls_of(tmp_path, shell, evil), plain(calls_of, shell)
    assert {call[0] for call in wanted} >= {"nmcli", "virsh", "ip"}
    assert [[back(evil, word) for word in call] for call in calls] == wanted
    marker = "".join("".join(EVIL[evil]).split())
    assert sum(marker in "".join("".join(call).split()) for call in calls) > len(calls) / 2


def script_that_undoes(folder: Path) -> tuple[Sandbox, str]:
    sandbox = Sandbox(folder)
    (folder / "active").touch()
    text = undo_script(samples.small_plan(), "run", [], FACTS)
    return sandbox, text.replace("\nlock 10\n", "\nlock 1\n")


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_undo_sh_does_not_run_beside_a_vmnet(tmp_path: Path, shell: str) -> None:
    sandbox, script = script_that_undoes(tmp_path)
    lock = tmp_path / "run/vmnet/lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        file.write("process 42, since yesterday\x1b[2J")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = sandbox.run(shell, script)
        assert refused.returncode == 5
        assert b"process 42, since yesterday?[2J" in refused.stderr
        assert not (tmp_path / "calls").exists()
        # Who holds it may have the script run.
        assert sandbox.run(shell, script, VMNET_LOCKED="1").returncode == 0
        assert sandbox.calls()
    assert sandbox.run(shell, script).returncode == 0


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_lock_is_made_for_root_alone_whatever_the_umask(tmp_path: Path, shell: str) -> None:
    sandbox, script = script_that_undoes(tmp_path)
    before = os.umask(0)
    try:
        assert sandbox.run(shell, script).returncode == 0
    finally:
        os.umask(before)
    lock = tmp_path / "run/vmnet/lock"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lock.parent, lock)] == [0o700, 0o600]
    assert re.fullmatch(r"process \d+, since [0-9TZ:-]+", lock.read_text())


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_lock_that_cannot_be_made_does_not_keep_anything_from_being_taken_back(tmp_path: Path, shell: str) -> None:
    sandbox, script = script_that_undoes(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/vmnet").write_text("no directory")
    ended = sandbox.run(shell, script)
    assert ended.returncode == 0
    assert b"the lock of vmnet cannot be taken" in ended.stderr
    assert sandbox.calls()


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_terminal_that_is_gone_is_no_failure(tmp_path: Path, shell: str) -> None:
    sandbox, script = script_that_undoes(tmp_path)
    assert sandbox.run(shell, script.replace("failed=0\n", "failed=0\nexec >&-\n", 1)).returncode == 0
