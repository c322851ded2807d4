"""What a command works with: the words it was called with, streams and environment."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One call of vmnet. Tests hand in streams of their own.

    For `patience_s` seconds after a run what is seen may still become what is wanted (a second LACP port joins late);
    then it is a difference.
    """

    argv: tuple[str, ...] = ()
    # A stream that was closed before we started is None.
    stdin: IO[str] = field(default_factory=lambda: sys.stdin or io.StringIO())
    stdout: IO[str] = field(default_factory=lambda: sys.stdout or io.StringIO())
    stderr: IO[str] = field(default_factory=lambda: sys.stderr or io.StringIO())
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    patience_s: float = 10

    @property
    def json(self) -> bool:
        """Whether `--output json` is asked for; also when the rest of the line cannot be parsed."""
        words = self.argv[: self.argv.index("--")] if "--" in self.argv else self.argv
        return "--output=json" in words or ("--output", "json") in pairwise(words)
