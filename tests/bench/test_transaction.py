"""One whole deploy, against the same scripts over bare asyncssh, and over netmiko."""

import asyncio
import logging

import pytest

from knockctl.change.job import Result
from knockctl_iptables.driver import connection as session
from tests.bench.conftest import interleaved, timed
from tests.fixtures.crew import Operator, write_inventory
from tests.fixtures.world import inside

pytestmark = [pytest.mark.bench, pytest.mark.lab]

HOST, KEY = "192.0.2.11", "/run/knockctl-lab/id_ed25519"


class Recorder(session.Session):
    """A session that remembers what it sent."""

    sent: list = []  # noqa: RUF012 - one list for all sessions of the run is the point

    def script(self, body):
        self.sent.append(body)
        return super().script(body)


async def _bare(scripts):
    import asyncssh

    options = {"username": "root", "client_keys": [KEY], "known_hosts": None}
    async with asyncssh.connect(HOST, **options) as connection:
        for script in scripts:
            text = f"\nmain() {{\nkc_nonce=KC\n{session.PRELUDE}\n{script}\n}}\nmain\n"
            await connection.run(session.BECOME_ROOT, input=text, check=False)
        async with asyncssh.connect(HOST, **options) as second:
            await second.run("true")


def bare(scripts):
    with inside("kc-ops"):
        asyncio.run(_bare(scripts))


def over_netmiko():
    """What an interactive session needs for the same: reading, writing and reading back."""
    from netmiko import ConnectHandler

    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    with inside("kc-ops"):
        for _ in range(2):
            connection = ConnectHandler(
                device_type="linux", host=HOST, username="root", use_keys=True, key_file=KEY
            )
            for command in ("iptables-save", "ip6tables-save", "ipset save") * 2:
                connection.send_command(command, read_timeout=20)
            connection.disconnect()


def test_transaction(figure, lab, tmp_path, monkeypatch):
    operator = Operator("ann", write_inventory(tmp_path / "i"), tmp_path / "j.db")
    monkeypatch.setattr("knockctl_iptables.driver.driver.Session", Recorder)
    lab.shell(
        "linux1",
        "iptables -A INPUT -m conntrack --ctstate INVALID -j DROP;"
        "ip6tables -A INPUT -m conntrack --ctstate INVALID -j DROP",
    )
    Recorder.sent.clear()
    first = operator.run()
    scripts = list(Recorder.sent)
    assert first.result is Result.CONFIRMED
    figure(f"one deploy: {first.round_trips} round trips on one connection, one probe on another")

    def ours():
        operator.run()

    ours_s, bare_s = [], []
    for _ in range(7):
        operator.run("remove")
        ours_s.append(timed(ours))
        operator.run("remove")
        bare_s.append(timed(lambda: bare(scripts)))
        lab.shell("linux1", "rm -rf /run/knockctl/t*")
    ratio = sorted(ours_s)[3] / sorted(bare_s)[3]
    figure(
        f"ours {sorted(ours_s)[3] * 1000:.0f} ms, the same scripts over bare asyncssh"
        f" {sorted(bare_s)[3] * 1000:.0f} ms: {ratio:.2f} x (bar 1.3)"
    )
    slow = interleaved(3, netmiko=over_netmiko)["netmiko"]
    figure(
        f"netmiko, only reading what a deploy reads: {slow * 1000:.0f} ms:"
        f" {slow / sorted(ours_s)[3]:.2f} x ours"
    )
