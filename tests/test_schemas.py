"""docs/schema against the records and against the commands; `pytest --regenerate` writes what it says of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator

from tests import schemas
from tests.cli.calls import EXAMPLE, MadeUpHost, call
from tests.report import samples
from vmnet.cli.commands import COMMANDS, load

FILES = sorted(schemas.FOLDER.glob("*.json"))
WORDS = {
    "attach-domain": ("web01",),
    "apply": (str(EXAMPLE),),
    "diff": (str(EXAMPLE),),
    "support-bundle": ("bundle.tar.gz",),
}
"""What a command needs besides `--output json` to print a document that is no error."""


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def speaks_json(name: str) -> bool:
    command = load(f"vmnet.cli.{name.replace('-', '_')}").command
    choices = [option.type.choices for option in command.params if isinstance(option.type, click.Choice)]
    return any("json" in choice for choice in choices)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_schema_is_one_and_says_what_the_records_are(path: Path, regenerate: bool) -> None:
    wanted = schemas.with_definitions(read(path))
    if regenerate:
        path.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", "utf-8")
    assert read(path) == wanted
    Draft202012Validator.check_schema(wanted)
    name, number = path.stem.rsplit("-", 1)
    assert (wanted["$schema"], wanted["$id"]) == (schemas.DIALECT, f"urn:vmnet:schema:{name}:{number}")
    assert wanted["properties"]["schema"] == {"const": f"vmnet/{name}/{number}"}
    assert "schema" in wanted["required"]
    assert wanted["title"]


@pytest.mark.parametrize("name", [name for name in COMMANDS if speaks_json(name)])
def test_every_command_that_speaks_json_has_a_schema(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changing = ("host-setup", "apply", "attach-domain", "migrate-from-virbr0", "teardown", "undo")
    yes = ("--yes",) if name in changing else ()
    host = MadeUpHost(runs=samples.run_records())
    # `call` itself compares what is printed with its schema.
    ended = call(name, *WORDS.get(name, ()), *yes, "--output", "json", host=host)
    assert ended.code == (6 if name == "diff" else 0)
    assert json.loads(ended.out)["schema"] != "vmnet/error/1"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "without a schema"),
        ({"command": "verify"}, "without a schema"),
        ({"schema": "verify"}, "no name of a schema"),
        ({"schema": "vmnet/nonsense/1"}, "docs/schema/nonsense-1.json"),
        ({"schema": "vmnet/verify/1", "command": "verify", "ok": True}, "'findings' is a required property"),
        ({"schema": "vmnet/confirm/1", "command": "confirm", "run": "a", "more": 1}, "'more' was unexpected"),
        ({"schema": "vmnet/verify/1", "command": "verify", "ok": True, "findings": [{}]}, "findings[0]"),
    ],
)
def test_what_does_not_fit_is_found(document: Any, said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        schemas.check_text(json.dumps(document))
    assert said in str(caught.value)


def test_only_one_door_leads_from_unit_tests_to_the_command_line() -> None:
    """`tests.cli.calls.call` compares all JSON with its schema; what calls the command line past it does not. In the
    lab, `Lab.vmnet` and `Chamber.vmnet` are those doors."""
    root = Path(__file__).parent
    imports = "\n" + "from vmnet.cli import main"
    past = (path for path in root.rglob("*.py") if imports in path.read_text("utf-8"))
    assert sorted(str(path.relative_to(root)) for path in past) == ["cli/calls.py", "lab/payload.py"]
