"""The schemas of docs/schema: every JSON document that a test has vmnet write is compared with its own.

A document names its schema ("vmnet/verify/1" is docs/schema/verify-1.json). What a schema file says of records, under
`$defs`, is made from the records themselves: write `{"$ref": "#/$defs/Finding"}`, and `pytest tests/test_schemas.py
--regenerate` adds the record, and all that it holds.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import importlib
import inspect
import ipaddress
import json
import pkgutil
import re
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import vmnet
from vmnet.fields import concrete

FOLDER = Path(__file__).parents[1] / "docs" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_IN_DEFS = "#/$defs/"
_PLAIN = {str: "string", int: "integer", bool: "boolean", float: "number", types.NoneType: "null"}

Schema = dict[str, Any]


def check(document: Any) -> None:
    """Fail unless the document names a schema of docs/schema and is as it says, without a key that it does not know."""
    key = document.get("schema") if isinstance(document, dict) else None
    assert isinstance(key, str), f"a JSON document without a schema: {json.dumps(document)[:200]}"
    errors = sorted(_validator(path_of(key)).iter_errors(document), key=lambda error: len(error.absolute_path))
    assert not errors, f"{key}: {'; '.join(f'{error.json_path}: {error.message[:300]}' for error in errors[:5])}"


def check_text(text: str) -> None:
    """Compare one document, or one a line, with what its schema says; empty text is none."""
    try:
        documents = [json.loads(text)] if text.strip() else []
    except json.JSONDecodeError:
        documents = [json.loads(line) for line in text.splitlines()]
    for document in documents:
        check(document)


def path_of(key: str) -> Path:
    """Return the file of a schema."""
    found = re.fullmatch(r"vmnet/([a-z-]+)/(\d+)", key)
    assert found, f"{key!r} is no name of a schema: vmnet/NAME/NUMBER"
    path = FOLDER / f"{found[1]}-{found[2]}.json"
    assert path.is_file(), f"{key} has no docs/schema/{path.name}"
    return path


@cache
def _validator(path: Path) -> Draft202012Validator:
    return Draft202012Validator(strict(json.loads(path.read_text("utf-8"))))


def strict(schema: Any) -> Any:
    """Return the schema so that it allows no key that it does not name: readers must allow new ones, we may not write
    one that is not documented."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: strict(value) for key, value in schema.items()}
    if "properties" in out and "type" in out:
        out.setdefault("additionalProperties", False)
    return out


@cache
def records() -> dict[str, type]:
    """Return all records and enumerations of vmnet by name."""
    names = [module.name for module in pkgutil.walk_packages(vmnet.__path__, "vmnet.")]
    modules = [importlib.import_module(name) for name in names if name != "vmnet.__main__"]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
        if dataclasses.is_dataclass(value) or issubclass(value, enum.Enum)
    }


def with_definitions(schema: Schema) -> Schema:
    """Return the schema with `$defs` made from the records that it refers to, and from those that these hold."""
    made: Schema = {}
    envelope = {key: copy.deepcopy(value) for key, value in schema.items() if key != "$defs"}
    todo = sorted(_references(envelope))
    while todo:
        name = todo.pop()
        if name not in made:
            made[name] = _definition(records()[name])
            todo += sorted(_references(made[name]))
    return {**envelope, **({"$defs": dict(sorted(made.items()))} if made else {})}


def _references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for item in schema for name in _references(item)}
    if not isinstance(schema, dict):
        return set()
    found = {name for value in schema.values() for name in _references(value)}
    own = schema.get("$ref")
    return found | {own.removeprefix(_IN_DEFS)} if isinstance(own, str) else found


def _definition(record: type) -> Schema:
    told = (record.__doc__ or "").split("\n\n")[0]
    head = {"description": " ".join(told.split())}
    if issubclass(record, enum.Enum):
        return {**head, "enum": [member.value for member in record]}
    # What only a type checker imports is looked up among all records.
    hints = typing.get_type_hints(record, localns=dict(records()))
    keys = [field.name for field in dataclasses.fields(typing.cast("Any", record))]
    # A record's own field of that name wins (`Probe.kind`).
    properties = {"kind": {"const": record.__name__}, **{key: _form(hints[key]) for key in keys}}
    return {**head, "type": "object", "properties": properties, "required": list(properties)}


def _form(want: Any) -> Schema:
    """Return what `vmnet.fields.encode` makes of a value of this type."""
    origin, args = typing.get_origin(want), typing.get_args(want)
    if origin in (typing.Union, types.UnionType):
        return _either([_form(arg) for arg in args])
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return {"type": "array", "items": _form(args[0])}
    if origin is tuple:
        return {"type": "array", "prefixItems": [_form(arg) for arg in args], "items": False, "minItems": len(args)}
    if isinstance(want, typing.NewType):
        return _form(want.__supertype__)
    if want in _PLAIN:
        return {"type": _PLAIN[want]}
    if want.__module__ == ipaddress.__name__:
        return {"type": "string"}
    if inspect.isabstract(want):
        return _either([_form(kind) for kind in sorted(concrete(want), key=lambda kind: kind.__name__)])
    return {"$ref": f"{_IN_DEFS}{want.__name__}"}


def _either(forms: list[Schema]) -> Schema:
    alike = [form for number, form in enumerate(forms) if form not in forms[:number]]
    if all(form.keys() == {"type"} for form in alike):
        kinds = [form["type"] for form in alike]
        return {"type": kinds if len(kinds) > 1 else kinds[0]}
    return {"anyOf": alike}
