"""Rules about what starts domains at boot, and about users' own domains."""

from __future__ import annotations

from dataclasses import replace

from tests import facts_samples as samples
from tests.checks.fired import fired, notes, trouble
from vmnet.facts import BridgeHelper, DaemonUnit, DomainState, FailedStart, SessionDomain, Surroundings

GOOD = samples.end_state()
EARLY = DaemonUnit(name="libvirtd.service", waits=False)
FAILED = FailedStart(domain="db01", reason="Cannot get interface MTU on 'br0': No such device")
SESSION = SessionDomain(user="ann", name="play", file="/home/ann/.config/libvirt/qemu/play.xml", bridges=("br0",))
HELPER = BridgeHelper(path="/usr/lib/qemu/qemu-bridge-helper", setuid=True, allowed=("br0",))


def test_what_failed_at_boot() -> None:
    facts = replace(GOOD, surroundings=Surroundings(failed_starts=(FAILED,), daemons=(EARLY,)))
    found = trouble(facts, "boot.guest-not-started", "db01")
    assert "No such device" in found.seen
    assert found.fix[1].endswith("| sudo tee /etc/systemd/system/libvirtd.service.d/network-online.conf")
    assert found.fix[-1] == "sudo virsh start --domain db01"
    assert fired(samples.with_domain(facts, "db01", state=DomainState.RUNNING)) == set()


def test_a_daemon_that_does_not_wait_is_a_note() -> None:
    facts = replace(GOOD, surroundings=Surroundings(daemons=(EARLY,)))
    assert ("boot.guests-before-network", "libvirtd.service") not in notes(facts)
    starting = samples.with_domain(facts, "db01", autostart=True)
    assert ("boot.guests-before-network", "libvirtd.service") in notes(starting)
    waits = replace(starting, surroundings=Surroundings(daemons=(replace(EARLY, waits=True),)))
    assert ("boot.guests-before-network", "libvirtd.service") not in notes(waits)


def test_a_users_own_domain_and_the_helper() -> None:
    def with_helper(helper: BridgeHelper) -> Surroundings:
        return Surroundings(sessions=(SESSION,), helper=helper)

    assert fired(replace(GOOD, surroundings=with_helper(HELPER))) == set()
    assert fired(replace(GOOD, surroundings=with_helper(replace(HELPER, allowed=("all",))))) == set()
    strict = replace(GOOD, surroundings=with_helper(replace(HELPER, allowed=(), setuid=False)))
    assert trouble(strict, "domain.session-bridge", "ann: play").fix == (
        "sudo mkdir -p /etc/qemu",
        "printf '%s\\n' 'allow br0' | sudo tee -a /etc/qemu/bridge.conf",
        "sudo chmod u+s /usr/lib/qemu/qemu-bridge-helper",
    )
    for name in ("all", "x\nallow all", "br0; touch x #"):
        theirs = Surroundings(sessions=(replace(SESSION, bridges=(name,)),), helper=replace(HELPER, allowed=()))
        odd = trouble(replace(GOOD, surroundings=theirs), "domain.session-bridge", "ann: play")
        assert (odd.seen, odd.fix) == (f"no bridge can be called {name!r}", ())
    none = replace(GOOD, surroundings=with_helper(BridgeHelper(path=None, setuid=False)))
    assert trouble(none, "domain.session-bridge", "ann: play").seen == "no qemu-bridge-helper"
