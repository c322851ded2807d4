"""vmnet support-bundle: what a helper elsewhere needs to know of this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vmnet.cli import flow, options
from vmnet.cli.output import show
from vmnet.report.bundle import render_bundle
from vmnet.report.json_forms import bundle_form

if TYPE_CHECKING:
    from vmnet.cli.session import Session

HELP = """Write what a helper elsewhere needs to know of this host, without its secrets, to a new FILE (.tar.gz).

In it are what vmnet reads of the kernel, NetworkManager and libvirt, what verify finds, the last runs, what ip, bridge,
nft, nmcli and the journal say, and versions. Of profiles and of VMs' documents only what is known to be harmless is
kept; in all else passwords, keys and tokens are replaced. Each file says how it was made. Names, IP addresses and MACs
stay: look it through before you hand it on.

Only you can read FILE, and no file is written over. Without root some of it cannot be read; that is listed, and changes
no exit code. Nothing on the host is changed.

\b
Examples:
  sudo vmnet support-bundle host1.tar.gz
  tar -xzOf host1.tar.gz | less
"""


@click.command("support-bundle", help=HELP, short_help="Gather what a helper needs to know.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@options.connect_option
@options.output_option
@click.pass_obj
def command(session: Session, *, file: str, uri: str, output: str) -> None:
    """Gather, report."""
    bundle = session.api.support_bundle(file, uri=uri)
    if output == "json":
        flow.write_json(session, bundle_form(bundle))
    else:
        show(session, render_bundle(bundle))
