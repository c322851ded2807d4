"""vmnet export: this host's bridges, bonds and VLANs as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import vmnet
from vmnet.cli import options
from vmnet.cli.output import write_exactly
from vmnet.errors import Refused
from vmnet.host.files.own_files import check_new, write_new
from vmnet.spec.file import render_spec

if TYPE_CHECKING:
    from vmnet.cli.session import Session

HELP = """Write this host's bridges, bonds and VLANs as a TOML file.

vmnet apply and vmnet diff take the file. Without FILE, it goes to the standard output. Bridges that NetworkManager did
not create, such as virbr0, are left out.
Comments name them, and each setting that the file cannot hold. To apply the file on the same host changes nothing.

\b
Examples:
  vmnet export
  vmnet export host.toml
"""


@click.command("export", help=HELP, short_help="Write this host as a file.")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False))
@options.connect_option
@click.pass_obj
def command(session: Session, *, file: str | None, uri: str) -> None:
    """Is, write."""
    if file is not None:
        check_new(Path(file))
    facts = vmnet.read_facts(uri=uri)
    spec, left = vmnet.export(facts)
    if not spec.bridges:
        raise Refused(
            "this host has no bridge that NetworkManager made", "\n".join(left) or "set one up: sudo vmnet host-setup"
        )
    lines = [f"# The bridges of {facts.hostname}, as vmnet export has found them.", *(f"# {line}" for line in left)]
    text = "\n".join(lines) + "\n\n" + render_spec(spec)
    if file is None:
        write_exactly(session, text)
    else:
        write_new(Path(file), text.encode())
