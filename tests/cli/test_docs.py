"""docs/commands.md, rules.md and pains.md against the code; `pytest --regenerate` writes their tables again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.pains import read_pains
from vmnet import errors
from vmnet.checks.findings import LAYERS
from vmnet.checks.rule_texts import read_rules
from vmnet.cli import group
from vmnet.cli.commands import COMMANDS, load
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, UNSUPPORTED, Option

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
RULES_PAGE = ROOT / "docs" / "rules.md"
OPTIONS_PAGE = ROOT / "docs" / "options.md"
PAINS_PAGE = ROOT / "docs" / "pains.md"
GOLDEN = ROOT / "tests" / "report" / "golden"


def commands() -> dict[str, click.Command]:
    return {name: load(f"vmnet.cli.{name.replace('-', '_')}").command for name in COMMANDS}


def option_table(name: str) -> str:
    """The command's usage, arguments and options, as `--help` has them."""
    command = commands()[name]
    parent = click.Context(group, info_name="vmnet", **group.context_settings)
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    rows = [f"    {usage}", "", "| option | meaning |", "|---|---|"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):  # newer versions list arguments too
            option, meaning = (text.replace("|", "\\|") for text in record)
            rows.append(f"| `{option}` | {' '.join(meaning.split())} |")
    return "\n".join(["", *rows, ""])


def rule_list() -> str:
    """All rules in words, by layer."""
    rules = read_rules().values()
    lines = [""]
    for layer in LAYERS:
        mine = [rule for rule in rules if rule.layer == layer]
        lines += [f"## {layer[0].upper()}{layer[1:]}", ""] if mine else []
        for rule in mine:
            pains = f" Pains {', '.join(map(str, rule.pains))}." if rule.pains else ""
            lines += [
                f"- **`{rule.id}`** ({rule.severity}): {rule.title}.",
                f"  {rule.why}",
                f"  *Helps:* {rule.fix}{pains}",
            ]
        lines += [""] if mine else []
    return "\n".join([*lines, *_without_rule()])


def _without_rule() -> Iterator[str]:
    """Yield the pains that no rule finds: prevented by a command, or the reason why not."""
    found = {pain for rule in read_rules().values() for pain in rule.pains}
    yield "## Pains that no rule finds"
    yield ""
    for pain in read_pains().values():
        if pain.number not in found:
            reason = f"Neither prevented nor found: {pain.reason}"
            why = f"Prevented by {pain.prevented_by} (`{pain.test}`)." if pain.prevented_by else reason
            yield f"- {pain.number}: {pain.title}. {why}"
    yield ""


def pain_table() -> str:
    """All pains, and what answers each."""
    rows = ["", "| | what goes wrong | answered by |", "|---|---|---|"]
    for pain in read_pains().values():
        answers = [f"`{rule.id}`" for rule in read_rules().values() if pain.number in rule.pains]
        answers = [*([pain.prevented_by] if pain.prevented_by else []), *([", ".join(answers)] if answers else [])]
        rows.append(f"| {pain.number} | {pain.title} | {'; found by '.join(answers) or pain.reason} |")
    return "\n".join([*rows, ""])


def options_of_links(table: Mapping[str, Option]) -> str:
    """All options of bonds or bridges."""
    rows = ["", "| option | values | default | changes while it runs | where |", "|---|---|---|---|---|"]
    for option in table.values():
        where = " or ".join(mode.value for mode in option.modes) or "any mode"
        default = option.default or "none"
        place = f"`{option.setting}`" if option.setting else where
        rows.append(f"| `{option.name}` | {option.takes} | {default} | {'yes' if option.running else 'no'} | {place} |")
    return "\n".join([*rows, ""])


def compare(page: Path, marker: str, wanted: str, *, regenerate: bool) -> None:
    pattern = re.compile(rf"(<!-- {marker} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    text = page.read_text(encoding="utf-8")
    found = pattern.search(text)
    assert found, f"{page.name} has no place for {marker}"
    if regenerate:
        text = pattern.sub(lambda match: match[1] + wanted + "\n" + match[3], text)
        page.write_text(text, encoding="utf-8")
    assert wanted + "\n" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str, regenerate: bool) -> None:
    compare(COMMANDS_PAGE, f"options of {name}", option_table(name), regenerate=regenerate)


def test_every_rule_is_documented(regenerate: bool) -> None:
    compare(RULES_PAGE, "rules", rule_list(), regenerate=regenerate)


def test_every_pain_is_documented(regenerate: bool) -> None:
    compare(PAINS_PAGE, "pains", pain_table(), regenerate=regenerate)


@pytest.mark.parametrize(("kind", "table"), [("bond", BOND_OPTIONS), ("bridge", BRIDGE_OPTIONS)])
def test_every_option_of_a_link_is_documented(kind: str, table: Mapping[str, Option], regenerate: bool) -> None:
    compare(OPTIONS_PAGE, f"options of a {kind}", options_of_links(table), regenerate=regenerate)


def test_what_is_not_supported_is_documented() -> None:
    text = OPTIONS_PAGE.read_text("utf-8")
    assert [name for name in UNSUPPORTED if f"`{name}`" not in text] == []


def test_every_exit_code_is_documented() -> None:
    text = COMMANDS_PAGE.read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.VmnetError)]
    for kind in kinds:
        (row,) = re.findall(rf"^\| {kind.exit_code} \|.*$", text, re.MULTILINE)
        assert f"`{kind.__name__}`" in row


def keys(document: Any) -> Iterator[str]:
    """The keys of a report's own objects; those of plain records (they have a "kind") are named one level down."""
    if isinstance(document, dict):
        yield from document
        for key, value in document.items():
            yield from () if key == "planned" else keys(value)
    if isinstance(document, list):
        for item in document:
            yield from keys(item)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_json_key_is_documented(path: Path) -> None:
    text = COMMANDS_PAGE.read_text(encoding="utf-8")
    found = set(keys(json.loads(path.read_text(encoding="utf-8"))))
    assert {key for key in found if f"`{key}`" not in text} == set()


def test_examples_are_understood() -> None:
    """Every `vmnet …` line of the page parses; what it would do is not tried."""
    lines = re.findall(r"^    (?:sudo )?vmnet (\S+)(.*)$", COMMANDS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    examples = [
        (name, re.split(r"[|>]", rest)[0].split()) for name, rest in lines if "[" not in rest and "{" not in rest
    ]
    assert len(examples) > 15
    for name, words in examples:
        commands()[name].make_context(name, list(words))
