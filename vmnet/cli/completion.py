"""vmnet completion: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from vmnet.cli.commands import COMPLETE_VARIABLE
from vmnet.cli.session import Session

HELP = """Print the completion script of a shell.

\b
Examples:
  source <(vmnet completion bash)
  vmnet completion bash | sudo tee /etc/bash_completion.d/vmnet
  vmnet completion fish > ~/.config/fish/completions/vmnet.fish
"""


@click.command("completion", help=HELP, short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print click's script, without the check of the shell's version that would start a process."""
    session: Session = context.obj
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "vmnet", COMPLETE_VARIABLE)
    session.stdout.write(script.source_template % script.source_vars())
