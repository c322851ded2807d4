"""NetworkManager's profile files, byte for byte: copies before a change, and putting one back."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmnet import fields
from vmnet.errors import ToolError
from vmnet.facts import Profile
from vmnet.host.files.own_files import sync
from vmnet.host.networkmanager import nmcli
from vmnet.lines import lines_of

SAVED = Path("/etc/NetworkManager/system-connections")
IN_MEMORY = Path("/run/NetworkManager/system-connections")
_HALF_WRITTEN = re.compile(r"(.+)\.[A-Za-z0-9]{6}")
"""What NetworkManager writes a profile to before it gives it its name (g_file_set_contents): one that is killed then
leaves such a file, and the next one passes it over (check_mkstemp_suffix in nms-keyfile-utils.c)."""

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""What Python makes of bytes in a file's name that are not UTF-8 (PEP 383)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCopy:
    """Where a profile's file stood, with its mode and owner."""

    uuid: str
    filename: str
    mode: int
    uid: int
    gid: int


def copy_profiles(profiles: Iterable[Profile], write: Callable[[str, bytes], object]) -> tuple[ProfileCopy, ...]:
    """Hand a byte copy of each profile's file to `write(name, content)`, and beside it mode and owner as JSON, and the
    names of other files of the same profile, where there are any.

    Returns:
        What was copied.
    """
    copies = []
    places = _places()
    for profile in profiles:
        path = Path(profile.filename) if profile.filename else _unnamed(places.get(profile.uuid, ()))
        if path is None or not path.is_file():
            continue
        stat = path.stat()
        copy = ProfileCopy(
            uuid=profile.uuid,
            filename=str(path),
            mode=stat.st_mode & 0o7777,
            uid=stat.st_uid,
            gid=stat.st_gid,
        )
        write(f"profiles/{profile.uuid}.nmconnection", path.read_bytes())
        write(f"profiles/{profile.uuid}.json", json.dumps(fields.encode(copy)).encode())
        if hidden := [os.fsencode(place) for place in places.get(profile.uuid, ()) if place != path]:
            write(f"profiles/{profile.uuid}.files", b"\0".join(hidden))
        copies.append(copy)
    return tuple(copies)


def _unnamed(places: Iterable[Path]) -> Path | None:
    """Return the file of a profile of which nmcli names none, because the file's name is not UTF-8."""
    return next((path for path in places if _NOT_UTF8.search(path.name)), None)


def restore_profile(uuid: str, copies: Path) -> None:
    """Put the profile's file back as it was and have NetworkManager read it; nothing happens when it is the same.

    Of the profile's other files, those that were not there when it was copied go: NetworkManager writes a profile of
    /run to /etc when it is modified, and after a reboot netplan renders the one in /run again, which hides it.

    Args:
        copies: the directory that `copy_profiles` filled.

    Raises:
        ToolError: there is no copy, or NetworkManager did not take it.
    """
    content, copy = _copied(uuid, copies)
    path = Path(copy.filename)
    now = _current_filename(uuid)
    stays = {path, *_hidden(uuid, copies)}
    left = {*_places().get(uuid, ()), *([Path(now)] if now else [])} - stays
    same = now == copy.filename and path.is_file() and path.read_bytes() == content
    if not same:
        try:
            _replace(path, content, copy)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not path.is_file():
                raise
            _write_over(path, content, copy)
    _remove(left)
    if not same:
        nmcli.call(("nmcli", "connection", "load", copy.filename))


def _remove(paths: Iterable[Path]) -> None:
    """Remove files of profiles, and have NetworkManager see it."""
    paths = sorted(paths)
    for path in paths:
        path.unlink(missing_ok=True)
        sync(path.parent)
    if paths:
        nmcli.call(("nmcli", "connection", "reload"))


def _hidden(uuid: str, copies: Path) -> set[Path]:
    """Return the other files that the profile had when it was copied."""
    try:
        return {Path(os.fsdecode(name)) for name in (copies / f"{uuid}.files").read_bytes().split(b"\0")}
    except FileNotFoundError:
        return set()


def _places(*directories: Path) -> dict[str, list[Path]]:
    """Return the files of each profile in the directories, by its uuid; none named: those that NetworkManager reads."""
    found: dict[str, list[Path]] = {}
    for directory in directories or (SAVED, IN_MEMORY):
        for path in sorted(directory.glob("*.nmconnection")):
            found.setdefault(_uuid(_lines(path) if path.is_file() else []), []).append(path)
    return found


def _lines(path: Path) -> list[str]:
    return [line.rstrip("\r") for line in lines_of(path.read_bytes().decode("utf-8", "replace"))]


def _uuid(lines: Iterable[str]) -> str:
    return next((line.removeprefix("uuid=") for line in lines if line.startswith("uuid=")), "")


