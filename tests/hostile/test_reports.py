"""Whatever things are called: no report, picture or script has a letter in it that steers a terminal or a reader."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import facts_samples, status_samples
from tests.cli.calls import MadeUpHost, Terminal, call, made_up
from tests.hostile.names import KEPT, hostile
from tests.report import samples
from tests.report.test_status_graphs import pretended
from vmnet.checks.path_below import Path as Way
from vmnet.checks.status import describe_host
from vmnet.cli.complete import domains
from vmnet.errors import HypervisorError, ToolError, UndoIncomplete, VmnetError
from vmnet.facts import Facts, Unread
from vmnet.facts.evidence import Bundle, BundleFile
from vmnet.report.findings import render_bundle, render_paths
from vmnet.report.pictures.status_dot import render_dot
from vmnet.report.pictures.status_picture import render_page, render_svg
from vmnet.report.plan import render_rows, render_rows_after, render_run
from vmnet.report.screen import Screen

STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""C0 but for tab and line end, DEL, C1, what changes the direction of writing, other line ends, lone surrogates."""
EVIL = "".join(
    chr(code)
    for first, last in ((0, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069))
    for code in range(first, last + 1)
) + "\ud800\udcff\x1b]0;x\x07\x1b[2J\U0001f600"  # fmt: skip
TEXTS = st.text(st.characters(categories=("Cc", "Cf", "Zl", "Zp", "Cs", "Lu")), min_size=1, max_size=8)
NAMES = frozenset({
    "name", "ifname", "controller", "hostname", "parent", "target", "network", "bridge", "chassis", "port", "system",
    "zone", "description", "id", "ssid", "filename", "snapshot", "why", "text", "seen", "hint",
})  # fmt: skip
GOAL = replace(facts_samples.goal(), vlans=())


def all_but(names: frozenset[str], record: Any) -> frozenset[str]:
    """The names of all fields in a record, however deep, that hold texts and are none of these."""
    if isinstance(record, tuple):
        return frozenset(chain.from_iterable(all_but(names, item) for item in record))
    if not is_dataclass(record):
        return frozenset()
    found: set[str] = set()
    for field in fields(record):
        value = getattr(record, field.name)
        deeper = all_but(names, value)
        found |= deeper
        if field.name not in names and not deeper and not contains_records(value):
            found.add(field.name)
    return frozenset(found)


def contains_records(value: Any) -> bool:
    return is_dataclass(value) or (isinstance(value, tuple) and any(map(contains_records, value)))


def evil_facts(evil: str, facts: Facts) -> Facts:
    """The host with all that has a name called something else, the same thing the same everywhere."""
    return hostile(facts, lambda text: f"{text}{evil}" if text else text, all_but(NAMES, facts))


def check(*texts: str) -> None:
    for text in texts:
        found = STEERS.search(text)
        assert found is None, f"{found!r} in {text[max(0, found.start() - 200) : found.end() + 50]!r}"


COMMANDS = (
    "status", "status --all", "status --output json", "status --output dot", "status --output mermaid", "verify",
    "verify --output json", "verify --output junit", "verify --output prometheus", "doctor", "doctor --output json",
    "doctor --path web01{}", "doctor --path web01{} --output json", "explain", "runs", "runs --output json",
    "host-setup --plan", "host-setup --plan --output json", "host-setup --yes", "host-setup --yes --output json",
    "attach-domain web01{} --plan", "attach-domain web01{} --yes",
    "migrate-from-virbr0 --plan", "migrate-from-virbr0 --yes --output json", "undo --yes", "undo --plan", "follow",
    "confirm run{}", "confirm run{} --output json", "explain {}", "no-{}-command", "status --{}", "verify {}",
    "status --picture x{}.gif", "host-setup em1{} --plan", "host-setup --bridge {}",
    "host-setup --network {} --plan", "host-setup --address {}",
)  # fmt: skip


def argv_of(words: str, evil: str) -> list[str]:
    # In what a shell hands over there is no zero byte, and of surrogates only those that stand for a byte.
    given_by_shell = "".join(
        c for c in evil if c != "\0" and not "\ud800" <= c < "\udc80" and not "\udcff" < c <= "\udfff"
    )
    return [word.format(given_by_shell) for word in words.split(" ")]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("evil", ["a", EVIL], ids=["plain", "evil"])
def test_no_command_prints_what_steers_a_terminal(words: str, evil: str) -> None:
    argv = argv_of(words, evil)
    changed = facts_samples.with_link(evil_facts(evil, facts_samples.end_state()), f"p4p1{evil}", carrier=False)
    for error in (None, ToolError(f"no {evil}", f"try {evil}", argv=("x", evil), stderr=evil)):
        host = MadeUpHost(
            facts=replace(changed, unread=(Unread(what=evil, why=evil),)),
            plan=hostile(samples.plan(), lambda text: text + evil, KEPT | {"wanted"}),
            runs=hostile(samples.run_records(), lambda text: text + evil, KEPT | {"wanted", "state", "steps"}),
            error=error,
        )
        ended = call(*argv, host=host)
        # A bug is none of the answers.
        assert ended.code != 1, ended.err
        check(ended.out, ended.err)
        # Nobody is asked, and nothing is coloured, where it is no terminal; a terminal gets colours alone.
        shown = call(*argv, host=host, stdout=Terminal(), environ={"TERM": "xterm"})
        check(re.sub(r"\x1b\[[0-9;]*m", "", shown.out), shown.err)


