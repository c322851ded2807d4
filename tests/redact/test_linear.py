"""What removes secrets takes time in proportion to the text, whatever somebody writes into a log."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmnet.facts.evidence import Evidence, Form
from vmnet.redact import documents, known, settings, values, words

SIZE = 4_000
TOKENS = (
    *"aA1_-./\\ \t\n\r\x85\u2028\u0416\"'=:,@+<>[]{}", "\\\"", "\\'", ": ", "/>", "</", "://", "<auth", "<auth ",
    "<secret>", "</auth>", "<x:auth", "psk", "psk=", "psk =", "pass", "passw", "key", "key:", "pw='", "psk=\"\\\"",
    "data=", "data='", "bearer ", "basic", "eyJ", "-eyJ", "eyJa.", "ghp_", "sk-", "xox", "AKIA", "-----BEGIN ",
    "PRIVATE KEY", "-----END ", "-----", "--password", " --password ", " -p ", " -u ", " -u \\\"", "wifi-sec.psk ",
    "authorization", "authorization:", "cookie=", "a.-_", "] ", "aB3", "[\"", "\"kind\": \"command\"",
)  # fmt: skip
TEXTS = st.tuples(
    st.sampled_from(("", *TOKENS)), st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3).map("".join)
)


def patterns() -> Iterator[tuple[str, Callable[[str], object]]]:
    modules = (documents, known, settings, values, words)
    found = ((f"{m.__name__} {name}", value) for m in modules for name, value in vars(m).items())
    for name, value in found:
        for one in (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, re.Pattern)):
            yield f"{name} {one.pattern}", lambda text, one=one: one.sub("", text)  # type: ignore[misc]
            yield f"{name} {one.pattern} as a whole", one.fullmatch


def functions() -> Iterator[tuple[str, Callable[[str], object]]]:
    yield "is_secret_name", words.is_secret_name
    yield "holds_secret", lambda text: words.holds_secret("key", text)
    yield "asks_for_secret", lambda text: words.asks_for_secret("-p", text)
    yield "without_secrets", words.without_secrets
    yield "secrets_of_keyfile", lambda text: list(known.secrets_of_keyfile(text))
    yield "secrets_of_lines", lambda text: list(values.secrets_of_lines(text))
    yield "secrets_of_document", lambda text: list(documents.secrets_of_document(f"<domain><x>{text}</x></domain>"))
    secrets = known.KnownSecrets(["two words", "aaaa", "psk=secret", "\u0416\"'\\&<> \u0416", *TOKENS])
    yield "KnownSecrets", secrets.removed_from
    for form in Form:
        yield (
            form.value,
            lambda text, form=form: values.without_secrets_in(  # type: ignore[misc]
                Evidence(name="", how="", text=text, form=form), secrets
            ),
        )


def seconds(action: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    action(text)
    return time.thread_time() - began


def test_all_patterns_are_found() -> None:
    named = {name.split()[1] for name, _ in patterns()}
    assert {"_IS_SECRET", "_VALUE", "_NAMED", "_OPTION", "_WHOLE", "_AFTER", "_SECTION", "_KEY"} <= named


@given(TEXTS)
def test_four_times_the_text_takes_four_times_as_long(text: tuple[str, str]) -> None:
    first, unit = text
    short, long = (first + unit * (size // len(unit)) for size in (SIZE, 4 * SIZE))
    for name, action in (*patterns(), *functions()):
        taken = seconds(action, long)
        # What is over at once tells nothing; a machine that is busy is asked again.
        if taken > 0.1:
            ratio = min(seconds(action, long) / max(seconds(action, short), 0.001) for _ in range(3))
            assert ratio < 8, f"{name}: {taken:.2f} s for {len(long)} letters of {first!r} and {unit!r}"


@pytest.mark.parametrize(
    "text",
    [
        "<auth " * 30_000, "-eyJ" * 50_000, "psk='" + '"\\' * 100_000, "a=\"" + "a=\\\"" * 50_000, " -u \\\"" * 40_000,
        "psk" + " " * 200_000, "<auth>" * 30_000, "://" * 60_000 + "@", "a://" + "b" * 200_000, "aB3" * 60_000 + "-",
    ],
)  # fmt: skip
def test_200_kb_take_no_time(text: str) -> None:
    assert seconds(words.without_secrets, text) < 2
