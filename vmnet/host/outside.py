"""What all readers of the outside share: a source that fails is listed, and text is understood or said not to be.

A source is optional when the command can go on without it. Only the kernel's links, addresses and routes are not.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from vmnet.errors import ToolError, VmnetError, attempt
from vmnet.facts import Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
U = TypeVar("U")


class Sources:
    """Reads optional sources, and collects in `unread` which of them could not be read, and why."""

    def __init__(self) -> None:
        self.unread: list[Unread] = []

    def read(self, what: str, read: Callable[[], T], otherwise: U, *, allowed: bool = True) -> T | U:
        """Return what `read` returns, or `otherwise` where it raises anything at all.

        Args:
            what: the name of the source, for `unread`.
            allowed: False where only root may read the source, and this process is not root: that is the reason then.
        """
        found = attempt(read)
        if isinstance(found, VmnetError):
            self.missing(what, found.message if allowed else "needs root")
            return otherwise
        return found

    def missing(self, what: str, why: str) -> None:
        """Note that a source was not read."""
        self.unread.append(Unread(what=what, why=why))


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn whatever text of an unexpected form makes a parser raise into a ToolError.

    Args:
        what: the text, as "the answer of nft".
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ToolError(f"vmnet cannot read {what}: {type(error).__name__}: {error}"[:400]) from error


def parse_json(text: str, what: str) -> Any:
    """Return a JSON document.

    Args:
        what: the text, as "the answer of nft".

    Raises:
        ToolError: it is no JSON, or nested too deeply.
    """
    with understood(what):
        # Not strict: iproute2 writes the control characters in a link's name as they are.
        return json.loads(text, strict=False)
