"""The address moves and nobody notices: pings, a TCP stream and an SSH session go on; also where a DHCP server goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .bench import BY_DHCP
from .cut import measure
from .matrix import look

if TYPE_CHECKING:
    from .machine import Lab

# What the peer sends must arrive whole and in order, through one connection; a reset ends either side with an error.
MOVE = """\
socat -u TCP-LISTEN:5001,bind=172.16.4.3 CREATE:/run/received & server=$!
until ss -ltn | grep -q 172.16.4.3:5001; do sleep 0.1; done
ip netns exec lan python3 - > /run/sent <<'PEER' & client=$!
import pathlib, socket, time
number = 0
with socket.create_connection(("172.16.4.3", 5001)) as stream:
    while not pathlib.Path("/run/enough").exists():
        stream.sendall(b"%d\\n" % number)
        number += 1
        time.sleep(0.02)
print(number)
PEER
ip netns exec lan ssh -n root@172.16.4.3 'vmnet host-setup em1 p4p1 --yes && echo the session lives'
code=$?
touch /run/enough
wait $client && wait $server && exit $code
"""

# The bridge has got its lease; as the journal says that the static address is to go, so does the server.
WITHOUT_SERVER = """\
until grep -qs '"begin", "step": 21,' /var/lib/vmnet/runs/*/journal.jsonl; do sleep 0.05; done &&
    systemctl stop lab-lan-dns &
vmnet host-setup em1 p4p1 --yes
code=$?
wait
systemctl start lab-lan-dns
exit $code
"""


@pytest.mark.long
@pytest.mark.lab_state("clean", guests=False)
def test_pings_a_stream_and_a_session_go_through_the_move(lab: Lab) -> None:
    lab.switch("individual")
    lab.lan("until ping -c 3 -i 0.3 -W 1 172.16.4.3; do :; done")
    moved = measure(lab, "172.16.4.3", MOVE)
    assert moved.code == 0, moved.said
    assert "the session lives" in moved.said
    # An answer that is late but there is the emulation's doing; one that never comes is ours.
    assert (moved.cut.lost, moved.cut.ms) == (0, 0)
    sent = int(lab.run(["cat", "/run/sent"]).stdout)
    assert sent > 100
    assert lab.run(["cat", "/run/received"]).stdout.split() == [str(number) for number in range(sent)]


@pytest.mark.long
@pytest.mark.lab_state("clean", guests=False)
def test_a_dhcp_server_that_goes_before_the_lease_is_renewed_costs_nothing(lab: Lab) -> None:
    lab.switch("individual")
    lab.run(BY_DHCP)
    address = lab.run("ip -4 -br address show em1").stdout.split()[2].split("/")[0]
    lab.lan(f"until ping -c 3 -i 0.3 -W 1 {address}; do :; done")
    before = look(lab)
    tried = measure(lab, address, WITHOUT_SERVER)
    assert "br0 has lost its DHCP address" in tried.said
    assert (tried.code, tried.cut.lost) == (4, 0)
    assert look(lab) == before
