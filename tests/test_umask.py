"""What vmnet writes has a mode of its own, whatever the caller's umask is."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.test_architecture import MODULES, tree, where

ELSEWHERE = {
    "vmnet.host.graphviz",  # in a directory of its own, which only its owner may enter
    "vmnet.runs.unit",  # the command line sees to it that others cannot write what it writes
}


def is_without_mode(node: ast.AST) -> bool:
    """Whether a call makes a file or directory whose mode the umask decides."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    match ast.unparse(node.func).split(".")[-1]:
        case "write_text" | "write_bytes" | "makedirs" | "mkfifo":
            return True
        case "mkdir" | "touch":
            return "mode" not in keywords or "parents" in keywords
        case "open" if ast.unparse(node.func) == "os.open":
            return "O_CREAT" in ast.unparse(node) and len(node.args) < 3
        case "open":
            how = [arg for arg in (*node.args[:1], keywords.get("mode")) if isinstance(arg, ast.Constant)]
            return "fileobj" not in keywords and any(not {*str(arg.value)}.isdisjoint("wax") for arg in how)
        case _:
            return False


def test_what_is_written_has_a_mode() -> None:
    ours = {module: path for module, path in MODULES.items() if module not in ELSEWHERE}
    assert [where(path, n) for path in ours.values() for n in ast.walk(tree(path)) if is_without_mode(n)] == []


@pytest.mark.parametrize(
    ("source", "without"),
    [
        ("path.write_text('x')", True),
        ("path.open('w')", True),
        ("path.open(mode='a')", True),
        ("path.open('rb')", False),
        ("os.open(path, os.O_WRONLY | os.O_CREAT)", True),
        ("os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)", False),
        ("path.mkdir(exist_ok=True)", True),
        ("path.mkdir(mode=0o700, parents=True)", True),
        ("path.mkdir(mode=0o700)", False),
        ("tarfile.open(fileobj=file, mode='w')", False),
    ],
)
def test_what_has_no_mode_is_seen(source: str, without: bool) -> None:
    assert any(is_without_mode(node) for node in ast.walk(ast.parse(source))) is without


@pytest.mark.process
@pytest.mark.parametrize(("given", "left"), [(0o000, 0o022), (0o002, 0o022), (0o077, 0o077)])
def test_the_command_line_lets_others_write_nothing(given: int, left: int) -> None:
    code = (
        f"import os; os.umask({given}); from vmnet.cli import main; main(['--version']); raise SystemExit(os.umask(0))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30, capture_output=True).returncode == left
