"""Commands that people paste into a shell, built of words. No other module puts one together.

A name in a command may come from a file, a guest or a user whom root does not trust. So `Command` is a type of its own:
mypy refuses a plain text in its place, and tests/test_architecture.py checks that only this module makes one. Bash and
dash read what is made here alike.
"""

from __future__ import annotations

import re
import shlex
import string
from dataclasses import dataclass
from typing import NewType

from vmnet.names import printable

Command = NewType("Command", str)
"""One line for a shell. "" is none; one that begins with # does nothing, and says why."""

NO_COMMAND = Command("")

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SAFE_IN_PRINTF = frozenset((string.ascii_letters + string.digits + " ._/:").encode())


@dataclass(frozen=True, slots=True)
class Variable:
    """The value of a shell variable as a word."""

    name: str


def command(*words: str | Variable) -> Command:
    """Return a command of these words, each quoted.

    A word with a character that is not printable (a control character, a newline, U+2028) is spelt in octal. One that
    no shell can be given so (NUL, a newline at the end) makes the whole command a comment.
    """
    try:
        return Command(" ".join(map(_quoted, words)))
    except ValueError:
        return _refused(*(word for word in words if isinstance(word, str)))


def root(*words: str) -> Command:
    """Return a command that is run as root."""
    return command("sudo", *words)


def pipe(*commands: Command) -> Command:
    """Return commands each of which reads what the one before prints."""
    return _joined(" | ", commands)


def both(*commands: Command) -> Command:
    """Return commands each of which runs if the one before worked."""
    return _joined(" && ", commands)


def in_turn(*commands: Command) -> Command:
    """Return commands that run one after the other."""
    return _joined("; ", commands)


def write(file: str, *lines: str, append: bool = False) -> Command:
    """Return the command that writes the lines into a file of root's; a line that is more than one is refused."""
    if not all(line.isprintable() for line in lines):
        return _refused(file, *lines)
    return pipe(command("printf", r"%s\n", *lines), root("tee", *(("-a",) if append else ()), file))


def capture(variable: Variable, what: Command) -> Command:
    """Return the command that sets a variable to what another one prints."""
    return what if what.startswith("#") else Command(f"{variable.name}=$({what})")


def remark(what: Command, text: str) -> Command:
    """Return a command with a comment behind it. Nothing may be joined to it any more."""
    return Command(f"{what}    # {_spelt(text)}".lstrip())


def last(name: str) -> tuple[str, ...]:
    """Return a name as the last word of a command; one with a dash in front is not to be taken for an option."""
    return ("--", name) if name.startswith("-") else (name,)


def virsh_domain(name: str, uuid: str) -> str:
    """Return how virsh is told a domain: its name, or its UUID where virsh would take the name for an id, for another
    domain's UUID or for an option."""
    number = name.strip().lstrip("+").isdigit()
    as_uuid = re.fullmatch(r"[0-9A-Fa-f]{32}", re.sub(r"[-\s]", "", name))
    return uuid if number or as_uuid or name.startswith("-") else name


def is_plain(name: str) -> bool:
    """Return whether a name has letters, digits, dots, dashes and underscores only, and means itself in any file."""
    return _PLAIN.fullmatch(name) is not None


def _joined(between: str, commands: tuple[Command, ...]) -> Command:
    # After a comment nothing is read any more: the others alone would do something else.
    return next((one for one in commands if one.startswith("#")), Command(between.join(commands)))


def _refused(*words: str) -> Command:
    return Command(f"# cannot be typed: {_spelt(' '.join(words))}")


def _quoted(word: str | Variable) -> str:
    """Return a word as a shell reads it; ValueError if it can read none so."""
    if isinstance(word, Variable):
        return f'"${word.name}"'
    if word.isprintable():
        return shlex.quote(word)
    if "\0" in word or word.endswith("\n"):
        raise ValueError(word)
    # $'...' is not known to dash. Bytes that are no UTF-8 come out as they were.
    octal = (chr(b) if b in _SAFE_IN_PRINTF else f"\\{b:03o}" for b in word.encode("utf-8", "surrogateescape"))
    return f"\"$(printf '{''.join(octal)}')\""


def _spelt(text: str) -> str:
    return printable(text).replace("\t", " ")
