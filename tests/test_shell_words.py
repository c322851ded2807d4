"""Commands to paste: only one module puts them together, and nobody else spells one around a name."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.test_architecture import MODULES, SHELL, tree, where
from vmnet.checks.findings import Finding
from vmnet.plan.steps import Call
from vmnet.shell_words import command, in_turn, last, pipe, remark, root, virsh_domain, write

if TYPE_CHECKING:
    from collections.abc import Iterator

# A command, or an option, in a text up to where a name would come.
SPELT_COMMAND = re.compile(
    r"""(^|[\s(`'"|&])(
    sudo | virsh | busctl\ (call|get-property) | findmnt | df | du
    | nmcli\ (--?\S+\ )*(connection|device|general) | ip\ (-\S+\ )*(link|address|route)
    | bridge\ (-\S+\ )*(vlan|link|fdb|mdb) | systemctl | journalctl | ovs-vsctl | nft | ip6?tables | ebtables
    | firewall-cmd | ethtool | tcpdump | sysctl | udevadm | netplan | networkctl | apt | cat | ls | mkdir | chmod
    | chown | mv | rm | sed | tee | echo | printf | editor | tar | sh
    | vmnet\ (host-setup|attach-domain|migrate-from-virbr0|undo|follow|confirm|runs|verify|doctor|status|support-bundle)
    )\s[^;:,()]*$ | [^=]--[a-z-]+[ =]$ | ^--[a-z-]+[ ]$""",
    re.VERBOSE,
)
# Names of runs and units, which vmnet makes up itself, and directories of root's; an option of a few choices.
SAFE = {
    "vmnet.runs.carry_out": ("journal.run", "where"),
    "vmnet.runs.follow": ("journal.run", "other.run", "unit.name_of(journal.run)"),
    "vmnet.runs.worker_files": ("unit",),
    "vmnet.runs.records.journal": ("script",),
    "vmnet.runs.run": ("journal.run",),
    "vmnet.cli.verify": ("output",),
}


def calls(module: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(MODULES[module])) if isinstance(node, ast.Call))


def test_no_other_module_makes_a_command() -> None:
    makers = [
        f"{where(MODULES[module], call)}: {ast.unparse(call)}"
        for module in MODULES
        if module != "vmnet.shell_words"
        for call in calls(module)
        if re.match(r"(shell_words\.)?Command\(|(typing\.)?cast\('?Command", ast.unparse(call))
    ]
    assert not makers


def test_a_text_is_no_command() -> None:
    words: dict[str, Any] = dict.fromkeys(("rule", "layer", "subject", "wanted", "seen", "source"), "")
    name = "br0; touch x"
    # The test is mypy's: it must find these wrong, or the comments are superfluous, which it says as well.
    Finding(ok=False, shown_by=f"ip link show {name}", **words)  # type: ignore[arg-type]
    Finding(ok=False, fix=(f"ip link delete {name}",), **words)  # type: ignore[arg-type]
    Call(call="", virsh=f"virsh start {name}")  # type: ignore[arg-type]


def pieces(node: ast.AST) -> list[ast.AST]:
    """What a text is put together of."""
    match node:
        case ast.JoinedStr(values=values):
            return [piece for value in values for piece in pieces(value)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*pieces(left), *pieces(right)]
        case ast.FormattedValue(value=value):
            return [value]
    return [node]


def spelt(node: ast.AST, safe: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the places of a text at which something is put into a command that is spelt out."""
    before = ""
    for piece in pieces(node):
        if isinstance(piece, ast.Constant):
            before += str(piece.value)
            continue
        if SPELT_COMMAND.search(before) and ast.unparse(piece) not in safe:
            yield f"{before}{ast.unparse(piece)}"
        before += "NAME"


def test_no_text_spells_a_command_around_a_name() -> None:
    found = [
        f"{where(path, node)}: {text}"
        for module, path in MODULES.items()
        if module not in SHELL
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.JoinedStr, ast.BinOp))
        for text in spelt(node, SAFE.get(module, ()))
    ]
    assert not found


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ('f"start it: virsh net-start {name}"', True),
        ('f"put it back: sudo ip link set dev {tap} up, or start it"', True),
        ('"take it out with virsh edit " + name', True),
        ('f"use --displace {name}"', True),
        ('f"the bridge {name} is down: vmnet host-setup"', False),
        ('f"start it: {start}, or look at {name}"', False),
        ('f"--only={name}"', False),  # a word on its own, which is quoted as a whole
    ],
)
def test_spelt_commands_are_seen(source: str, seen: bool) -> None:
    assert bool([*spelt(ast.parse(source, mode="eval").body)]) is seen


def test_words() -> None:
    assert command("ip", "link", "show", "dev", "br0") == "ip link show dev br0"
    assert command("a b", "", "it's", "$(x)") == """'a b' '' 'it'"'"'s' '$(x)'"""
    assert command("x", "a\nb'c", "\u2028") == r'''x "$(printf 'a\012b\047c')" "$(printf '\342\200\250')"'''
    assert pipe(command("a"), root("tee", "-x")) == "a | sudo tee -x"
    assert write("/etc/x", "[Unit]", "a b") == r"printf '%s\n' '[Unit]' 'a b' | sudo tee /etc/x"
    assert remark(command("a"), "one\nsudo two\u2028three\tfour") == r"a    # one\nsudo two\u2028three four"
    assert last("-x") == ("--", "-x")


@pytest.mark.parametrize("name", ["ends\n", "a\0b", "\ud800"])
def test_what_no_shell_can_be_given_is_a_comment(name: str) -> None:
    for line in (command("a", name), root("a", name), in_turn(command("b"), command("a", name)), write("/x", name)):
        assert line.startswith("# cannot be typed: ")
        assert line.isprintable()


def test_a_line_of_a_file_is_one() -> None:
    assert write("/etc/qemu/bridge.conf", "allow br0\nallow all").startswith("# ")


@pytest.mark.parametrize(
    ("name", "clear"),
    [
        ("web01", True), ("win 10", True), ("7", False), (" 7", False), ("+7", False), ("-x", False), ("7a", True),
        ("00000000-0000-4000-8000-000000000202", False), ("00000000000040008000000000000202", False),
    ],
)  # fmt: skip
def test_virsh_takes_some_names_for_something_else(name: str, clear: bool) -> None:
    uuid = "00000000-0000-4000-8000-000000000201"
    assert virsh_domain(name, uuid) == (name if clear else uuid)
