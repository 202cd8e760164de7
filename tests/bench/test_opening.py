"""From the last knock to the open service: ours, knockd, and no rules at all."""

import statistics
import time

import pytest

from knockctl.client.check import check
from knockctl.client.send import send
from knockctl.policy.resolved import Knock
from tests.fixtures.crew import SSH_BOX, Operator, write_inventory
from tests.fixtures.world import inside

pytestmark = [pytest.mark.bench, pytest.mark.lab]

KNOCKS = tuple(Knock("tcp", port) for port in (1234, 2345, 3456))
TARGET = "198.51.100.11"
KNOCKD = """\
[options]
 logfile = /run/knockd.log
[open]
 sequence = 1234,2345,3456
 seq_timeout = 5
 tcpflags = syn
 start_command = /usr/sbin/iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
"""


def knock_to_open(times, between):
    """Return the median seconds from the last knock until the service accepts."""
    found = []
    for _ in range(times):
        between()
        with inside("kc-wan"):
            goal = send(TARGET, KNOCKS, delay=0.02)
            begun = time.perf_counter()
            assert check(goal, 22, seconds=5).open
            found.append(time.perf_counter() - begun)
    return statistics.median(found)


def test_opening(figure, lab, tmp_path):
    free = knock_to_open(30, lambda: lab.shell("linux1", "true"))
    policies = {"ssh-box": SSH_BOX.replace(", uses: single", "")}
    operator = Operator(
        "ann", write_inventory(tmp_path / "i", policies=policies), tmp_path / "j.db"
    )
    assert operator.run().exit_code == 0
    flush = "ipset flush KC4_ssh-box_grant; conntrack -F 2>/dev/null; true"
    ours = knock_to_open(30, lambda: lab.shell("linux1", flush))
    operator.run("remove")
    lab.run("linux1", "sh", "-c", "cat > /run/knockd.conf", input=KNOCKD)
    shut = "iptables -F INPUT; iptables -A INPUT -i out0 -p tcp --dport 22 -j DROP"
    daemon = lab.popen("linux1", "knockd", "-i", "out0", "-c", "/run/knockd.conf")
    try:
        time.sleep(1)  # knockd says nowhere that it listens
        theirs = knock_to_open(15, lambda: lab.shell("linux1", shut))
    finally:
        daemon.terminate()
        daemon.wait()
    figure(
        f"last knock to open service: no rules {free * 1e6:.0f} us, ours {ours * 1e6:.0f} us"
        f" ({ours / free:.2f} x), knockd {theirs * 1e6:.0f} us ({theirs / ours:.0f} x ours)"
    )
