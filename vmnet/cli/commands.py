"""The list of commands; each is loaded when it is used, so that `vmnet --help` stays quick."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import cast

import click

COMPLETE_VARIABLE = "_VMNET_COMPLETE"
"""What the completion script sets when it asks for completions."""

COMMANDS = {
    "host-setup": "Build the bridge (and the bond below it) and give it the host's address.",
    "apply": "Make this host's bridges, bonds and VLANs what a TOML file says.",
    "diff": "Show what differs from a TOML file: wanted, kernel, profile.",
    "export": "Write this host's bridges, bonds and VLANs as a TOML file.",
    "attach-domain": "Move one VM's interface onto the bridge.",
    "migrate-from-virbr0": "Move all VMs from libvirt's NAT network onto the bridge.",
    "teardown": "Remove bridges and give the address back to a NIC.",
    "verify": "Compare what is wanted with what nmcli, the kernel and libvirt show.",
    "status": "Show the host as a tree, or draw it.",
    "doctor": "Find what is wrong on this host, and say how to fix it.",
    "explain": "Explain a rule of verify and doctor.",
    "undo": "Undo the last run.",
    "follow": "Watch the run that is in progress.",
    "confirm": "Confirm a run that waits for confirmation.",
    "runs": "List the runs on this host, or show one of them.",
    "support-bundle": "Write what others need to analyse this host, without its secrets.",
    "completion": "Print the completion script of a shell.",
}
"""Each command and its line in `vmnet --help`; the module of `host-setup` is vmnet.cli.host_setup."""


def load(module: str) -> ModuleType:
    """Import a module by name when it is needed."""
    return importlib.import_module(module)


class Commands(click.Group):
    """The group of all commands; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return the command called `cmd_name`."""
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", load(f"vmnet.cli.{cmd_name.replace('-', '_')}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the commands into the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
