"""The commands of every plan, of every refusal and of "finish by hand" do, pasted, what was meant."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.hostile.pasted import Line, check, in_text, one_of_a_kind, plain_calls
from tests.hostile.recorded import plans
from tests.hostile.shells import Sandbox
from tests.hostile.tokens import HOSTILE, PLAIN, TOKEN, Names, names_of
from vmnet.errors import LinkError, SpecError, UndoIncomplete, VmnetError
from vmnet.facts import Facts
from vmnet.runs.roll_back import StepExecutor, roll_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hostile.pasted import Called
    from tests.hostile.recorded import Planner
    from vmnet.plan.steps import Plan

    Said = tuple[list[str], list[tuple[str, str]]]
    """Texts; commands, each with the kind of step that it is of."""

pytestmark = pytest.mark.process

FORMS = [form for form in HOSTILE if "\x1b" not in form]  # no XML document, and so no domain, has such a name
COMMENT = "    # "
# Each refusal that holds a command, up to where the name is.
TEXTS = (
    "start it: virsh net-start", "nmcli connection up id", "&& nmcli device reapply", "(ip link delete dev",
    "the loss with --displace", "the interruption with --displace", "(virsh edit", "(virsh net-edit",
    "(vmnet attach-domain", "udevadm trigger /sys/class/net/", "connection.zone",
)  # fmt: skip


class Failing:
    """Carries out no undo."""

    checkpoint = None

    def __init__(self, message: str) -> None:
        self.message = message

    def execute(self, step: object, *, undoing: bool = False) -> None:
        raise LinkError(self.message)

    def wait_ready(self) -> None:
        """There is nothing to wait for."""

    def trouble(self) -> str:
        return ""


def said(planner: Planner, values: tuple[Any, ...], form: str) -> Said:
    """What a planner says when all names in what it is given have the form."""
    names = Names()
    known = {name for value in values if isinstance(value, Facts) for name in names_of(value)}
    given = tuple(names.rename(tuple(v) if isinstance(v, list) else v, known, form) for v in values)
    try:
        plan = planner(*given)
    except VmnetError as error:
        # What is no name of a link is refused before all else.
        wrong_name = isinstance(error, SpecError) and error.hint.startswith("use 1 to 15")
        hint = [] if wrong_name else error.hint.split("\n")
        # A line with a comment is a command as a whole.
        return [text for text in hint if COMMENT not in text], [("hint", text) for text in hint if COMMENT in text]
    return [*plan.warnings, *plan.kept], [*commands(plan), *(("left", line) for line in left(plan, form))]


def commands(plan: Plan) -> Iterator[tuple[str, str]]:
    for step in (step for planned in plan.planned for step in (planned.step, *planned.undo)):
        kind = type(step).__name__
        yield from ((kind, line) for line in step.shell_lines())
        yield from ((kind, call.virsh) for call in step.calls())


def left(plan: Plan, form: str) -> tuple[str, ...]:
    """What is printed to be finished by hand where no undo works."""
    executor = cast("StepExecutor", Failing(form.format("zq999")))
    try:
        roll_back([*enumerate(plan.planned)], executor, lambda *_, **__: None)
    except UndoIncomplete as error:
        return error.left
    return ()


@cache
def asked() -> tuple[tuple[Planner, tuple[Any, ...], Said], ...]:
    """The calls each of which has something said for the first time, and what is said."""
    seen: set[str] = set()
    chosen = []
    for planner, values in plans():
        plain = said(planner, values, PLAIN)
        new = {TOKEN.sub("", text) for text in (*plain[0], *map(" ".join, plain[1])) if TOKEN.search(text)} - seen
        if new:
            chosen.append((planner, values, plain))
            seen |= new
    return tuple(chosen)


def lines(form: str) -> Iterator[Line]:
    for planner, values, plain in asked():
        odd = said(planner, values, form)
        if (len(plain[0]), len(plain[1])) != (len(odd[0]), len(odd[1])):
            continue
        for (kind, before), (_, after) in zip(plain[1], odd[1], strict=True):
            yield Line(kind, before, after)
        for before, after in zip(plain[0], odd[0], strict=True):
            yield from (Line(TOKEN.sub("", before), f"word {a}", f"word {b}") for a, b in in_text(before, after))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Called:
    return plain_calls(lines(PLAIN), Sandbox(tmp_path_factory.mktemp("plain")))


def test_the_refusals_are_there() -> None:
    texts = [line.of for line in lines(PLAIN) if line.plain.startswith("word ")]
    assert [text for text in TEXTS if not any(text in one for one in texts)] == []


@pytest.mark.parametrize("form", FORMS)
def test_commands_of_plans(form: str, tmp_path: Path, wanted: Called) -> None:
    found = one_of_a_kind(lines(form))
    assert len(found) > 70
    check(found, form, Sandbox(tmp_path), wanted)
