"""vmnet verify: --spec, --watch, --quiet and the ways to print what was found."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from prometheus_client.parser import text_string_to_metric_families

from tests import facts_samples as samples
from tests import schemas
from tests.cli.calls import DEGRADED, MadeUpHost, Terminal, call
from vmnet.runs.lock import TerminalGone
from vmnet.spec import BondSpec, HostSpec

if TYPE_CHECKING:
    from pathlib import Path

    from vmnet.facts import Facts

GOOD = samples.end_state()
SPEC = """\
[host]
nics = ["em1", "p4p1"]
address = "192.0.2.3/24"
gateway = "192.0.2.1"
dns = "192.0.2.2"
management = "p2p1"
"""


@dataclass
class Changing(MadeUpHost):
    """A host that is something else at each look, until somebody types Ctrl-C."""

    looks: list[Facts] = field(default_factory=list)
    end: type[BaseException] = KeyboardInterrupt

    def read_facts(self, **words: Any) -> Facts:
        if not self.looks:
            raise self.end
        return self.looks.pop(0)


def watch(*looks: Facts, words: str = "", end: type[BaseException] = KeyboardInterrupt, **streams: Any) -> Any:
    host = Changing(looks=list(looks), end=end, goal=samples.goal())
    return call("verify", "--watch", "0.001", *words.split(), host=host, **streams)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "host.toml"
    path.write_text(SPEC, "utf-8")
    return str(path)


def test_quiet_says_nothing_when_all_is_as_wanted() -> None:
    ended = call("verify", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_quiet_says_what_differs() -> None:
    ended = call("verify", "-q", host=MadeUpHost(facts=DEGRADED))
    assert ended.code == 6
    assert "br0" in ended.out
    assert "DIFFERS" in ended.out
    assert " ok" not in ended.out
    assert "differ from what is wanted\n" in ended.out


@pytest.mark.parametrize(("facts", "code"), [(GOOD, 0), (DEGRADED, 6)])
def test_quiet_json_is_a_document_or_nothing(facts: Facts, code: int) -> None:
    ended = call("verify", "--quiet", "--output", "json", host=MadeUpHost(facts=facts))
    assert ended.code == code
    assert bool(ended.out) is (code == 6)


@pytest.mark.parametrize(("facts", "code"), [(GOOD, 0), (DEGRADED, 6)])
def test_junit(facts: Facts, code: int) -> None:
    ended = call("verify", "--output", "junit", host=MadeUpHost(facts=facts))
    assert ended.code == code
    assert (int(etree.fromstring(ended.out.encode()).get("failures", "")) > 0) is (code == 6)


@pytest.mark.parametrize(("facts", "code"), [(GOOD, 0), (DEGRADED, 6)])
def test_prometheus(facts: Facts, code: int) -> None:
    ended = call("verify", "--output", "prometheus", host=MadeUpHost(facts=facts))
    values = {family.name: family.samples[0].value for family in text_string_to_metric_families(ended.out)}
    assert ended.code == code
    assert values["vmnet_verify_ok"] == (code == 0)


def test_watch_in_a_pipe_prints_what_changes_with_the_time() -> None:
    ended = watch(GOOD, GOOD, DEGRADED, DEGRADED, GOOD)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \S", line) for line in lines)
    said = [line[22:] for line in lines]
    assert re.fullmatch(r"all \d+ checks are as wanted", said[0])
    assert said[1].startswith("DIFFERS  bridge.link br0 (")
    assert re.fullmatch(r"\d+ of \d+ checks differ from what is wanted", said[2])
    assert said[3].startswith("ok       bridge.link br0 (")
    assert said[4] == said[0]
    assert len(said) == 5


def test_the_exit_code_of_watch_is_that_of_the_last_look() -> None:
    assert watch(DEGRADED, GOOD).code == 0
    assert watch(GOOD, DEGRADED).code == 6


def test_a_watch_that_ends_before_the_first_look_was_interrupted() -> None:
    assert watch().code == 130


def test_a_watch_whose_terminal_is_gone_ends() -> None:
    assert watch(GOOD, end=TerminalGone).code == 129


def test_quiet_watch_says_nothing_until_something_differs() -> None:
    assert watch(GOOD, GOOD, words="--quiet").out == ""
    assert "DIFFERS" in watch(GOOD, DEGRADED, words="--quiet").out


def test_watch_as_json_is_a_document_a_line() -> None:
    ended = watch(GOOD, GOOD, DEGRADED, GOOD, words="--output json")
    documents = [json.loads(line) for line in ended.out.splitlines()]
    assert [document["ok"] for document in documents] == [True, False, True]
    assert all(document["time"].endswith("Z") for document in documents)
    assert watch(GOOD, words="--output json --quiet").out == ""


def test_watch_on_a_terminal_draws_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "100")
    out = watch(GOOD, DEGRADED, stdout=Terminal(), environ={"TERM": "xterm", "NO_COLOR": "1"}).out
    assert out.count("\x1b[H") == 2
    assert "every 0.001 s" in out
    assert "checks are as wanted" in out
    assert "\x1b[1m" not in out


def test_a_picture_that_does_not_fit_shows_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "12")
    assert watch(GOOD, stdout=Terminal(), environ={"TERM": "xterm"}).out.count("\n") < 12
    broken = samples.without_link(GOOD, "bond0")
    drawn = watch(broken, stdout=Terminal(), environ={"TERM": "xterm"}).out
    assert drawn.count("\n") == 11
    assert "more lines: vmnet verify --quiet" in drawn


def test_a_dumb_terminal_gets_lines() -> None:
    assert "\x1b" not in watch(GOOD, stdout=Terminal(), environ={"TERM": "dumb"}).out


def test_watch_without_a_number_takes_its_own() -> None:
    ended = call("verify", "--watch", "--quiet", host=Changing(looks=[]))
    assert ended.code == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--watch --output junit", "--watch cannot be combined with --output junit"),
        ("--watch=1 --output prometheus", "--watch cannot be combined with --output prometheus"),
        ("--quiet --output prometheus", "--quiet cannot be combined with --output prometheus"),
        ("--watch 0", "0"),
        ("--spec /nonexistent.toml", "/nonexistent.toml: No such file"),
    ],
)
def test_what_does_not_go_together(words: str, said: str) -> None:
    ended = call("verify", *words.split())
    assert ended.code == 2
    assert said in ended.err
    assert ended.host.reads == []


def test_a_host_as_the_file_says(spec: str) -> None:
    ended = call("verify", "--spec", spec)
    assert ended.code == 0, ended.out


@pytest.mark.parametrize("more", ["--bridge br0", "--network lan"])
def test_a_file_and_names_do_not_go_together(more: str, spec: str) -> None:
    ended = call("verify", "--spec", spec, *more.split())
    assert (ended.code, ended.host.reads) == (2, [])


def test_a_file_counts_more_than_the_last_run(spec: str, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(SPEC.replace("192.0.2.3", "192.0.2.33"), "utf-8")
    host = MadeUpHost(goal=samples.goal())
    assert call("verify", "--spec", spec, host=host).code == 0
    ended = call("verify", "--spec", str(other), host=host)
    assert ended.code == 6
    assert "192.0.2.33/24" in ended.out


def test_a_wrong_file_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "host.toml"
    path.write_text("[host]\nnic = 'em1'\n", "utf-8")
    for words in (("verify",), ("host-setup", "--plan")):
        ended = call(*words, "--spec", str(path))
        assert (ended.code, ended.host.reads) == (2, [])
        assert f"error: {path}: host.nic: " in ended.err
        assert "hint: did you mean nics?" in ended.err


def test_host_setup_takes_the_same_file_and_options_win(spec: str) -> None:
    ended = call("host-setup", "--plan", "--spec", spec, "--mode", "active-backup", "--no-network", "--mtu", "9000")
    (asked_spec,) = ended.host.specs
    assert isinstance(asked_spec, HostSpec)
    (asked,) = asked_spec.bridges
    assert asked.nics == ("em1", "p4p1")
    assert asked.address is not None
    assert asked.bond == BondSpec(mode=asked.bond.mode) if asked.bond else False
    assert (asked.bond and asked.bond.mode.value, asked.network, asked.mtu) == ("active-backup", None, 9000)
    (asked_spec,) = call("host-setup", "em7", "--plan", "--no-bond", "--spec", spec).host.specs
    assert isinstance(asked_spec, HostSpec)
    assert (asked_spec.bridges[0].nics, asked_spec.bridges[0].bond, asked_spec.management) == (("em7",), None, "p2p1")


def test_every_document_of_a_watch_has_its_schema() -> None:
    """`call` looks at whole documents; here each line is one."""
    for line in watch(GOOD, DEGRADED, words="--output json").out.splitlines():
        schemas.check_text(line)
