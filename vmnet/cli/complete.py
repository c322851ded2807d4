"""What the Tab key offers where a word names something on this host."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import vmnet
from vmnet.errors import VmnetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    from vmnet import Facts


def nics(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the NICs that are not named yet."""
    named = context.params.get("nics") or ()
    return _offered(
        begun, lambda facts: (link.ifname for link in facts.links if link.hardware and link.ifname not in named)
    )


def bridges(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the bridges on NICs that are not named yet."""
    named = context.params.get("bridges") or ()
    return _offered(
        begun,
        lambda facts: (
            link.ifname
            for link in facts.links
            if link.kind == "bridge" and link.ifname not in named and facts.nics_below(link.ifname)
        ),
    )


def domains(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the domains."""
    return _offered(begun, lambda facts: (domain.name for domain in facts.domains))


def networks(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer libvirt's networks."""
    return _offered(begun, lambda facts: (network.name for network in facts.networks))


def runs(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the runs, newest first; only root may read them."""
    try:
        names = [record.run for record in vmnet.read_runs()]
    except (PermissionError, VmnetError):
        return []
    return [name for name in reversed(names) if name.startswith(begun)]


def rules(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the rules of verify and doctor."""
    return [rule for rule in vmnet.read_rules() if rule.startswith(begun)]


def _offered(begun: str, names: Callable[[Facts], Iterable[str]]) -> list[str]:
    try:
        facts = vmnet.read_facts(host=False)
    except VmnetError:
        # Somebody is typing: no message may get in between.
        return []
    # The shell puts it into the line as it is, where `$(...)` would be run.
    return [name for name in names(facts) if name.startswith(begun) and shlex.quote(name) == name]
