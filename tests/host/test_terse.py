"""nmcli's text -> fields: whatever stands in a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.nmcli_host import NmcliHost, escaped
from vmnet.host.networkmanager.nmcli_text import Unclear, join_forms, read_pairs, split_rows

WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n"), min_size=1)
VALUES = st.text(alphabet=st.sampled_from("a:\\\n\u2028\x0b\x85 .")) | st.text()


@given(st.lists(st.tuples(WORDS, VALUES, VALUES, VALUES)))
def test_rows_come_back_as_they_were(rows: list[tuple[str, ...]]) -> None:
    text = "".join(f"{':'.join(map(escaped, row))}\n" for row in rows)
    assert split_rows(text, 4) == rows


@pytest.mark.parametrize("text", ["a", "a\n", "a:b\n", "a:b:c\na:b\n", "a:b:c", "a:b:c\nd", "a:b:c\nd:e", ":", "\\"])
def test_what_is_no_table_is_said(text: str) -> None:
    with pytest.raises(Unclear):
        split_rows(text, 3)


SETTINGS = st.dictionaries(st.sampled_from(["connection.id", "connection.x", "ipv4.a", "ipv4.b", "p-r.c"]), VALUES)
FORGED = (
    "x\nipv4",
    "x\n\nconnection",
    "x\nconnection.id:y\n",
    "\nipv4.a:z",
    "connection.x:",
    "\n",
    "\n\n",
    "",
    "a\\:b",
)


def forms(profiles: list[dict[str, str]]) -> tuple[str, str]:
    """Profiles as nmcli prints them, in pairs and in rows."""
    host = NmcliHost(profiles={str(number): profile for number, profile in enumerate(profiles)})
    which = tuple(word for uuid in host.profiles for word in ("uuid", uuid))
    texts = (host.run(("nmcli", "-t", *form, "-f", "profile", "connection", "show", *which)).stdout for form in FORMS)
    pairs, rows = texts
    return pairs, rows


FORMS: tuple[tuple[str, ...], ...] = ((), ("-m", "tabular"))


@given(st.lists(SETTINGS, max_size=4))
def test_profiles_come_back_as_they_were(profiles: list[dict[str, str]]) -> None:
    profiles = [{"connection.zone": ""} | dict(sorted(profile.items())) for profile in profiles]
    assert join_forms(*forms(profiles)) == profiles


@given(st.lists(st.sampled_from(FORGED), min_size=12, max_size=12))
def test_no_value_can_be_taken_for_another(values: list[str]) -> None:
    names = ("connection.id", "connection.x", "ipv4.a", "p-r.c")
    profiles = [dict(zip(names, values[start : start + 4], strict=True)) for start in (0, 4, 8)]
    assert join_forms(*forms(profiles)) == profiles


def test_other_profiles_in_rows_than_in_pairs_are_unclear() -> None:
    pairs, rows = forms([{"connection.id": "a\nb", "ipv4.a": "c"}, {"connection.id": "d", "ipv4.a": "e"}])
    assert join_forms("", "") == []
    more = f"{pairs}\nconnection.id:z\n"
    for wrong in (
        (pairs, ""), ("", rows), (pairs.replace("c", "x"), rows), (pairs, rows.replace("e", "")), (more, rows),
        (pairs, f"{rows}\nconnection:z\n"), (pairs[:-1], rows),
    ):  # fmt: skip
        with pytest.raises(Unclear, match="other profiles"):
            join_forms(*wrong)


@given(st.lists(st.dictionaries(st.sampled_from(["b.b", "c-c.c[1]", "d.d-D_d"]), VALUES), max_size=3))
def test_pairs_come_back_as_they_were_or_are_said_to_be_unclear(things: list[dict[str, str]]) -> None:
    things = [{"a.first": "x", "a.second": "y"} | thing for thing in things]
    text = "\n".join("".join(f"{key}:{value}\n" for key, value in thing.items()) for thing in things)
    # Newlines at the end of the last value are not told from those between things.
    ends = [next(reversed(thing)) for thing in things]
    wanted = [thing | {end: thing[end].rstrip("\n")} for thing, end in zip(things, ends, strict=True)]
    if any("\n" in value for thing in wanted for value in thing.values()):
        with pytest.raises(Unclear):
            read_pairs(text, "a.first", "a.second")
    else:
        assert read_pairs(text, "a.first", "a.second") == wanted


@pytest.mark.parametrize(
    "value",
    ["x\na.second:z", "x\n\na.first:n\na.second:z", "x\n", "\n", "x\ny", "x\nb.b:y", "x\na.first:y\na.second:y"],
)
def test_a_forged_pair_is_unclear(value: str) -> None:
    with pytest.raises(Unclear):
        read_pairs(f"a.first:{value}\na.second:y\nb.b:z\n", "a.first", "a.second")
