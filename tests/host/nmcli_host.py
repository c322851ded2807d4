"""A NetworkManager with profiles and devices of any kind, which prints as nmcli 1.42 and 1.52 do."""

from __future__ import annotations

from dataclasses import dataclass, field

from vmnet.errors import ToolError
from vmnet.host.process import Output

FILES = "/etc/NetworkManager/system-connections"


def escaped(value: str) -> str:
    """Escape a value as in rows; in pairs nothing is escaped."""
    return value.replace("\\", "\\\\").replace(":", "\\:")


@dataclass
class NmcliHost:
    """`profiles`: settings by uuid, as section.name -> value, in nmcli's order; `devices`: fields by link."""

    profiles: dict[str, dict[str, str]] = field(default_factory=dict)
    devices: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def add_profile(self, uuid: str, name: str, kind: str = "bridge", **settings: str) -> None:
        """Add a profile; `ipv4__method` is written for ipv4.method."""
        named = {key.replace("__", ".").replace("_", "-"): value for key, value in settings.items()}
        self.profiles[uuid] = {
            "connection.id": name, "connection.uuid": uuid, "connection.type": kind, "connection.zone": "",
            "connection.autoconnect": "no", f"{kind}.mac-address": "", "ipv4.method": "auto", "ipv4.dns": "",
            "proxy.method": "none", "proxy.pac-script": "",
        } | named  # fmt: skip

    def run(self, argv: tuple[str, ...], **_: object) -> Output:
        """Answer as `vmnet.host.process.run`."""
        self.calls.append(argv)
        match argv:
            case ("nmcli", "-t", "-f", "UUID,FILENAME,DEVICE,TYPE", "connection", "show"):
                return out("".join(f"{self._row(uuid)}\n" for uuid in self.profiles))
            case ("nmcli", "-t", "-f", "profile", "connection", "show", *which):
                return out("\n".join(self._pairs(self.profiles[uuid]) for uuid in which[1::2]))
            case ("nmcli", "-t", "-m", "tabular", "-f", "profile", "connection", "show", *which):
                return out("\n".join(self._sections(uuid) for uuid in which[1::2]))
            case ("nmcli", "-t", "-f", fields, "device", "show", *links):
                chosen = [self.devices[link] for link in links or self.devices if link in self.devices]
                return out("\n".join(self._pairs(_chosen(device, fields.split(","))) for device in chosen))
        raise ToolError(f"not known here: {argv}", argv=argv)

    def _row(self, uuid: str) -> str:
        settings = self.profiles[uuid]
        name = settings["connection.id"].replace("/", "*")
        active = ",".join(link for link, device in self.devices.items() if device.get("GENERAL.CON-UUID") == uuid)
        return f"{uuid}:{escaped(f'{FILES}/{name}.nmconnection')}:{active}:{settings['connection.type']}"

    @staticmethod
    def _pairs(values: dict[str, str]) -> str:
        return "".join(f"{key}:{value}\n" for key, value in values.items())

    def _sections(self, uuid: str) -> str:
        settings = self.profiles[uuid]
        sections = dict.fromkeys(key.partition(".")[0] for key in settings)
        rows = {s: [escaped(v) for key, v in settings.items() if key.startswith(f"{s}.")] for s in sections}
        return "".join(f"{section}:{':'.join(values)}\n" for section, values in rows.items())


def _chosen(device: dict[str, str], fields: list[str]) -> dict[str, str]:
    return {key: value for key, value in device.items() if key.startswith(tuple(fields))}


def out(text: str) -> Output:
    """A tool's output, with exit status 0."""
    return Output(exit_status=0, stdout=text, stderr="")
