"""A support bundle of a real host: what a helper needs is in it, and no secret that the host has."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.schemas import check

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

FILE, NOBODYS = "/root/host one.tar.gz", "/tmp/nobody.tar.gz"
SECRETS = {
    "psk": "correct horse battery",
    "802-1x": "tr0ub4dor&3",
    "WireGuard": "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
    "VNC": "hunter2",
    "log": "Zk9qwertz",
}
PROFILES = [
    ["type", "wifi", "con-name", "office wifi", "ifname", "*", "ssid", "lan", "wifi-sec.key-mgmt", "wpa-psk",
     "wifi-sec.psk", SECRETS["psk"]],
    ["type", "ethernet", "con-name", "port", "ifname", "em9", "802-1x.eap", "ttls", "802-1x.phase2-auth", "pap",
     "802-1x.identity", "host1", "802-1x.password", SECRETS["802-1x"]],
    ["type", "wireguard", "con-name", "tunnel", "ifname", "wg9", "wireguard.private-key", SECRETS["WireGuard"]],
]  # fmt: skip


def read(lab: Lab, file: str) -> dict[str, str]:
    """The files of a bundle, by their names below its one folder."""
    packed = base64.b64decode(lab.run(["base64", file]).stdout)
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive.getmembers())
        return {name.partition("/")[2]: file.read().decode() for name, file in files if file}


@pytest.mark.lab_state("bridged", guests=False)
def test_it_has_what_helps_and_no_secret(lab: Lab) -> None:
    for profile in PROFILES:
        lab.run(["nmcli", "connection", "add", *profile, "autoconnect", "no"])
    lab.run(f"systemd-run --wait --unit=vmnet-try.service echo 'curl --password {SECRETS['log']}'")
    assert SECRETS["VNC"] in lab.run(["virsh", "dumpxml", "--security-info", "web01"]).stdout
    done = lab.vmnet("support-bundle", FILE)
    assert lab.run(["stat", "-c", "%a %U", FILE]).stdout == "600 root\n"
    found = read(lab, FILE)
    for what, secret in SECRETS.items():
        assert [name for name, text in found.items() if secret in text] == [], what
    assert f"tar -xzOf '{FILE}' | less" in done.stdout
    assert "(removed)" in found["commands/journalctl.txt"]
    assert "mode DEFAULT" in found["commands/ip-link.txt"]
    assert "bond0" in found["commands/bridge-link.txt"]
    assert "Bonding Mode: IEEE 802.3ad" in found["bonding/bond0.txt"]
    assert "table" in found["commands/nft.txt"]
    assert "NetworkManager: 1." in found["versions.txt"]
    profiles = "".join(text for name, text in found.items() if name.startswith("profiles/"))
    assert "connection.id: office wifi" in profiles
    assert "802-11-wireless.ssid: lan" in profiles
    assert any("<name>web01</name>" in text for name, text in found.items() if name.startswith("libvirt/"))
    assert any(name.startswith("runs/") and name.endswith("-host-setup/journal.jsonl") for name in found)
    for name in ("facts.json", "verify.json", "doctor.json"):
        check(json.loads(found[name]))
    assert {link["ifname"] for link in json.loads(found["facts.json"])["facts"]["links"]} >= {"em1", "bond0", "br0"}
    again = lab.vmnet("support-bundle", FILE, check=False)
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.lab_state("bridged", guests=False)
def test_without_root_it_says_what_it_lacks(lab: Lab) -> None:
    lab.run(["rm", "-f", NOBODYS])
    nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
    done = lab.run([*nobody, "vmnet", "support-bundle", NOBODYS])
    assert "could not be read:" in done.stdout
    for lacks in ("runs: ", "commands/nft.txt: ", "libvirt: "):
        assert f"  - {lacks}" in done.stdout, done.stdout
    found = read(lab, NOBODYS)
    assert "runs: only root can read /var/lib/vmnet/runs" in found["not-read.txt"]
    assert "em1" in found["commands/ip-link.txt"]


@pytest.mark.lab_state("bridged", guests=False)
def test_verify_watches_a_cable(lab: Lab) -> None:
    lab.run("vmnet verify --watch 1 > /tmp/watched 2>&1 < /dev/null & echo $! > /tmp/watcher")
    lab.run("timeout 60 sh -c 'until grep -q checks /tmp/watched; do sleep 1; done'")
    lab.run(["ip", "link", "set", "p4p1", "down"])
    lab.run("timeout 60 sh -c 'until grep -q DIFFERS /tmp/watched; do sleep 1; done'")
    lab.run("kill -TERM $(cat /tmp/watcher); timeout 60 tail --pid=$(cat /tmp/watcher) -f /dev/null")
    said = lab.run(["cat", "/tmp/watched"]).stdout
    assert "  DIFFERS  nic.link p4p1 (" in said, said
    assert "error" not in said


@pytest.mark.lab_state("bridged", guests=False)
def test_one_file_for_setup_and_verify_and_the_ways_to_say_it(lab: Lab) -> None:
    text = '[host]\nnics = ["em1", "p4p1"]\naddress = "172.16.4.3/24"\ngateway = "172.16.4.1"\ndns = "172.16.4.2"\n'
    lab.run("cat > /root/host.toml", stdin=text)
    assert lab.vmnet("verify", "--spec", "/root/host.toml", "--quiet").stdout == ""
    plan = json.loads(lab.vmnet("host-setup", "--spec", "/root/host.toml", "--plan", "--output", "json").stdout)
    assert (plan["plan"]["goal"]["nics"], plan["plan"]["goal"]["addresses"]) == (["em1", "p4p1"], ["172.16.4.3/24"])
    assert "vmnet_verify_ok 1\n" in lab.vmnet("verify", "--output", "prometheus").stdout
    assert 'failures="0"' in lab.vmnet("verify", "--output", "junit").stdout
    lab.run("sed -i s/172.16.4.2/172.16.4.77/ /root/host.toml")
    wrong = lab.vmnet("verify", "--spec", "/root/host.toml", "--quiet", check=False)
    assert wrong.returncode == 6
    assert "172.16.4.77" in wrong.stdout
