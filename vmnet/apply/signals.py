"""Ctrl-C and SIGTERM become one KeyboardInterrupt, and so one rollback. A lost terminal is something else."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class TerminalGone(KeyboardInterrupt):
    """The terminal was closed, or the connection behind it was lost (SIGHUP): whoever watches a run stops watching;
    the run goes on."""


@contextmanager
def one_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal and ignore those that follow: the rollback must not be interrupted.

    SIGHUP raises its subclass TerminalGone. A signal that is ignored already (nohup) stays so.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(number: int, _frame: object) -> NoReturn:
        for other in caught:
            signal.signal(other, signal.SIG_IGN)
        raise TerminalGone if number == signal.SIGHUP else KeyboardInterrupt

    for number in caught:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C, SIGTERM and a lost terminal until the rollback is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
