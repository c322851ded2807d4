"""docs/security.md names tests: each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def test_the_tests_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert len(named) > 20
    assert [name for name in named if "def test_" not in (ROOT / name).read_text("utf-8")] == []


def test_every_row_names_one() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "| tests |" not in line]
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py` \|$", row)] == []


def test_what_is_hostile_is_on_the_page() -> None:
    files = [f"tests/hostile/{path.name}" for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    assert [name for name in files if name not in PAGE] == []
