"""Gather what others need to analyse this host, remove its secrets, and pack it."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet import fields
from vmnet.checks.diagnostics import check_host, diagnose
from vmnet.facts.evidence import Bundle, BundleFile, Evidence, Form
from vmnet.facts.surroundings import Unread
from vmnet.host import gather
from vmnet.host.files import evidence, own_files
from vmnet.host.files.run_mark import RUNS
from vmnet.host.kernel import sysfs
from vmnet.names import json_text, printable, printable_lines
from vmnet.redact.documents import secrets_of_document
from vmnet.redact.known import KnownSecrets, secrets_of_keyfile
from vmnet.redact.values import secrets_of_lines, without_secrets_in
from vmnet.report.json_forms import findings_form, troubles_form
from vmnet.runs.records.journal import list_runs
from vmnet.runs.undo import last_goals
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Facts, Profile

    Found = Evidence | Unread

LAST_RUNS = 5
_RUN_FILES = {
    "plan.jsonl": Form.JSON_LINES,
    "journal.jsonl": Form.JSON_LINES,
    "facts.json": Form.JSON,
    "ending.json": Form.JSON,
    "report.txt": Form.TEXT,
}
"""What of a run is handed on; the copies of profiles and documents, and the script that undoes it, hold secrets."""
_WITH_PROBES = ("facts.json", "plan.jsonl")
"""The files with the commands of probes. Their answers are elsewhere."""

ABOUT = """\
What vmnet support-bundle gathered on {hostname} at {time} (UTC).

Passwords, keys and tokens were removed. Of profiles and of libvirt's documents, only what is known to be harmless was
kept. In all other text, "(removed)" replaces what looks like a secret, and what this host is known to keep secret.
Names of hosts, links and domains, IP addresses and MACs are in it. Read it before you hand it on.

Each file, and how it was made:

