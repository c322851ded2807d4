"""vmnet status: the host as a tree on one screen, or as a picture."""

from __future__ import annotations

from pathlib import Path

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.output import show, write_exactly
from vmnet.cli.session import Session
from vmnet.errors import SpecError
from vmnet.host.files.own_files import write_over
from vmnet.report.json_forms import status_form
from vmnet.report.pictures.status_dot import render_dot
from vmnet.report.pictures.status_mermaid import render_mermaid
from vmnet.report.pictures.status_text import render_status
from vmnet.report.screen import Line

HELP = """Show the host as a tree, or draw it: switch, NICs, bond, bridge, networks, VMs with taps and addresses, the
management link, and the VMs that are still behind NAT.

A mark shows where verify finds a difference; vmnet doctor says what to type. Of many VMs, only those in trouble are
listed. --picture needs Graphviz. An SVG file follows the reader's light or dark screen. An HTML file also has a search
box; it loads nothing. status changes nothing and needs no root. It lists what it cannot read without root.

\b
Examples:
  vmnet status
  vmnet status --all
  vmnet status --picture host.html
  vmnet status --output mermaid > host.mmd
"""

FORMS = ("svg", "png", "html")
_BRANCH = "├"


@click.command("status", help=HELP, short_help="Show the host as a tree, or draw it.")
@click.option("--all", "every", is_flag=True, help="List every VM, even if there are many.")
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the host into FILE.svg, FILE.png or FILE.html. An existing file is replaced.",
)
@options.connect_option
@options.output_options(
    *("text", "json", "dot", "mermaid"), help_text="Format: a tree, JSON, or a graph for Graphviz (dot) or Mermaid."
)
@click.pass_obj
def command(session: Session, *, every: bool, picture: Path | None, uri: str, output: str) -> None:
    form = _form(picture) if picture else ""
    facts = vmnet.read_facts(uri=uri)
    topology = vmnet.status(vmnet.last_goals(), facts)
    if picture:
        write_over(picture, vmnet.draw(topology, form, every=every), 0o644)
    if output == "json":
        flow.write_json(session, status_form(topology))
    elif output == "dot":
        write_exactly(session, render_dot(topology, every=every).dot)
    elif output == "mermaid":
        write_exactly(session, render_mermaid(topology, every=every))
    elif picture:
        show(session, [Line(f"the picture is in {picture}")])
    else:
        show(session, render_status(topology, every=every, ascii_only=_ascii_only(session)))


def _form(picture: Path) -> str:
    form = picture.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise SpecError(
            f"the name of the picture does not say its format: {picture}", "use a name that ends in .svg, .png or .html"
        )
    return form


def _ascii_only(session: Session) -> bool:
    """Whether the terminal's encoding lacks the branches of the tree."""
    try:
        _BRANCH.encode(getattr(session.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return True
    return False
