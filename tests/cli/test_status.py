"""vmnet status: what goes where."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.calls import DEGRADED, MadeUpHost, call
from vmnet.errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_tree_is_what_one_sees_first() -> None:
    ended = call("status")
    assert ended.code == 0
    assert "└── network host-bridge" in ended.out
    assert ended.out.endswith("all is as it should be\n")


def test_trouble_does_not_change_the_exit_code() -> None:
    ended = call("status", host=MadeUpHost(facts=DEGRADED))
    assert ended.code == 0
    assert "!! br0" in ended.out


@pytest.mark.parametrize(("output", "begins"), [("json", "{"), ("dot", "digraph"), ("mermaid", "flowchart")])
def test_other_forms(output: str, begins: str) -> None:
    ended = call("status", "--output", output)
    assert ended.code == 0
    assert ended.out.startswith(begins)


def test_json_is_one_document() -> None:
    document = json.loads(call("status", "--output", "json").out)
    assert sorted(document) == ["command", "edges", "host", "nodes", "schema", "state", "unread"]


@pytest.mark.parametrize("form", ["svg", "png", "html"])
def test_a_picture_goes_to_its_file(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"host.{form.upper()}"
    ended = call("status", "--all", "--picture", str(path))
    assert (ended.code, ended.out) == (0, f"the picture is in {path}\n")
    assert path.read_text() == f"{form} True"


def test_a_picture_is_not_written_through_a_link(tmp_path: Path) -> None:
    path, theirs = tmp_path / "host.svg", tmp_path / "theirs.svg"
    theirs.write_text("theirs")
    path.symlink_to(theirs)
    assert call("status", "--picture", str(path)).code == 0
    assert (theirs.read_text(), path.read_text(), path.is_symlink()) == ("theirs", "svg False", False)


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    ended = call("status", "--picture", str(tmp_path / "nowhere" / "host.svg"), "--output", "json")
    assert ended.code == 4
    assert "the system refused" in json.loads(ended.out)["error"]["message"]


def test_a_picture_of_no_known_kind_is_refused_before_anything_is_read() -> None:
    ended = call("status", "--picture", "host.gif")
    assert (ended.code, ended.host.reads) == (2, [])
    assert ".svg" in ended.err


def test_without_graphviz_no_file_is_left(tmp_path: Path) -> None:
    host = MadeUpHost(error=ToolError("dot, which lays the picture out, is not installed", "apt install graphviz"))
    ended = call("status", "--picture", str(tmp_path / "host.svg"), host=host)
    assert ended.code == 4
    assert "graphviz" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_without_branches_gets_ascii() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    assert call("status", stdout=stream).code == 0
    stream.flush()
    assert b"`-- network host-bridge" in written.getvalue()