"""


def write_bundle(file: str, *, uri: str, version: str) -> Bundle:
    """Write the support bundle, a gzipped tar archive, to a new file that only its owner may read.

    Args:
        version: vmnet's own.

    Raises:
        SpecError: the file is there already, or cannot be made.
        OSError: it cannot be written.
    """
    path = Path(file)
    own_files.check_new(path)
    facts = gather.read_facts(uri=uri, closely=True)
    found = tuple(_gather(facts, uri, version))
    shown = [item for item in found if isinstance(item, Evidence)]
    unread = tuple(item for item in found if isinstance(item, Unread))
    known = KnownSecrets(_secrets(shown))
    content, files = pack(shown, unread, known, hostname=facts.hostname, stamp=int(time.time()))
    own_files.write_new(path, content)
    return Bundle(file=file, size_bytes=len(content), files=files, unread=unread)


def _gather(facts: Facts, uri: str, version: str) -> Iterator[Found]:
    yield evidence.read_versions(version, facts.nm_version, facts.libvirt_version)
    yield Evidence(
        name="facts.json",
        how="vmnet.read_facts()",
        text=json.dumps({"schema": "vmnet/facts/1", "facts": fields.encode(facts)}),
        form=Form.JSON,
    )
    for what, why in (("NetworkManager", facts.nm_problem), ("libvirt", facts.libvirt_problem)):
        if why:
            yield Unread(what=what, why=why)
    yield from facts.unread
    yield from _looked_at(facts)
    yield from (_profile(profile) for profile in facts.profiles)
    if not facts.libvirt_problem:
        yield from evidence.read_documents(uri, frozenset(domain.uuid for domain in facts.domains))
    yield from evidence.read_system_files()
    yield from evidence.read_commands()
    yield from _runs()


def _looked_at(facts: Facts) -> Iterator[Evidence]:
    goals = last_goals()
    findings, troubles = check_host(goals, facts), diagnose(goals, facts)
    forms = {"verify": findings_form("verify", findings), "doctor": troubles_form(troubles, facts.unread)}
    for name, form in forms.items():
        how = f"vmnet {name} --output json"
        yield Evidence(name=f"{name}.json", how=how, text=json.dumps(form), form=Form.JSON)


def _profile(profile: Profile) -> Evidence:
    text = "".join(f"{key}: {value.encode('unicode_escape').decode()}\n" for key, value in profile.settings)
    show = command("nmcli", "connection", "show", "uuid", profile.uuid)
    how = f"{show}, reduced to what is known to be harmless"
    return Evidence(name=f"profiles/{profile.uuid}.txt", how=how, text=text, form=Form.SETTINGS)


def _runs() -> Iterator[Found]:
    try:
        journals = list_runs()[-LAST_RUNS:]
    except PermissionError:
        yield Unread(what="runs", why=f"only root can read {RUNS}")
        return
    for journal in journals:
        for name, form in _RUN_FILES.items():
            if (journal.directory / name).exists():
                yield from evidence.read_file(journal.directory / name, f"runs/{journal.run}/{name}", form)


def _secrets(shown: Iterable[Evidence]) -> Iterator[str]:
    """Yield what this host is known to keep secret."""
    try:
        runs = [journal.directory for journal in list_runs()]
    except PermissionError:
        runs = []
    for text in evidence.read_keyfiles(*(run / "profiles" for run in runs)):
        yield from secrets_of_keyfile(text)
    for file in (run / name for run in runs for name in _WITH_PROBES):
        yield from secrets_of_lines(sysfs.read_text(file) or "")
    for item in shown:
        if item.form is Form.XML:
            yield from secrets_of_document(item.text)


def pack(
    shown: Iterable[Evidence], unread: Iterable[Unread], known: KnownSecrets, *, hostname: str, stamp: int
) -> tuple[bytes, tuple[BundleFile, ...]]:
    """Return the archive's bytes, with secrets removed from every file, and what is in it.

    Args:
        hostname: whose it is.
        stamp: the time of all its files, in seconds since 1970.
    """
    now = time.gmtime(stamp)
    folder = f"vmnet-support-{hostname}-{time.strftime('%Y%m%dT%H%M%SZ', now)}"
    files = [without_secrets_in(item, known) for item in (_not_read(unread), *shown)]
    about = ABOUT.format(hostname=hostname, time=time.strftime("%Y-%m-%d %H:%M:%S", now))
    about += "".join(f"{item.name}: {item.how}\n" for item in files)
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=stamp) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, text in (("README.txt", printable_lines(about)), *((item.name, _headed(item)) for item in files)):
            member = tarfile.TarInfo(_harmless(f"{folder}/{name}"))
            content = text.encode()
            member.size, member.mode, member.mtime = len(content), 0o600, stamp
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue(), tuple(BundleFile(name=item.name, how=item.how) for item in files)


def _harmless(path: str) -> str:
    """Return a name for a file of the archive that leads nowhere else, and steers no terminal."""
    return re.sub(r"(?<![^/])\.|[^\w./@: -]", "_", path, flags=re.ASCII)


def _not_read(unread: Iterable[Unread]) -> Evidence:
    text = "".join(f"{item.what}: {item.why}\n" for item in unread)
    return Evidence(name="not-read.txt", how="what could not be read, and why", text=text or "All could be read.\n")


def _headed(item: Evidence) -> str:
    """Return the text with a line before it that says how it was made, in a form that its readers take."""
    match item.form:
        case Form.TEXT | Form.SETTINGS:
            return f"# {printable(item.how)}\n{item.text}"
        case Form.XML:
            return f"<!-- {item.how.replace('--', '- -')} -->\n{item.text}\n"
        case Form.JSON_LINES:
            return f"{json_text({'made_by': item.how})}\n{item.text}"
        case Form.JSON:
            value = json.loads(item.text)
            return json_text({"made_by": item.how, **value} if isinstance(value, dict) else value, indent=2) + "\n"
