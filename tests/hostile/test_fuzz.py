"""Each reader of text from outside gets 2,000 hostile inputs where CI=true, and 50 elsewhere; scripts/fuzz, more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hostile.fuzz import all_readers, broken, grows_badly, main, problems
from tests.hostile.mutate import mutants
from tests.hostile.reader import Reader

MANY = os.environ.get("CI") == "true"
COUNT, PLACES = (2000, 1) if MANY else (50, 0)


@pytest.fixture(scope="session")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return all_readers(tmp_path_factory.mktemp("machines"))


@pytest.mark.parametrize("name", all_readers(Path("unused")))
def test_no_reader_fails_or_takes_long(readers: dict[str, Reader], name: str) -> None:
    found = next(problems(readers[name], COUNT, PLACES, "0"), None)
    assert found is None, f"{found[0]}: {found[1][:400]!r}"


def test_good_inputs_are_read(readers: dict[str, Reader]) -> None:
    for reader in readers.values():
        for content in reader.seeds:
            reader.read(content)


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert list(mutants([b"a:b\n"], 50, "x")) == list(mutants([b"a:b\n"], 50, "x"))
    assert list(mutants([b"a:b\n"], 50, "x")) != list(mutants([b"a:b\n"], 50, "y"))


def test_what_is_wrong_is_found() -> None:
    def quadratic(content: bytes) -> object:
        return sum(content.find(b"y") for _ in content for _ in range(4))

    def hoard(content: bytes) -> object:
        return [object() for _ in content for _ in range(20)] and None

    def fail(content: bytes) -> object:
        return {b"a": 1}[content]

    def of(read: object) -> Reader:
        return Reader("x", (b"a",), read)  # type: ignore[arg-type]

    assert grows_badly(of(quadratic), b"x".__mul__).startswith("took")
    assert "MiB for" in grows_badly(of(hoard), b"x".__mul__)
    assert grows_badly(of(len), b"x".__mul__) == ""
    assert broken(of(fail), b"a") == ""
    assert broken(of(fail), b"b").startswith("raised KeyError")
    assert next(problems(of(fail), 10, 0, "0"))[0].startswith("raised KeyError")


def test_the_script_lists_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "iptables-save\n" in capsys.readouterr().out
    assert main(["--count", "5", "--places", "0", "ARP"]) == 0
    assert "ARP: 5 inputs" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--count", "1", "none"])
