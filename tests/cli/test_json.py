"""--output json: one document on standard output, progress as an object a line on standard error."""

from __future__ import annotations

import json

import pytest

from tests.cli.calls import CHANGING, DEGRADED, MadeUpHost, call


def test_plan_as_json() -> None:
    document = json.loads(call("host-setup", "--plan", "--output", "json").out)
    assert sorted(document) == ["command", "commands", "plan", "schema"]
    assert document["commands"][0]["argv"][0] == "nmcli"


@pytest.mark.parametrize("words", [*CHANGING, "follow"])
def test_progress_in_json_is_an_object_a_line(words: str) -> None:
    yes = () if words == "follow" else ("--yes",)
    ended = call(*words.split(), *yes, "--output", "json")
    lines = [json.loads(line) for line in ended.err.splitlines()]
    seen = [(line["event"], line["index"], line["total"], line["step"], line["kind"]) for line in lines]
    assert seen == [
        ("begin", 1, 2, "activate br0", "ActivateProfile"),
        ("done", 1, 2, "activate br0", "ActivateProfile"),
        ("begin", 2, 2, "set bond0 up", "SetLink"),
        ("done", 2, 2, "set bond0 up", "SetLink"),
    ]
    assert {line["left_s"] for line in lines} == {None}
    assert "result" in json.loads(ended.out)


def test_run_as_json_is_one_document() -> None:
    ended = call("host-setup", "--yes", "--output=json")
    document = json.loads(ended.out)
    assert sorted(document) == ["command", "commands", "plan", "result", "schema", "verify"]
    assert document["result"]["run"] == "run1"
    assert document["verify"]["ok"] is True


def test_a_difference_as_json_is_one_document_too() -> None:
    ended = call("host-setup", "--yes", "--output", "json", host=MadeUpHost(facts=DEGRADED))
    assert ended.code == 6
    assert json.loads(ended.out)["verify"]["ok"] is False
    assert "error" not in ended.err


@pytest.mark.parametrize(
    "words", ["host-setup --output json", "host-setup --output json --bridge /", "verify --output=json --x"]
)
def test_errors_as_json(words: str) -> None:
    ended = call(*words.split())
    error = json.loads(ended.out)["error"]
    assert error["exit_code"] == ended.code
    assert ended.code in (2, 3)
    assert ended.err == ""


def test_json_after_the_double_dash_is_a_name() -> None:
    ended = call("attach-domain", "--", "--output", "json")
    assert (ended.code, ended.out) == (2, "")