@given(TEXTS, st.sampled_from([word for word in COMMANDS if word.startswith(("status", "verify", "doctor", "runs"))]))
@example("\x9b", "status --output json")
@example("\u202e", "verify --output junit")
def test_no_letter_of_these_classes_comes_out(evil: str, words: str) -> None:
    facts = evil_facts(evil, status_samples.host(3))
    host = MadeUpHost(facts=facts, goal=GOAL, runs=hostile(samples.run_records(), lambda text: text + evil, KEPT))
    ended = call(*argv_of(words, evil), host=host)
    assert ended.code != 1, ended.err
    check(ended.out, ended.err)


@given(TEXTS)
@example(EVIL)
def test_no_picture_has_any(evil: str) -> None:
    found = describe_host(GOAL, evil_facts(evil, status_samples.host(3)))
    found = replace(found, unread=(evil,))
    drawing = render_dot(found)
    for picture in (render_svg, render_page):
        check(picture(pretended(drawing), drawing, found).decode())


def shown(blocks: Iterable[Any], width: int) -> str:
    stream = io.StringIO()
    Screen(stream, width=width).show(blocks)
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 120])
@pytest.mark.parametrize("evil", ["plain", EVIL], ids=["plain", "evil"])
def test_no_report_has_any(evil: str, width: int) -> None:
    def change(text: str) -> str:
        return text + evil

    paths: tuple[Way, ...] = hostile(samples.paths(), change, KEPT)
    bundle = Bundle(
        file=evil, size_bytes=1, files=(BundleFile(name=evil, how=evil),), unread=(Unread(what=evil, why=evil),)
    )
    rows = hostile(samples.ROWS, change)
    for blocks in (
        render_paths(paths, bundle.unread),
        render_bundle(bundle),
        (render_rows(rows), render_rows_after(rows, hostile(samples.ROWS_AFTER, change))),
        render_run(hostile(samples.result(), change, KEPT | {"wanted"}), ()),
    ):
        check(shown(blocks, width))


@pytest.mark.parametrize(
    "error",
    [
        VmnetError(EVIL, EVIL), ToolError(EVIL, EVIL, argv=(EVIL,), stderr=EVIL), HypervisorError(EVIL, EVIL),
        UndoIncomplete(EVIL, EVIL, left=(EVIL,)), OSError(5, EVIL, EVIL), ValueError(EVIL), KeyboardInterrupt(EVIL),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_error_has_any(error: BaseException, form: str) -> None:
    error.add_note(EVIL)
    ended = call("host-setup", "--yes", "--output", form, host=MadeUpHost(error=error))
    assert ended.code > 0
    check(ended.out, ended.err)


def test_a_picture_in_a_file_of_an_evil_name(tmp_path: Path) -> None:
    path = tmp_path / f"{EVIL.replace(chr(0), '').replace(chr(0xD800), '').replace('/', '')[:60]}.svg"
    ended = call("status", "--picture", str(path))
    assert ended.code == 0
    check(ended.out, ended.err)


def test_what_programs_read_is_utf_8_whatever_the_terminal_is() -> None:
    name = "\u2603\U0001f600\u00fc"
    host = MadeUpHost(
        facts=replace(evil_facts(name, status_samples.host(3)), hostname=f"host{name}"),
        plan=hostile(samples.plan(), lambda text: f"{text}{name}\udcff", KEPT | {"wanted"}),
    )
    for words in ("verify --output junit", "verify --output prometheus", "status --output dot", "host-setup --script"):
        latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="backslashreplace")
        ended = call(*words.split(), host=host, stdout=latin)
        assert ended.code in (0, 6)
        latin.flush()
        written = latin.buffer.getvalue()
        assert name in written.decode("utf-8", "surrogateescape")
    # Bytes that are no UTF-8 are those that the kernel or NetworkManager has.
    assert f"{name}\udcff".encode("utf-8", "surrogateescape") in written


def test_the_tab_key_offers_no_name_that_a_shell_would_not_take_for_one_word() -> None:
    names = ("$(touch pwned)", "a b", "a;b", "\x9b", "-x y", "web02")
    some = facts_samples.end_state()
    host = MadeUpHost(facts=replace(some, domains=tuple(replace(some.domains[0], name=name) for name in names)))
    with made_up(host):
        assert domains(click.Context(click.Command("vmnet")), click.Argument(["domain"]), "") == ["web02"]
