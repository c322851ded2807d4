"""The package installs the ways that README says, brings its documents along, and starts fast."""

import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import vmnet

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
DOCUMENTS = {path.name for path in (ROOT / "xml").glob("*.xml")}
DEBIAN_PYTHON = "/usr/bin/python3"
PACKAGED = "import importlib.resources as r; print(*(p.name for p in (r.files('vmnet') / 'xml').iterdir()))"
LOOPBACK = """
from vmnet.host.kernel.netlink import read_addresses, read_links, read_routes
print([link for link in read_links() if link.ifname == "lo"])
print([address for address in read_addresses() if address.ifname == "lo"])
print(len(read_routes()) >= 0)
"""
NEWEST = ("click", "lxml", "pyroute2", "rich")
TESTS_USE = ("pytest", "hypothesis", "jsonschema", "junitparser", "prometheus-client")

# `vmnet --help` may take 60 ms of Python beyond the interpreter's own start. On a slower machine it may take as
# much more as `import click` takes more than it took where the limit was set.
HELP_LIMIT_MS = 60
CLICK_THERE_MS = 24
HELP = """
import sys
sys.argv = ["vmnet", "--help"]
try:
    from vmnet.cli import main
    main()
finally:
    print("HEAVY:", *sorted({"libvirt", "lxml", "pyroute2", "rich"} & sys.modules.keys()))
"""


def run(argv: Sequence[str | Path], cwd: Path) -> str:
    """Run outside the source tree, without a C compiler, and without a way to another package.

    Without CI: the readers are fuzzed at length once, not again with the newest libraries.
    """
    env = {**os.environ, "CC": "/bin/false", "PYTHONDONTWRITEBYTECODE": "", "CI": ""}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind: str, source: Path, to: Path) -> Path:
    run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", to], source)
    (built,) = to.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def documents_in(wheel: Path) -> set[str]:
    names = zipfile.ZipFile(wheel).namelist()
    return {Path(name).name for name in names if name.startswith("vmnet/xml/")}


def test_the_wheel_carries_the_documents(wheel: Path) -> None:
    assert documents_in(wheel) == DOCUMENTS
    assert "vmnet/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_a_wheel_built_from_the_sdist_is_the_same(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    run(["tar", "--extract", "--file", sdist], tmp_path)
    (source,) = tmp_path.iterdir()
    again = build("wheel", source, tmp_path / "again")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_installs_on_debian_packages_alone(wheel: Path, tmp_path: Path) -> None:
    run([DEBIAN_PYTHON, "-m", "venv", "--system-site-packages", tmp_path / "venv"], tmp_path)
    bin_ = tmp_path / "venv/bin"
    run([bin_ / "python", "-m", "pip", "install", "--no-index", wheel], tmp_path)
    assert set(run([bin_ / "python", "-c", PACKAGED], tmp_path).split()) == DOCUMENTS
    assert vmnet.__version__ in run([bin_ / "vmnet", "--version"], tmp_path)


def test_newest_libraries(tmp_path: Path) -> None:
    """`pipx install .` takes these, not the distribution's (only libvirt-python stays: it would need a compiler).

    The unit tests pass with them, and netlink is read the same.
    """
    run([DEBIAN_PYTHON, "-m", "venv", "--system-site-packages", tmp_path / "venv"], tmp_path)
    python = tmp_path / "venv/bin/python"
    run([python, "-m", "pip", "install", "--upgrade", *NEWEST, *TESTS_USE], tmp_path)
    options = ("-p", "no:cacheprovider", "-m", "not lab and not process", "--ignore=tests/test_architecture.py")
    run([python, "-m", "pytest", *options], ROOT)
    assert run([python, "-c", LOOPBACK], ROOT) == run([sys.executable, "-c", LOOPBACK], ROOT)


def test_the_development_install_is_this_checkout(tmp_path: Path) -> None:
    """scripts/provision made it: `pip install --editable .[dev]` beside the distribution's packages."""
    where = run([sys.executable, "-c", "import vmnet; print(vmnet.__file__)"], tmp_path)
    assert Path(where.strip()) == ROOT / "vmnet/__init__.py"
    assert vmnet.__version__ in run([Path(sys.executable).with_name("vmnet"), "--version"], tmp_path)
    assert set(run([sys.executable, "-c", PACKAGED], tmp_path).split()) >= DOCUMENTS


def cpu_ms(code: str, cwd: Path) -> float:
    """Processor time of a Python that runs `code`, the best of seven: what else the machine does hardly counts."""
    times = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run([sys.executable, "-c", code], cwd)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times) * 1000


def test_help_is_quick(tmp_path: Path) -> None:
    start = cpu_ms("pass", tmp_path)
    click = cpu_ms("import click", tmp_path) - start
    limit = HELP_LIMIT_MS * max(1, click / CLICK_THERE_MS)
    took = cpu_ms(HELP, tmp_path) - start
    assert took <= limit, f"vmnet --help {took:.0f} ms, limit {limit:.0f} ms, import click {click:.0f} ms"


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", HELP], tmp_path).splitlines()[-1].strip() == "HEAVY:"
