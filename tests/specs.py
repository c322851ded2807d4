"""A HostSpec of one bridge, from what differs from the defaults of both."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from vmnet.spec import BridgeSpec, HostSpec

_OF_BRIDGE = {field.name for field in fields(BridgeSpec)} - {"management"}


def host_spec(spec: HostSpec | None = None, /, **values: Any) -> HostSpec:
    """Return the spec (None: the default one) with these values in it, or in its one bridge; `bridge` is its name."""
    spec = HostSpec() if spec is None else spec
    if "bridge" in values:
        values["ifname"] = values.pop("bridge")
    asked = {name: value for name, value in values.items() if name in _OF_BRIDGE}
    rest = {name: value for name, value in values.items() if name not in _OF_BRIDGE}
    return replace(spec, bridges=(replace(spec.bridges[0], **asked),), **rest)
