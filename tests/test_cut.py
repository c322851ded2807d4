"""Pings -> gaps -> the table and the verdict of `scripts/bench`: pure, without a lab."""

from __future__ import annotations

import struct

import pytest

from tests.lab.bench import CELLS, Run, missed, table
from tests.lab.cut import Cut, Gap, Ping, find_cut, parse_pings
from tests.lab.pinger import request
from tests.lab.ways import WAYS

NO_CUT = Cut(sent=4000, lost=0, gaps=())


def cut_of(ms: float) -> Cut:
    lost = int(ms / 5)
    return Cut(sent=4000, lost=lost, gaps=(Gap(at_s=1, ms=ms, sent=lost + 1, lost=lost),))


def pings(*answers: float | None) -> list[Ping]:
    """Pings 5 ms apart; each answer is that many milliseconds late."""
    sent = [1000 + number * 0.005 for number in range(len(answers))]
    return [
        Ping(sent=at, answered=None if late is None else at + late / 1000)
        for at, late in zip(sent, answers, strict=True)
    ]


def run(cell: str, way: str, cut: Cut, *, code: int = 0, after: str = "172.16.4.3") -> Run:
    return Run(release="bookworm", cell=cell, way=way, code=code, before="172.16.4.3", after=after, cut=cut)


def test_the_lines_of_the_pinger() -> None:
    text = "0 1000.000000 1000.000700\n1 1000.005000 -\n"
    assert parse_pings(text) == [Ping(sent=1000.0, answered=1000.0007), Ping(sent=1000.005, answered=None)]


def test_every_ping_answered_in_time_is_no_cut() -> None:
    assert find_cut(pings(*[1.0] * 100)) == Cut(sent=100, lost=0, gaps=())


def test_lost_pings_make_a_cut_from_the_last_answer_to_the_next() -> None:
    cut = find_cut(pings(*[1.0] * 10, *[None] * 20, *[1.0] * 10))
    assert cut.gaps == (Gap(at_s=0.046, ms=105.0, sent=21, lost=20),)
    assert (cut.lost, cut.ms, cut.late_ms) == (20, 105.0, 0)


def test_answers_that_are_late_but_come_are_noise() -> None:
    cut = find_cut(pings(*[1.0] * 10, 41.0, 36.0, 31.0, 26.0, 21.0, 16.0, 11.0, 6.0, *[1.0] * 10))
    assert (cut.lost, cut.ms, cut.late_ms) == (0, 0, 45.0)


def test_many_answers_that_come_all_at_once_are_a_cut() -> None:
    cut = find_cut(pings(*[1.0] * 10, *(101.0 - 5 * number for number in range(20)), *[1.0] * 10))
    assert (cut.lost, cut.ms, cut.late_ms) == (0, 105.0, 0)


def test_a_single_lost_ping_is_counted_though_its_gap_is_below_the_noise() -> None:
    cut = find_cut(pings(1.0, 1.0, None, 1.0, 1.0))
    assert (cut.lost, cut.gaps) == (1, ())


def test_an_address_that_never_comes_back_is_cut_to_the_end() -> None:
    cut = find_cut(pings(*[1.0] * 10, *[None] * 100))
    assert (cut.lost, cut.ms) == (100, 499.0)


def test_an_address_that_never_answers_is_cut_from_the_start() -> None:
    assert find_cut(pings(*[None] * 101)).ms == 500.0


@pytest.mark.parametrize("number", [0, 1, 65535, 65536 + 7])
def test_an_echo_request_has_a_right_checksum(number: int) -> None:
    words = struct.unpack("!4H", request(number))
    total = sum(words)
    assert (words[0], words[3]) == (0x0800, number & 0xFFFF)
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_the_table_has_a_row_for_each_way_and_a_figure_for_each_run() -> None:
    late = Cut(sent=4000, lost=0, gaps=(Gap(at_s=1, ms=21, sent=4, lost=0),))
    gone = run("individual-dhcp", "by hand", cut_of(500), after="172.16.4.120")
    assert table([run("individual-static", "vmnet", NO_CUT), run("individual-static", "vmnet", late), gone]) == (
        "| release  | cell              | way     | cut, ms | pings lost | late by up to, ms | address        |\n"
        "|----------|-------------------|---------|---------|------------|-------------------|----------------|\n"
        "| bookworm | individual-static | vmnet   | 0, 0    | 0, 0       | 0, 21             | kept           |\n"
        "| bookworm | individual-dhcp   | by hand | 500     | 100        | 0                 | kept in 0 of 1 |"
    )


FLOOR = run("lag-static", "floor", cut_of(2000))


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (run("individual-static", "vmnet", NO_CUT), ""),
        (run("individual-static", "vmnet", cut_of(20)), "4 of 4000 pings lost"),
        (run("plain-dhcp", "vmnet", NO_CUT, after="172.16.4.120"), "172.16.4.3 is now 172.16.4.120"),
        (run("plain-static", "vmnet", NO_CUT, code=4), "exit code 4"),
        (run("no-lacp", "vmnet", NO_CUT, code=4), ""),
        (run("no-lacp", "vmnet", NO_CUT), "exit code 0"),
        (run("lag-static", "vmnet", cut_of(2300)), ""),
        (run("lag-static", "vmnet", cut_of(2310)), "at most 2300 ms are allowed"),
        (run("lag-static", "by hand", cut_of(17000)), ""),
    ],
)
def test_what_misses_its_figure(mine: Run, said: str) -> None:
    problems = missed([mine, FLOOR])
    assert len(problems) == bool(said)
    assert said in "".join(problems)


def test_every_cell_names_ways_that_there_are() -> None:
    assert {way for cell in CELLS for way in cell.ways} == set(WAYS)
    assert len({cell.name for cell in CELLS}) == len(CELLS)
