"""Plain English in pages, rule texts and all that vmnet prints: short sentences, no word that readers stumble over."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CHANGELOG.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
CODE = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "vmnet").rglob("*.py"))
RULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "vmnet").rglob("texts/*.toml"))
LISTS = ("vmnet/redact/documents.py", "vmnet/redact/settings.py")
"""Their strings are lists of names."""
IN_JSON = {"could not be taken back"}
"""Values that stay as they are."""
FEWEST_WORDS = 4
"""A string of fewer words is a name or a part of a command."""
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
    "mend(?:s|ed|ing)?": "repair",
    "puts? (?:it |this |that |all )?right": "repair",
    "meant so": "intended",
    "for good": "permanently",
}
TERMS = {
    "gone when (?:it|they) stops?": "transient",
    "stored (?:document|interface)s?": "persistent document",
    "(?:live|active|inactive) documents?": "running document, persistent document",
    "starts? by (?:itself|themselves)": "autoconnect, autostart",
    "(?:go|goes|gone|went|going) back": "roll back",
    "the state of then": "checkpoint",
    "conclude[sd]?": "finish, roll back",
    "connection profiles?": "profile",
    "(?:master|slave)s? (?:device|interface|link|nic|port)s?": "controller, port",
    "bond(?:ing)? slaves?": "port of the bond",
    "virtual (?:interface|nic)s?": "interface, tap",
}
"""Words of our own, or of others, where NetworkManager, libvirt and the kernel have a term; and that term."""


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
    return re.split(r"(?<=[.!?])[)*\"]*\s+|(?<=:)[)*\"]*\s+(?=[\W_]*(?:[A-Z0-9]|vmnet\b))", plain)


def troubles(text: str) -> Iterator[str]:
    """Yield what is wrong with a page, each with its line."""
    for line, paragraph in paragraphs(text):
        yield from (f"{line}: {trouble}" for trouble in troubles_of(paragraph))


def troubles_of(paragraph: str) -> Iterator[str]:
    for sentence in sentences(paragraph):
        words = len(re.findall(r"\w\S*", sentence))
        if words > MOST_WORDS:
            yield f"{words} words: {sentence}"
        for banned, better in (BANNED | TERMS).items():
            if found := re.search(rf"(?<!\w){banned}\b", sentence, re.IGNORECASE):
                yield f"“{found[0]}” (better: {better}): {sentence}"


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield a module's strings with their lines, without docstrings. What an f-string puts in counts as a word."""
    tree = ast.parse(source)
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            words = (part.value if isinstance(part, ast.Constant) else "CODE" for part in node.values)
            yield node.lineno, "".join(map(str, words))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def read_by_people(text: str) -> Iterator[str]:
    """Yield what people read of a string: a help without its examples, the comments and messages of a shell script."""
    if text.startswith("#!") or re.search(r"\n *(?:fi|\})\n", text):
        yield from re.findall(r"^ *#+ (.*)", text, re.MULTILINE)
        yield from ("".join(said) for said in re.findall(r"""(?:say|missed|go_back) (?:'([^']+)|"([^"]+))""", text))
    else:
        yield re.sub(r"\x08\n.+?(?:\n\n|\Z)", "", text, flags=re.DOTALL)


def values(document: object) -> Iterator[str]:
    """Yield the strings of a TOML document."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for value in document:
            yield from values(value)
    elif isinstance(document, str):
        yield document


@pytest.mark.parametrize("page", PAGES)
def test_plain_english(page: str) -> None:
    found = [f"{page}:{trouble}" for trouble in troubles((ROOT / page).read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", [file for file in CODE if file not in LISTS])
def test_plain_messages(file: str) -> None:
    texts = (
        (line, text)
        for line, text in strings((ROOT / file).read_text("utf-8"))
        if len(text.split()) >= FEWEST_WORDS and text not in IN_JSON
    )
    found = [
        f"{file}:{line}: {trouble}"
        for line, text in texts
        for part in read_by_people(text)
        for trouble in troubles_of(part)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("file", RULES)
def test_plain_rules(file: str) -> None:
    found = [
        trouble for text in values(tomllib.loads((ROOT / file).read_text("utf-8"))) for trouble in troubles_of(text)
    ]
    assert not found, "\n".join(found)


def test_the_check_reads_code() -> None:
    source = f'"""{"a " * 40}"""\nx = f"it {{y}} stands anew there" + "two words"\n'
    assert [text for _, text in strings(source)] == ["it CODE stands anew there", "two words"]
    assert len(list(troubles_of("it CODE stands anew there"))) == 2


def test_the_check_reads_helps_and_scripts() -> None:
    script = "#!/bin/sh\n# No way back.\nsay 'it stands' >&2\nmissed \"$1 is 'set' aside\"\n"
    assert list(read_by_people(script)) == ["No way back.", "it stands", "$1 is 'set' aside"]
    assert list(read_by_people("Help.\n\n\b\nExamples:\n  vmnet\n\nMore.\n")) == ["Help.\n\nMore.\n"]


def test_the_check_finds_what_it_is_for() -> None:
    long = " ".join(["word"] * 31)
    text = f"# anew\n\n    anew\n\nA bridge. It\nstands.\n\n- {long}.\n- Made `anew`.\n\n```sh\n{long}\n```\n"
    assert [trouble.split(" ")[:2] for trouble in troubles(text)] == [["5:", "“stands”"], ["8:", "31"]]


@pytest.mark.parametrize("text", ["It is gone when it stops", "two connection profiles", "Bonding slaves wait"])
def test_the_check_knows_the_terms(text: str) -> None:
    assert len(list(troubles_of(text))) == 1