def _replace(path: Path, content: bytes, copy: ProfileCopy) -> None:
    """Write the file whole or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f".{path.name}.vmnet")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chown(temporary, copy.uid, copy.gid)
        temporary.chmod(copy.mode)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _write_over(path: Path, content: bytes, copy: ProfileCopy) -> None:
    """Write into the blocks that the file has: on a full disk there are no others, and profiles are small."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    os.chown(path, copy.uid, copy.gid)
    path.chmod(copy.mode)


def read_saved(directory: Path = SAVED) -> dict[str, str]:
    """Return the text of each saved profile by its uuid, without the line that tells when it was up last: that one
    NetworkManager changes by itself (keyfile format, nm-settings-keyfile(5))."""
    found = {}
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        whole = path.is_file() and not _HALF_WRITTEN.fullmatch(path.name)
        lines = _lines(path) if whole else []
        if uuid := _uuid(lines):
            found[uuid] = "\n".join(line for line in lines if not line.startswith("timestamp="))
    return found


def starts_by_itself(uuid: str, directory: Path = SAVED) -> bool:
    """Return whether the profile is saved so that a boot starts it."""
    text = read_saved(directory).get(uuid)
    return text is not None and "autoconnect=false" not in lines_of(text)


def sync_profiles(directory: Path = SAVED) -> None:
    """Wait until the saved profiles are on the disk: NetworkManager renames a new file into place without fsync, and
    after a loss of power such a file may be there and empty."""
    if not directory.is_dir():
        return
    for path in (*directory.iterdir(), directory):
        if path.is_file() or path is directory:
            sync(path)


def remove_leftover(uuid: str, name: str, directory: Path = SAVED, in_memory: Path = IN_MEMORY) -> None:
    """Remove the files of a profile that NetworkManager has deleted: one that a loss of power left empty, and any that
    another one hid."""
    for path in (directory / f"{name}.nmconnection", directory / f"{name}-{uuid}.nmconnection"):
        if path.is_file() and not path.read_bytes().strip(b"\0"):
            path.unlink()
            sync(directory)
    _remove(_places(directory, in_memory).get(uuid, ()))


def remove_half_written(
    names: Mapping[str, str], since_ns: int, directories: Iterable[Path] = (SAVED, IN_MEMORY)
) -> None:
    """Remove what a NetworkManager that was killed while it wrote them has left of some profiles.

    Args:
        names: their names, by uuid.
        since_ns: what is older stays, in nanoseconds of the epoch: an admin's lan.nmconnection.backup looks the same.
            What counts is the ctime (inode(7)), which a copy that keeps the times does not keep.
    """
    files = {f"{start}.nmconnection" for uuid, name in names.items() for start in (name, f"{name}-{uuid}")}
    for directory in directories:
        for path in sorted(directory.iterdir()) if directory.is_dir() else ():
            half = _HALF_WRITTEN.fullmatch(path.name)
            if half is None or not path.is_file() or path.stat().st_ctime_ns < since_ns:
                continue
            if _is_of(path.read_bytes(), names, cut_short=half[1] in files):
                path.unlink()
                sync(directory)


def _is_of(content: bytes, uuids: Iterable[str], *, cut_short: bool) -> bool:
    """Return whether the content is that of a profile, or (`cut_short`) might have become it."""
    if b"uuid=" not in content:
        return cut_short
    return any(f"uuid={uuid}\n".encode() in content for uuid in uuids)


def is_as_copied(uuid: str, copies: Path) -> bool:
    """Return whether the profile's file is as it was when it was copied; a profile without a file always is."""
    try:
        content, copy = _copied(uuid, copies)
    except ToolError:
        return True
    path = Path(copy.filename)
    return path.is_file() and path.read_bytes() == content


def _copied(uuid: str, copies: Path) -> tuple[bytes, ProfileCopy]:
    try:
        content = (copies / f"{uuid}.nmconnection").read_bytes()
        raw = json.loads((copies / f"{uuid}.json").read_text("utf-8"))
    except OSError as error:
        raise ToolError(f"vmnet cannot read its copy of profile {uuid}: {error}") from None
    return content, fields.decode(ProfileCopy, raw, "profile copy")


def _current_filename(uuid: str) -> str:
    return next((row.filename for row in nmcli.read_listing() if row.uuid == uuid), "")


def active_uuid(ifname: str) -> str | None:
    """Return the uuid of the profile that is active on the link by now."""
    accept = (0, nmcli.NOT_FOUND)
    out = nmcli.call(("nmcli", "-g", "GENERAL.CON-UUID,GENERAL.STATE", "device", "show", ifname), accept=accept).stdout
    lines = lines_of(out)
    return lines[0].strip() if len(lines) == 2 and lines[1].startswith("100") else None
