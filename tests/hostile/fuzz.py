"""Fuzz the readers: none may raise anything but VmnetErrors, take more than linear time, or fill the memory."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.hostile.document_readers import document_readers, evidence_readers, frame_readers
from tests.hostile.file_readers import file_readers, machine_readers
from tests.hostile.mutate import growths, mutants
from tests.hostile.reader import Reader
from tests.hostile.tool_readers import firewall_readers, nmcli_readers, tool_readers
from vmnet.errors import VmnetError

ABOUT = """\
Fuzzes every reader of outside text: gives each many changed copies of good inputs, always the same ones for the same
--seed. A reader must return, or raise one of vmnet's own errors. It must take no more than linear time, and no more
than linear memory. Prints what it finds, and for each reader one line when it is done. Exit code 1 if it found
anything."""

SLOW_S = 2.0
"""Processor time that nothing of at most 64 KiB may take."""
SIZE = 1 << 15
FEW_S = 0.15
"""What takes no longer than this for 4 * SIZE bytes is quick enough, however it grows."""
FACTOR = 8.0
"""Four times the input may take so many times as long; what is quadratic takes sixteen times."""
BYTES_PER_BYTE = 200
SPARE_BYTES = 8 << 20


def all_readers(folder: Path) -> dict[str, Reader]:
    """Return every reader of text, documents and frames from outside, by its name.

    Args:
        folder: where the files of machines are made once they are read.
    """
    found = [*nmcli_readers(), *firewall_readers(), *tool_readers(), *file_readers(), *machine_readers(folder)]
    found += [*document_readers(), *frame_readers(), *evidence_readers()]
    return {reader.name: reader for reader in found}


def broken(reader: Reader, content: bytes) -> str:
    """Return what is wrong with how a reader takes an input; "" for nothing."""
    began = time.process_time()
    try:
        reader.read(content)
    except VmnetError:
        pass
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"raised {type(error).__name__}: {error}"[:300]
    took = time.process_time() - began
    return f"took {took:.1f} s" if took > SLOW_S else ""


def seconds(reader: Reader, content: bytes) -> float:
    """Return the processor time that a reader takes for an input."""
    began = time.process_time()
    said = broken(reader, content)
    if said.startswith("raised"):
        raise AssertionError(said)
    return time.process_time() - began


def grows_badly(reader: Reader, grow: Callable[[int], bytes]) -> str:
    """Return how time or memory grow faster than the input; "" where they do not."""
    small, large = grow(SIZE), grow(4 * SIZE)
    # Garbage collection goes through all objects of the process, not only those of the reader.
    gc.disable()
    try:
        for _ in range(4):
            short, long = seconds(reader, small), seconds(reader, large)
            if long < max(FEW_S, FACTOR * short):
                return _memory(reader, small)
    finally:
        gc.enable()
    return f"took {short:.3f} s for {len(small)} bytes and {long:.3f} s for {len(large)}"


def _memory(reader: Reader, content: bytes) -> str:
    tracemalloc.start()
    try:
        seconds(reader, content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    too_much = peak > BYTES_PER_BYTE * len(content) + SPARE_BYTES
    return f"took {peak >> 20} MiB for {len(content)} bytes" if too_much else ""


def problems(reader: Reader, count: int, places: int, seed: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is wrong with a reader, and the input that shows it.

    Args:
        count: how many changed inputs it gets.
        places: how many places each thing is grown at.
    """
    for content in (*reader.seeds, *mutants(reader.seeds, count, f"{seed} {reader.name}")):
        if said := broken(reader, content):
            yield said, content
    for grow in growths(reader.seeds, f"{seed} {reader.name}", places):
        if said := grows_badly(reader, grow):
            yield said, grow(200)


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz, and return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=ABOUT)
    parser.add_argument(
        "--count", type=int, default=100_000, metavar="N", help="inputs a reader (default: %(default)s)"
    )
    parser.add_argument("--places", type=int, default=10, metavar="N", help="growths a token (default: %(default)s)")
    parser.add_argument("--seed", default="0", help="another one gives other inputs (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the readers' names")
    parser.add_argument("readers", nargs="*", metavar="READER", help="by name (default: all)")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="vmnet-fuzz-") as folder:
        readers = all_readers(Path(folder))
        if given.list:
            print("\n".join(readers))
            return 0
        if unknown := set(given.readers) - readers.keys():
            parser.error(f"no such reader: {', '.join(sorted(unknown))}")
        chosen = [readers[name] for name in given.readers or readers]
        return int(sum(_report(reader, given) for reader in chosen) > 0)


def _report(reader: Reader, given: argparse.Namespace) -> bool:
    began, found = time.monotonic(), 0
    for found, (said, content) in enumerate(problems(reader, given.count, given.places, given.seed), start=1):
        print(f"{reader.name}: {said}: {content[:400]!r}", flush=True)
        if found == 20:
            break
    print(f"{reader.name}: {given.count} inputs, {time.monotonic() - began:.0f} s, {found} found", flush=True)
    return found > 0


if __name__ == "__main__":
    sys.exit(main())
