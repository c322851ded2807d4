"""The layers, budgets and habits of docs/architecture.md, read off the source with `ast`."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vmnet"

# Downward only. Modules of one layer may use each other, but for the pairs in APART.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"vmnet"},  # vmnet/__init__.py, the public API
    {"bundle", "drawing"},
    {"report"},
    {"runs"},
    {"host", "plan", "checks"},
    {"documents", "redact"},
    {"spec", "facts"},
    {"fields", "names", "lines", "shell_words"},
    {"errors"},
]
APART = {("plan", "host"), ("host", "plan"), ("checks", "host"), ("host", "checks")}

# Who quotes words for a shell: commands to paste, and the scripts.
SHELL = (
    "vmnet.shell_words", "vmnet.plan.shell", "vmnet.plan.shell_answers", "vmnet.plan.steps",
    "vmnet.plan.steps.domains", "vmnet.plan.steps.networks", "vmnet.report.host_script", "vmnet.runs.undo_script",
)  # fmt: skip

# Who alone may import what.
ONLY_IN = {
    "click": ("vmnet.cli",),
    "rich": ("vmnet.cli", "vmnet.report"),
    "lxml": ("vmnet.documents", "vmnet.report.monitoring"),
    "libvirt": ("vmnet.host",),
    "pyroute2": ("vmnet.host",),
    # What follows SHELL takes apart what others have quoted, or looks for it.
    "shlex": (*SHELL, "vmnet.host.lan.probes", "vmnet.redact.values", "vmnet.cli.complete"),
    "subprocess": ("vmnet.host.process",),
}
PURE = ("plan", "checks", "report", "documents", "redact", "facts", *chain(*LAYERS[-4:]))
IMPURE = {"os", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "time"}
LAZY = {"libvirt", "libvirt_qemu", "lxml", "pyroute2", "rich"}
# Who may load modules by name: when they are first needed, so that `vmnet --help` starts fast, or all rules.
LOADERS = {"vmnet", "vmnet.cli.commands", "vmnet.checks.rules"}

MODULE_LINES = 400
FUNCTION_LINES = 40
NESTING = 3
NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

Found = list[str]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def is_python(path: Path) -> bool:
    return path.suffix == ".py" or (path.suffix == "" and "python" in path.read_text("utf-8").split("\n", 1)[0])


def files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py") if not path.is_symlink())
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and is_python(path)]
    return sorted({*found, *(scripts if "scripts" in folders else [])})


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in files("vmnet")}
OURS = files("vmnet", "tests", "scripts")


def part_of(module: str) -> str:
    """The name that LAYERS knows: `plan` of `vmnet.plan.steps`."""
    return module.split(".")[1] if "." in module else module


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """As ast.walk, without what only a type checker sees."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield from walk(child)


def is_load(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}


