"""vmnet support-bundle: what others need to analyse this host."""

from __future__ import annotations

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.session import Session
from vmnet.report.findings import render_bundle
from vmnet.report.json_forms import bundle_form

HELP = """Write what others need to analyse this host, without its secrets, to a new FILE (.tar.gz).

It holds what vmnet reads from the kernel, NetworkManager and libvirt, what verify and doctor find, and the last runs.
It holds the output of ip, bridge, nft, nmcli and the journal, and versions. Of profiles and of VMs' documents, vmnet
keeps only what is known to be harmless. In all other text it replaces passwords, keys and tokens. Each file says how it
was made. Names, IP addresses and MACs stay: read it before you hand it on.

Only you can read FILE. vmnet overwrites no file, and changes nothing on the host. Without root it cannot read
everything. It lists what is missing, and the exit code stays 0.

\b
Examples:
  sudo vmnet support-bundle host1.tar.gz
  tar -xzOf host1.tar.gz | less
"""


@click.command("support-bundle", help=HELP, short_help="Gather what others need to analyse this host.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@options.connect_option
@options.output_option
@click.pass_obj
def command(session: Session, *, file: str, uri: str, output: str) -> None:
    bundle = vmnet.support_bundle(file, uri=uri)
    flow.answer(session, output, bundle_form(bundle), render_bundle(bundle))
