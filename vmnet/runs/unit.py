"""The systemd unit that a run's worker is: started now, and at every boot until the run has ended.

It is a file, not a transient unit, because it must outlive a loss of power; it is gone as soon as the run has ended.
Without systemd the worker is a process session of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from vmnet.host import process
from vmnet.host.files.own_files import sync
from vmnet.runs.records.journal import Journal

UNITS = Path("/etc/systemd/system")
_SYSTEMD_RUNS = Path("/run/systemd/system")
"""sd_booted(3): systemd made this directory if and only if the host was booted with it."""
_WANTED_BY = "multi-user.target.wants"

_UNIT = """\
[Unit]
Description=vmnet run {run}
After=NetworkManager.service dbus.service libvirtd.service virtqemud.service virtnetworkd.service
RequiresMountsFor={package} {directory}
CollectMode=inactive-or-failed
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec=500ms
KillMode=mixed
TimeoutStopSec=180
SyslogIdentifier=vmnet

[Install]
WantedBy=multi-user.target
"""


def name_of(run: str) -> str:
    """Return the unit's name: that of its lines in the system journal, too."""
    return f"vmnet-{run}.service"


def start(journal: Journal) -> None:
    """Start the run's worker.

    Raises:
        ToolError: systemd refused; nothing is left behind.
        OSError: the unit cannot be written.
    """
    argv = (sys.executable, "-P", "-m", "vmnet.runs.worker", str(journal.directory))
    if not _SYSTEMD_RUNS.is_dir():
        process.start_detached(argv)
        return
    name = name_of(journal.run)
    started = False
    try:
        _write(name, unit_text(journal, argv, os.environ.get("PYTHONPATH", "")))
        process.run(("systemctl", "start", name))
        started = True
    finally:
        if not started:
            remove(journal.run)


def unit_text(journal: Journal, argv: tuple[str, ...], python_path: str) -> str:
    """Return the unit's file.

    Args:
        python_path: the PYTHONPATH that the worker needs to find vmnet; "" for none.
    """
    return _UNIT.format(
        run=journal.run,
        directory=_quoted(str(journal.directory)),
        package=_quoted(str(Path(__file__).parent)),
        command=" ".join(_quoted(word) for word in argv),
        environment=f"Environment={_quoted(f'PYTHONPATH={python_path}')}\n" if python_path else "",
    )


def _quoted(word: str) -> str:
    """Return a word as systemd.syntax(7) and systemd.service(5) want it: quoted, no specifier, no variable."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    # A newline would begin a line of its own.
    return '"' + "".join(char if char.isprintable() else _escaped(char) for char in escaped) + '"'


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def _write(name: str, text: str) -> None:
    path, link = UNITS / name, UNITS / _WANTED_BY / name
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(path)
    sync(path.parent)
    sync(link.parent)


def remove(run: str) -> None:
    """Remove the unit's files, so that no later boot starts it; the worker itself goes on to its end."""
    for path in (UNITS / _WANTED_BY / name_of(run), UNITS / name_of(run)):
        if path.is_symlink() or path.exists():
            path.unlink()
            sync(path.parent)