def imported(node: ast.AST, module: str) -> list[str]:
    """The modules that an import names; `from vmnet.plan import steps` names vmnet.plan.steps."""
    if isinstance(node, ast.Call) and is_load(node):
        return [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        is_package = MODULES[module].name == "__init__.py"
        above = module.split(".")[: len(module.split(".")) - node.level + is_package]
        base = ".".join([*above, base] if base else above)
    return [name if (name := f"{base}.{alias.name}") in MODULES else base for alias in node.names]


def imports(module: str, nodes: Callable[[ast.AST], Iterable[ast.AST]] = walk) -> set[str]:
    return {name for node in nodes(tree(MODULES[module])) for name in imported(node, module)}


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def test_every_module_has_a_layer() -> None:
    assert {part_of(module) for module in MODULES} <= set().union(*LAYERS)


def test_imports_go_downward() -> None:
    layer_of = {part: number for number, parts in enumerate(LAYERS) for part in parts}
    wrong: Found = []
    for module in MODULES:
        mine = part_of(module)
        for name in imports(module) & MODULES.keys():
            theirs = part_of(name)
            if layer_of[theirs] < layer_of[mine] or (mine, theirs) in APART:
                wrong.append(f"{module} imports {name}")
    assert not wrong


def test_no_import_cycle() -> None:
    # Those that only a type checker sees count as well: two modules that need each other's names are one.
    graph = {module: imports(module, ast.walk) & MODULES.keys() - {module} for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


@pytest.mark.parametrize("thing", ONLY_IN)
def test_one_door_for_each_thing(thing: str) -> None:
    doors = ONLY_IN[thing]
    users = [module for module in MODULES if thing in {name.split(".")[0] for name in imports(module)}]
    assert [user for user in users if not f"{user}.".startswith(tuple(f"{door}." for door in doors))] == []


def test_what_is_pure_has_no_way_out() -> None:
    used = {m: {name.split(".")[0] for name in imports(m)} & IMPURE for m in MODULES if part_of(m) in PURE}
    assert {module: names for module, names in used.items() if names} == {}


def test_function_level_imports_are_lazy_heavy_ones() -> None:
    wrong: Found = []
    for module, path in MODULES.items():
        functions = (node for node in walk(tree(path)) if isinstance(node, FUNCTIONS))
        for node in {within for function in functions for within in walk(function)}:
            if not is_load(node) and {name.split(".")[0] for name in imported(node, module)} - LAZY:
                wrong.append(f"{where(path, node)}: {ast.unparse(node)}")
    assert not wrong


def test_only_the_loaders_import_by_name() -> None:
    assert {module for module, path in MODULES.items() if any(map(is_load, ast.walk(tree(path))))} <= LOADERS


def test_module_lines() -> None:
    shell = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    lengths = {path: path.read_text("utf-8").count("\n") for path in [*OURS, *shell]}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MODULE_LINES} == {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From `def` to the end, the docstring left out."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_function_lines() -> None:
    functions = ((path, node) for path in OURS for node in ast.walk(tree(path)) if isinstance(node, FUNCTIONS))
    lengths = {f"{where(path, node)} {node.name}": body_lines(node) for path, node in functions}
    assert {function: n for function, n in lengths.items() if n > FUNCTION_LINES} == {}


def depth(node: ast.AST) -> int:
    """Levels of nesting below and with `node`; elif is no level, and a function within starts anew."""
    nested = 0
    for field, value in ast.iter_fields(node):
        children = [child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)]
        elif_ = field == "orelse" and isinstance(node, ast.If) and [*map(type, children)] == [ast.If]
        for child in children:
            if not isinstance(child, FUNCTIONS):
                nested = max(nested, depth(child) - elif_)
    return nested + isinstance(node, NESTS)


def test_nesting() -> None:
    scopes = ((path, node) for path in OURS for node in ast.walk(tree(path)))
    deep = [
        f"{where(path, node)}: {depth(node)}"
        for path, node in scopes
        if isinstance(node, (*FUNCTIONS, ast.Module)) and depth(node) > NESTING
    ]
    assert not deep


def is_broad(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        caught = node.type
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        caught = ast.Tuple(elts=node.args)
    else:
        return False
    names = {part.id for part in ast.walk(caught) if isinstance(part, ast.Name)} if caught else {"Exception"}
    return not names.isdisjoint({"Exception", "BaseException"})


def test_broad_excepts_are_where_they_belong() -> None:
    # cli: where a bug becomes an exit code. errors.attempt: what undos and optional readers go through.
    broad = [part_of(module) for module, path in MODULES.items() for node in ast.walk(tree(path)) if is_broad(node)]
    assert sorted(broad) == ["cli", "errors"]


@pytest.mark.parametrize("part", ["host", "documents", "redact"])
def test_lines_of_outside_text_end_at_newlines_only(part: str) -> None:
    # str.splitlines() also splits at U+2028 and others, which may stand in a name: vmnet.lines.lines_of does not.
    users = [
        where(path, node)
        for module, path in MODULES.items()
        if part_of(module) == part
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "splitlines"
    ]
    assert users == []


def test_no_shell() -> None:
    shells = [
        f"{where(path, node)}: {ast.unparse(node)}"
        for path in OURS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        if ast.unparse(node.func) in {"os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
        or any(keyword.arg == "shell" for keyword in node.keywords)
    ]
    assert not shells


def test_xml_is_a_folder_of_documents() -> None:
    assert (PACKAGE / "xml").is_symlink()
    assert [path.name for path in (ROOT / "xml").glob("*.py")] == []  # it would shadow the standard library's xml


def test_tests_are_packages() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize(
    ("source", "levels"),
    [
        ("if a:\n  b\nelif c:\n  d\nelif e:\n  f\nelse:\n  g", 1),
        ("for a in b:\n  try:\n    if c:\n      with d:\n        e\n  finally:\n    f", 4),
        ("match a:\n  case 1:\n    if b:\n      c", 2),
        ("if a:\n  def f():\n    if b:\n      c", 1),
    ],
)
def test_depth_counts_as_people_do(source: str, levels: int) -> None:
    assert depth(ast.parse(source)) == levels


@pytest.mark.parametrize(
    ("source", "broad"),
    [
        ("try:\n  a\nexcept:\n  b", True),
        ("try:\n  a\nexcept (OSError, Exception) as e:\n  b", True),
        ("with contextlib.suppress(BaseException):\n  a", True),
        ("try:\n  a\nexcept OSError:\n  b", False),
    ],
)
def test_broad_excepts_are_seen(source: str, broad: bool) -> None:
    assert any(is_broad(node) for node in ast.walk(ast.parse(source))) is broad


FOLDER_MODULES = 13
LIKE_THINGS = {"cli", "checks/rules"}
"""Folders with a file for each command or subject: they may have more."""


def test_folder_modules() -> None:
    folders = {path.parent for path in MODULES.values()}
    numbers = {str(folder.relative_to(PACKAGE)): len(list(folder.glob("[!_]*.py"))) for folder in folders}
    assert {name: n for name, n in numbers.items() if n > FOLDER_MODULES and name not in LIKE_THINGS} == {}


def test_the_docs_name_files_that_exist() -> None:
    path = re.compile(r"`([a-z_]+/[\w/]+\.(?:py|sh))`")
    named = {name for page in (ROOT / "docs").glob("*.md") for name in path.findall(page.read_text("utf-8"))}
    assert [name for name in named if not ((PACKAGE / name).exists() or (ROOT / name).exists())] == []
