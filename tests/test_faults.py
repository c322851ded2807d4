"""How many of the pains the lab makes for real: counted, so that docs/testing.md cannot be wrong about it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.checks.rule_texts import read_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]


def rules_of(path: Path) -> Iterator[str]:
    """Yield the rule of each `Fault(rule=…)` in a file that somebody makes; a name stands for the text it has there."""
    tree = ast.parse(path.read_text("utf-8"))
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)]
    named = {target.id: node.value for node in constants for target in node.targets if isinstance(target, ast.Name)}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fault")
    made = (call for call in calls if not any(ast.unparse(word) == "inject=None" for word in call.keywords))
    for value in (word.value for call in made for word in call.keywords if word.arg == "rule"):
        constant = named[value.id] if isinstance(value, ast.Name) else value
        assert isinstance(constant, ast.Constant)
        yield str(constant.value)


def test_at_least_sixty_pains_are_made_for_real() -> None:
    rules = read_rules()
    fired = {rule for path in (ROOT / "tests" / "lab").glob("test_doctor_*.py") for rule in rules_of(path)}
    assert fired <= set(rules)
    pains = {pain for rule in fired for pain in rules[rule].pains}
    assert len(pains) >= 60
    said = f"{len(fired)} of the rules are made to fire so, which answer {len(pains)} of the [86 pains](pains.md)"
    assert said in " ".join((ROOT / "docs" / "testing.md").read_text("utf-8").split())
