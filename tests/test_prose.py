"""Plain English in README.md, CHANGELOG.md and docs/: short sentences, and no word that readers stumble over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
GENERATED = {"rules.md", "pains.md"}  # written from the texts that vmnet prints
PAGES = ["README.md", "CHANGELOG.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
MOST_WORDS = 30
BANNED = {
    "anew": "again",
    "ways? back": "rollback, undo",
    "aside": "autoconnect disabled",
    "(?:take|takes|taken|takes? (?:all|it|everything|the run)|taken all) back": "roll back, undo",
    "found out": "detected",
    "go(?:es)? deaf": "stops receiving",
    "let manage": "allowed to manage",
    "lest": "so that ... not",
    "stands?": "exists, is kept",
    ", for (?:it|they|that|then|there|what|who)": "because",
}


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield each paragraph or list item with the number of its first line; no code, table, heading or comment."""
    fenced, first, lines = False, 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        fenced ^= line.startswith("```")
        item = re.match(r"\s{0,3}(?:[-*]|\d+\.)\s+", line)
        outside = fenced or not line.strip() or re.match(r"```|    |\||#|<!--|\[?!\[", line)
        if lines and (outside or item):
            yield first, " ".join(lines)
            lines = []
        if not outside:
            first = first if lines else number
            lines.append(line[item.end() :] if item else line.strip())


def sentences(paragraph: str) -> list[str]:
    """Split into sentences. Code counts as one word, a link as its text. A colon may begin another sentence."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "CODE", paragraph))
    return re.split(r"(?<=[.!?:])[)*\"]*\s+(?=[\W_]*(?:[A-Z0-9]|vmnet\b))", plain)


def troubles(text: str) -> Iterator[str]:
    """Yield what is wrong with a page, each with its line."""
    numbered = ((line, sentence) for line, paragraph in paragraphs(text) for sentence in sentences(paragraph))
    for line, sentence in numbered:
        words = len(re.findall(r"\w\S*", sentence))
        if words > MOST_WORDS:
            yield f"{line}: {words} words: {sentence}"
        for banned, better in BANNED.items():
            if found := re.search(rf"(?<!\w){banned}\b", sentence, re.IGNORECASE):
                yield f"{line}: “{found[0]}” (better: {better}): {sentence}"


@pytest.mark.parametrize("page", [page for page in PAGES if Path(page).name not in GENERATED])
def test_plain_english(page: str) -> None:
    found = [f"{page}:{trouble}" for trouble in troubles((ROOT / page).read_text("utf-8"))]
    assert not found, "\n".join(found)


def test_the_check_finds_what_it_is_for() -> None:
    long = " ".join(["word"] * 31)
    text = f"# anew\n\n    anew\n\nA bridge. It\nstands.\n\n- {long}.\n- Made `anew`.\n\n```sh\n{long}\n```\n"
    assert [trouble.split(" ")[:2] for trouble in troubles(text)] == [["5:", "“stands”"], ["8:", "31"]]
