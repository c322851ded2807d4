"""nmcli's text -> fields: whatever stands in a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.host.nmcli_host import escaped
from vmnet.host.terse import Unclear, read_pairs, split_rows, split_sections

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


NAMES = {"connection": ("id", "uuid", "zone"), "ipv4": ("method",), "proxy": ("method", "pac-script")}
SECTION = st.dictionaries(st.sampled_from(list(NAMES)), st.lists(VALUES, min_size=3, max_size=3))


@given(st.lists(SECTION, min_size=1, max_size=3))
def test_sections_come_back_as_they_were(profiles: list[dict[str, list[str]]]) -> None:
    wanted, text = [], ""
    for chosen in profiles:
        sections = {
            s: dict(zip(NAMES[s], v, strict=False)) for s, v in ({"connection": ["a", "b", "c"]} | chosen).items()
        }
        text += "".join(f"{s}:{':'.join(map(escaped, v.values()))}\n" for s, v in sections.items()) + "\n"
        wanted.append({f"{s}.{key}": value for s, values in sections.items() for key, value in values.items()})
    lasts = [f"{section}.{names[-1]}" for section, names in NAMES.items()]
    wanted = [{key: value.rstrip("\n") if key in lasts else value for key, value in p.items()} for p in wanted]
    assert split_sections(text.removesuffix("\n"), lambda section, _: NAMES.get(section, ())) == wanted


@given(st.lists(st.dictionaries(st.sampled_from(["b.b", "c-c.c[1]", "d.d-D_d"]), VALUES), max_size=3))
def test_pairs_come_back_as_they_were_or_are_said_to_be_unclear(things: list[dict[str, str]]) -> None:
    things = [{"a.first": "x", "a.second": "y"} | thing for thing in things]
    text = "\n".join("".join(f"{key}:{value}\n" for key, value in thing.items()) for thing in things)
    # As with sections, newlines at the end of the last value are not told from those between things.
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
