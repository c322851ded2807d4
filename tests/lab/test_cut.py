"""The address moves and nobody notices: pings, a TCP stream and an SSH session go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .cut import measure

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
