"""What the next boot makes of the network, besides NetworkManager's profiles: read from the files that say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vmnet.facts import Boot, Profile, ProfileFile
from vmnet.host.kernel import sysfs
from vmnet.host.process import run
from vmnet.lines import lines_of

MANAGER = "NetworkManager.service"
WAITS = ("NetworkManager-wait-online.service", "systemd-networkd-wait-online.service")
"""Services that hold up network-online.target."""
_UNITS = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_NOTHING = Path("/dev/null")
"""What the unit's name leads to where it is masked (systemctl(1))."""


def read_boot(profiles: Iterable[Profile], root: Path = Path("/")) -> Boot:
    """Read what files say of the next boot: some dozen of them, no process.

    Args:
        profiles: those whose files are looked at.
        root: where /etc, /proc and /usr are.
    """
    return Boot(
        kernel_arguments=tuple((sysfs.read_text(root / "proc/cmdline") or "").split()),
        manager_starts=_starts(MANAGER, root),
        profile_files=tuple(_files({profile.filename for profile in profiles if not profile.volatile}, root)),
        worker_units=tuple(sorted(f"/{path.relative_to(root)}" for path in root.glob(f"{_UNITS[0]}/vmnet-*.service"))),
    )


def _starts(unit: str, root: Path) -> bool | None:
    """Return whether some target wants the unit: that is what `systemctl enable` writes down."""
    if not (root / "run/systemd/system").is_dir():
        return None
    own = root / _UNITS[0] / unit
    if own.is_symlink() and own.readlink() == _NOTHING:
        return False
    return any((target / unit).is_symlink() for place in _UNITS for target in (root / place).glob("*.wants"))


def _files(paths: Iterable[str], root: Path) -> Iterator[ProfileFile]:
    for path in sorted(filter(None, paths)):
        try:
            stat = (root / path.lstrip("/")).stat()
        except FileNotFoundError:
            yield ProfileFile(path=path, there=False)
            continue
        except OSError:
            # Without root the directory may be closed.
            continue
        yield ProfileFile(path=path, mode=stat.st_mode & 0o7777, uid=stat.st_uid, size=stat.st_size)


def read_failed_waits() -> tuple[str, ...]:
    """Ask systemd which services that wait for the network gave up at this boot.

    Raises:
        ToolError: it does not tell.
    """
    return parse_failed(run(("systemctl", "show", "--property=Id,Result", *WAITS)).stdout)


def parse_failed(shown: str) -> tuple[str, ...]:
    """Return the units whose result is no success, from the blocks of `systemctl show --property=Id,Result`."""
    blocks = (dict(line.partition("=")[::2] for line in lines_of(block)) for block in shown.split("\n\n"))
    return tuple(block["Id"] for block in blocks if block.get("Id") and block.get("Result", "success") != "success")
