"""Repeat the check: a terminal shows the picture again, elsewhere each change is a line."""

from __future__ import annotations

import io
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vmnet.cli.output import show, wants_colour
from vmnet.report.findings import render_differences, render_findings
from vmnet.report.json_forms import findings_form, json_line
from vmnet.report.progress import render_changes, render_first
from vmnet.report.screen import Line, Screen, Style
from vmnet.runs.lock import TerminalGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmnet import Finding
    from vmnet.cli.session import Session

    Look = Callable[[], tuple[Finding, ...]]
    Say = Callable[[tuple[Finding, ...] | None, tuple[Finding, ...]], None]

HOME, REST, LINE_END = "\x1b[H", "\x1b[J", "\x1b[K"
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"


def utc_now() -> str:
    """Return the time as reports have it: "2026-01-02T03:04:05Z"."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def watch(session: Session, look: Look, say: Say, *, every_s: float) -> tuple[Finding, ...]:
    """Look and say what was found, every `every_s` seconds, until Ctrl-C or SIGTERM; return what was found last.

    Args:
        say: called with what was found before (None at first) and now.
    """
    before: tuple[Finding, ...] | None = None
    try:
        while True:
            began = time.monotonic()
            found = look()
            say(before, found)
            session.stdout.flush()
            before = found
            time.sleep(max(0.0, every_s - (time.monotonic() - began)))
    except TerminalGone:
        raise
    except KeyboardInterrupt:
        if before is None:
            raise
        return before


def drawing(session: Session, every_s: float) -> Say:
    """Return what draws the findings over those of before: all where they fit, else what differs."""

    def say(_before: tuple[Finding, ...] | None, found: tuple[Finding, ...]) -> None:
        size = shutil.get_terminal_size()
        head = Line(f"vmnet verify, every {every_s:g} s, {utc_now()}; Ctrl-C ends", Style.QUIET)
        for blocks in (render_findings(found), render_differences(found)):
            text = io.StringIO()
            colour = wants_colour(session.stdout, session.environ)
            Screen(text, colour=colour, width=size.columns).show((head, Line(), *blocks))
            lines = text.getvalue().splitlines()
            if len(lines) < size.lines:
                break
        else:
            more = len(lines) - size.lines + 2
            lines = [*lines[: size.lines - 2], f"... and {more} more lines: vmnet verify --quiet"]
        drawn = "".join(f"{line}{LINE_END}\n" for line in lines)
        session.stdout.write(f"{HOME}{NO_WRAP}{drawn}{WRAP}{REST}")

    return say


def logging(session: Session, *, quiet: bool) -> Say:
    """Return what prints a line for each change."""

    def say(before: tuple[Finding, ...] | None, found: tuple[Finding, ...]) -> None:
        now = utc_now()
        show(session, render_first(found, now, quiet=quiet) if before is None else render_changes(before, found, now))

    return say


def json_lines(session: Session, *, quiet: bool) -> Say:
    """Return what prints a document a line, for each look that found something else than the one before."""

    def say(before: tuple[Finding, ...] | None, found: tuple[Finding, ...]) -> None:
        silent = quiet and before is None and all(finding.ok for finding in found)
        if found != before and not silent:
            session.stdout.write(json_line({**findings_form("verify", found), "time": utc_now()}))

    return say
