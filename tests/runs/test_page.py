"""The HTML picture in a real browser: headless Chromium, at desk and at phone width, without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from tests import facts_samples, status_samples
from vmnet.checks.status import describe_host
from vmnet.drawing import draw

pytestmark = pytest.mark.process

CHROMIUM = "chromium"
DESK, PHONE = (1400, 900), (500, 900)  # headless Chromium makes no window narrower than 500
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--virtual-time-budget=3000",
)  # fmt: skip
PROBE = """<script>
const size = document.documentElement;
const seen = {
  overflow: size.scrollWidth - size.clientWidth,
  columns: getComputedStyle(document.querySelector("main")).gridTemplateColumns.split(" ").length,
  smallest: Math.min(...[...document.querySelectorAll("#picture text")].map(e => e.getBoundingClientRect().height)),
  dimmed: document.querySelectorAll("#picture .dim").length,
  found: document.getElementById("found").innerText,
  troubles: document.getElementById("troubles").innerText,
  fetched: performance.getEntriesByType("resource").length,
};
const cell = [...document.querySelectorAll("#picture [data-thing]")].find(e => e.textContent.includes(WANTED));
cell.dispatchEvent(new MouseEvent("mouseenter"));
seen.card = document.getElementById("card").innerText;
seen.chosen = document.querySelectorAll("#picture .chosen").length;
document.body.append(Object.assign(document.createElement("pre"), { id: "seen", textContent: JSON.stringify(seen) }));
</script>"""


@pytest.fixture(autouse=True)
def chromium() -> None:
    """Skip where there is no browser to ask; a machine that tests every commit must have one."""
    if shutil.which(CHROMIUM) is None:
        must = os.environ.get("CI") and shutil.which("qemu-system-x86_64")  # what scripts/provision lab installs, too
        assert not must, "chromium is not installed: scripts/provision lab"
        pytest.skip("chromium is not installed (scripts/provision lab installs it on Debian)")


def look(page: bytes, folder: Path, size: tuple[int, int], *, wanted: str, find: str = "") -> dict[str, Any]:
    """What a browser of this size makes of the page, and of the pointer on the thing that says `wanted`."""
    file = folder / "host.html"
    probe = PROBE.replace("WANTED", json.dumps(wanted))
    file.write_text(page.decode().replace("</body>", f"{probe}</body>"), encoding="utf-8")
    window = f"--window-size={size[0]},{size[1]}"
    profile = f"--user-data-dir={folder / 'profile'}"
    url = f"file://{file}{f'#find={find}' if find else ''}"
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, window, profile, "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    seen = html.document_fromstring(done.stdout).find(".//pre[@id='seen']")
    assert seen is not None, done.stderr
    found: dict[str, Any] = json.loads(seen.text or "")
    return found


def page(facts: Any) -> bytes:
    return draw(describe_host(replace(facts_samples.goal(), vlans=()), facts), "html")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_it_fits_and_is_readable(size: tuple[int, int], tmp_path: Path) -> None:
    seen = look(page(status_samples.thirty()), tmp_path, size, wanted="shop01")
    assert seen["overflow"] <= 0
    assert seen["columns"] == (2 if size == DESK else 1)
    assert seen["smallest"] >= 9
    assert seen["dimmed"] == 0
    assert "shop01" in seen["troubles"]
    assert "vnet7 in no bridge" in seen["troubles"]
    assert seen["fetched"] == 0


def test_details_come_with_the_pointer(tmp_path: Path) -> None:
    seen = look(page(status_samples.thirty()), tmp_path, DESK, wanted="web02")
    assert seen["chosen"] == 1
    for text in ("web02", "running", "198.18.0.28", "52:54:00:00:00:08", "host-bridge vnet8"):
        assert text in seen["card"]


def test_a_domain_is_found_by_its_address_among_three_hundred(tmp_path: Path) -> None:
    seen = look(page(status_samples.three_hundred()), tmp_path, DESK, wanted="rack7-a", find="198.18.0.62")
    assert re.match(r"1 found\s+✕ mail06", seen["found"])
    assert seen["dimmed"] > 300


def test_hard_names_are_text(tmp_path: Path) -> None:
    name = "</script><b>&amp;\"'"
    seen = look(
        page(status_samples.rename(status_samples.host(2), name)), tmp_path, PHONE, wanted="em1", find="%26amp;"
    )
    assert name in seen["found"]
