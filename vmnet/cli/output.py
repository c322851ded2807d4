"""Where reports go: blocks on a screen, JSON on standard output, progress on standard error."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from vmnet.lines import number_of
from vmnet.report.json_forms import json_line, progress_form
from vmnet.report.progress import progress_text
from vmnet.report.screen import FILE_WIDTH, Screen
from vmnet.runs.progress import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmnet import Progress
    from vmnet.cli.session import Session
    from vmnet.report.screen import Block


def redraws(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Return whether the stream is a terminal that can be drawn on; NO_COLOR forbids colours, not this."""
    return stream.isatty() and environ.get("TERM", "") not in ("", "dumb")


def wants_colour(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Return whether colours are welcome: on a terminal that knows them, unless NO_COLOR is set."""
    return redraws(stream, environ) and not environ.get("NO_COLOR")


def show(session: Session, blocks: Iterable[Block], *, error: bool = False) -> None:
    """Print blocks to standard output, or to standard error."""
    stream = session.stderr if error else session.stdout
    columns = session.environ.get("COLUMNS", "")
    width = shutil.get_terminal_size().columns if stream.isatty() else FILE_WIDTH
    if number_of(columns):
        width = int(columns)
    Screen(stream, colour=wants_colour(stream, session.environ), width=width).show(blocks)


def write_exactly(session: Session, text: str) -> None:
    """Print what a program reads: in UTF-8, whatever the terminal's encoding is, with bytes of names as they are."""
    buffer = getattr(session.stdout, "buffer", None)
    if buffer is None:
        session.stdout.write(text)
        return
    session.stdout.flush()
    buffer.write(text.encode("utf-8", "surrogateescape"))


class ProgressLines:
    """Writes a run's progress to standard error, for people or (`json`) as an object a line.

    The terminal may vanish during the run (the SSH connection is one of the things that move): then it goes
    quiet, for the run must not fail because nobody watches.
    """

    def __init__(self, session: Session, *, json: bool) -> None:
        self._stream = session.stderr
        self._open = False
        self._pace = Pace()
        self._json = json

    def __call__(self, progress: Progress) -> None:
        """Write one event."""
        if not self._pace.lets(progress):
            return
        left_s = self._pace.left_s(progress)
        if self._json:
            self.say(json_line(progress_form(progress, left_s)))
            return
        text = progress_text(progress, left_s)
        if self._open and text.startswith("["):
            text = f"\n{text}"
        self.say(text)

    def close(self) -> None:
        """End a line that a step left unfinished."""
        if self._open:
            self.say("\n")

    def say(self, text: str) -> None:
        """Write text of another kind."""
        if not text:
            return
        self._open = not text.endswith("\n")
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
