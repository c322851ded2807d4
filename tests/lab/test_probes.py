"""What is asked whether it answers: a gateway whose address is link-local, which no route leads to."""

from __future__ import annotations

from vmnet.plan.shell_answers import ANSWER_FUNCTIONS

from .chamber import Chamber

_GATEWAY = """\
set -e
ip netns add isp
ip link add wan0 type veth peer name isp0 netns isp
ip link set wan0 up
ip -n isp link set isp0 up
ip -n isp address add fe80::1/64 dev isp0 nodad
while ip -6 address show dev wan0 tentative | grep -q .; do sleep 0.2; done
"""
_GONE = "ip link delete wan0; ip netns delete isp"
_ASK = """\
from vmnet.facts import Probe, ProbeKind
from vmnet.host.lan.probes import try_probe
for target in ("fe80::1", "fe80::2"):
    print(try_probe(Probe(kind=ProbeKind.GATEWAY, target=target), fresh=True) == "")
"""


def test_a_link_local_gateway_is_asked_by_vmnet_and_by_its_script(chamber: Chamber) -> None:
    chamber.run(_GATEWAY)
    try:
        assert chamber.run(["python3", "-P", "-c", _ASK]).stdout.split() == ["True", "False"]
        for target, answers in (("fe80::1", True), ("fe80::2", False)):
            asked = chamber.run(f"{ANSWER_FUNCTIONS}\ngateway {target} >&2", check=False)
            assert (asked.returncode == 0) == answers
    finally:
        chamber.run(_GONE)
