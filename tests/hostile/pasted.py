"""What is printed to be pasted, beside the same with plain names, and whether both mean the same to a shell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.hostile.shells import SHELLS
from tests.hostile.tokens import TOKEN, with_form
from tests.test_shell_words import SPELT_COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.hostile.shells import Argv, Sandbox

    Called = dict[str, list[Argv]]
    """What each line calls when its names are plain."""

REFUSED = "# cannot be typed: "
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Line:
    """A command with a hostile name, and the same with a plain one."""

    of: str
    plain: str
    text: str


def in_text(plain: str, odd: str) -> Iterator[tuple[str, str]]:
    """Yield the words with names in them that stand in commands of a text."""
    if REFUSED in odd:
        return
    words = list(re.finditer(rf"[^\s(]*{TOKEN.pattern}[^\s;:,)]*", plain))
    ends = [0, *(word.end() for word in words)]
    between = [plain[end : word.start()] for end, word in zip(ends, words, strict=False)]
    same = re.fullmatch("(.*?)".join(map(re.escape, (*between, plain[ends[-1] :]))), odd, re.DOTALL)
    assert same, (plain, odd)
    for word, other in zip(words, same.groups(), strict=True):
        if SPELT_COMMAND.search(plain[: word.start()]):
            yield word[0], other


def one_of_a_kind(found: Iterable[Line]) -> list[Line]:
    """Leave out what has no names, and what differs by its names alone."""
    named = (line for line in found if TOKEN.search(line.plain))
    return list({(line.of, TOKEN.sub("zq", line.plain)): line for line in named}.values())


def meant(argv: Argv, form: str) -> Argv:
    return tuple(with_form(word, form) for word in argv)


def same(called: Argv, wanted: Argv) -> bool:
    """Whether a call is the one that was meant, said as that tool needs it."""
    if wanted[:4] == ("sudo", "nft", "list", "chain") and called == ("sudo", "nft", "list", "ruleset"):
        return True
    # No option comes after it.
    called, wanted = (tuple(word for word in argv if word != "--") for argv in (called, wanted))
    return len(called) == len(wanted) and all(
        word == name
        or (word == f'"{name}"' and "nft" in wanted)
        or (UUID.fullmatch(word) and (UUID.fullmatch(name) or (name.startswith("-") and "virsh" in wanted)))
        for word, name in zip(called, wanted, strict=True)
    )


def plain_calls(found: Iterable[Line], sandbox: Sandbox) -> Called:
    """Return what each line calls when its names are plain."""
    texts = list({line.plain: None for line in found if TOKEN.search(line.plain)})
    return dict(zip(texts, sandbox.run("dash", texts), strict=True))


def check(found: list[Line], form: str, sandbox: Sandbox, wanted: Called, may_have_none: tuple[str, ...] = ()) -> None:
    """Run the lines in both shells. Each must call what it calls when its names are plain, with the names as they are;
    a line may be none if `may_have_none` says so of what it is of, or if no shell can be given the name."""
    # What is not printable would be spelt out on the screen, and the name be another one.
    assert [line for line in found if not line.text.isprintable()] == []
    for shell in SHELLS:
        done = sandbox.run(shell, (line.text for line in found))
        assert len(done) == len(found), "a line went on in the next one"
        for line, called in zip(found, done, strict=True):
            refused = line.text.startswith(REFUSED) and form.endswith("\n")
            none = not line.text and line.of in may_have_none
            expected = [] if refused or none else [meant(argv, form) for argv in wanted[line.plain]]
            assert len(called) == len(expected), (shell, line, called)
            for argv in expected:
                assert any(same(one, argv) for one in called), (shell, line, called)
