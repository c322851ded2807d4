"""What every bench prints in the end."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def conclude(runs: Sequence[Any], table: str, problems: Sequence[str], output: str) -> int:
    """Print what was measured, as a table or (`output` "json") as records; return 1 if vmnet misses one of its
    figures."""
    if output == "json":
        print(json.dumps({"runs": [asdict(run) for run in runs], "missed": list(problems)}, indent=1))
    else:
        print(table)
        met = "vmnet: all figures met" if runs else "nothing was measured"
        print("\n" + ("\n".join(f"missed: {problem}" for problem in problems) or met))
    sys.stdout.flush()
    return 1 if problems else 0
