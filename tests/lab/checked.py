"""What vmnet prints as JSON in a lab is compared with its schema, whatever a test looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .process import Completed


def checked(words: Sequence[str], done: Completed) -> Completed:
    """Return what a call of vmnet came to, after a look at its JSON where it was asked for.

    Args:
        words: those after `vmnet`.
    """
    if "--output=json" not in words and "json" not in words:
        return done
    # The lab itself, and so scripts/demo, does without the development tools.
    from tests.schemas import check_text

    check_text(done.stdout)
    check_text("\n".join(line for line in done.stderr.splitlines() if line.startswith("{")))
    return done
