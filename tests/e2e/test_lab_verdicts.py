"""Real clients against the deployed policy; every verdict is the reference automaton's."""

import json
import shutil
import sys
from ipaddress import ip_address

import pytest

from knockctl.automaton.reference import Automaton, Packet, Site, Verdict
from knockctl.change.job import Result
from knockctl.policy.loader import load_all, resolve
from tests.fixtures import visitor
from tests.fixtures.crew import SSH_BOX, Operator, write_inventory
from tests.fixtures.lab import KNOCKCTL

pytestmark = pytest.mark.lab

# Every feature at once, with times short enough to run out within a test.
EVERYTHING = """\
name: everything
sequence: [tcp/1234, udp/2345, tcp/3456]
step_timeout: 1s
grant: {services: [tcp/22, udp/4501], duration: 2s, stray: lockout}
wrong_knock: lockout
lockout: {duration: 1s, scope: all}
traps:
  - {services: [tcp/666], lockout: 2s}
  - {services: [tcp/8291], lockout: 1s, unless_granted: true}
public: [tcp/80]
trusted: [198.51.100.119/32, "2001:db8:51::119/128"]
"""
RESETTING = (
    EVERYTHING.replace("everything", "resetting")
    .replace("wrong_knock: lockout", "wrong_knock: reset")
    .replace("stray: lockout", "stray: revoke")
)

KNOCKS = [(0.05, "tcp", 1234), (0.05, "udp", 2345), (0.05, "tcp", 3456)]
SSH = (0.05, "tcp", 22)

SCENES = {
    "no knock": [SSH],
    "the right knock": [*KNOCKS, SSH, SSH],
    "wrong order": [KNOCKS[0], KNOCKS[2], KNOCKS[1], SSH],
    "wrong port": [KNOCKS[0], (0.05, "tcp", 9999), *KNOCKS[1:], SSH],
    "wrong port, then all again": [
        KNOCKS[0],
        (0.05, "tcp", 9999),
        (1.3, "tcp", 1234),
        *KNOCKS[1:],
        SSH,
    ],
    "late knock": [KNOCKS[0], KNOCKS[1], (1.3, "tcp", 3456), SSH],
    "just in time": [KNOCKS[0], KNOCKS[1], (0.6, "tcp", 3456), SSH],
    "expired grant": [*KNOCKS, SSH, (2.4, "tcp", 22)],
    "trap": [(0.05, "tcp", 666), *KNOCKS, SSH],
    "trap waited out": [(0.05, "tcp", 666), (2.3, "tcp", 1234), *KNOCKS[1:], SSH],
    "trap excused by a grant": [*KNOCKS, (0.05, "tcp", 8291), SSH],
    "trap not excused": [(0.05, "tcp", 8291), *KNOCKS, SSH],
    "repeated knocks": [KNOCKS[0], KNOCKS[0], KNOCKS[1], KNOCKS[1], KNOCKS[0], KNOCKS[2], SSH],
    "eager client": [KNOCKS[0], SSH, KNOCKS[1], SSH, KNOCKS[2], SSH],
    "knocks while granted": [*KNOCKS, *KNOCKS, SSH],
    "stray": [*KNOCKS, (0.05, "tcp", 8080), SSH],
    "stray, then public": [*KNOCKS, (0.05, "tcp", 80), SSH],
    "locked out, public stays": [
        KNOCKS[0],
        (0.05, "tcp", 9999),
        (0.05, "tcp", 80),
        (0.05, "tcp", 8080),
    ],
    "nothing of ours": [(0.05, "tcp", 8080), (0.05, "tcp", 9999), (0.05, "udp", 5353)],
    "udp service": [*KNOCKS, (0.05, "udp", 4501)],
}


@pytest.mark.parametrize("text", [EVERYTHING, RESETTING, SSH_BOX], ids=["lockout", "reset", "seed"])
def test_every_way_in_and_every_way_out(lab, tmp_path, text):
    name = text.split()[1]
    folder = write_inventory(tmp_path / "i", policies={name: text})
    policy = resolve(load_all(folder / "policies")[name], None)
    done = Operator("ann", folder, tmp_path / "j.db").run()
    assert done.exit_code == 0, done.message
    scenes = scenes_over_both()
    problems = [
        problem
        for (title, scene), seen in zip(scenes, visits(lab, [s for _, s in scenes]), strict=True)
        for problem in judge(policy, title, scene, seen)
    ]
    assert not problems, "\n".join(problems)


def scenes_over_both():
    """Every scene over IPv4 and over IPv6, with its title; each has a source of its own."""
    return [
        (f"{title}, from {base}", [[*packet, f"{base}{100 + number}"] for packet in scene])
        for base in ("198.51.100.", "2001:db8:51::")
        for number, (title, scene) in enumerate(SCENES.items())
    ]


def visits(lab, scenes, last="11", patience=visitor.PATIENCE):
    """Play scenes in kc-wan, side by side."""
    argv = [visitor.__file__, json.dumps(scenes), last, patience]
    done = lab.run("wan", sys.executable, *argv)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def judge(policy, title, scene, seen, relaxed=()):
    """Compare what was seen with what the automaton says at the times it happened."""
    automaton = Automaton(Site((policy,), relaxed=relaxed))
    for number, ((_, protocol, port, source), (when, got)) in enumerate(
        zip(scene, seen, strict=True)
    ):
        step = automaton.feed(Packet(ip_address(source), protocol, port), when)
        expected = "silence" if step.verdict is Verdict.REFUSE else "answer"
        if got != expected:
            yield (
                f"{title}, packet {number} {protocol}/{port}: {got}, but the automaton says"
                f" {step.verdict.value} by rule {step.rules}"
            )


def test_three_clients_and_a_scan(lab, tmp_path):
    """Debian's knock, ncat and ours open the seed's service; a full scan finds nothing open."""
    folder = write_inventory(tmp_path / "i")
    done = Operator("ann", folder, tmp_path / "j.db").run()
    assert done.exit_code == 0, done.message
    for target, bracket in (("198.51.100.11", ""), ("2001:db8:51::11", "-6")):
        clients = (
            f"knock {bracket} {target} 1234 2345 3456",
            f"for i in 1234 2345 3456; do ncat {bracket} -w 0.1 {target} $i; done",
            f"{KNOCKCTL} knock --host {target} 1234 2345 3456",
        )
        for client in clients:
            assert not opens(lab, target)
            lab.run("wan", "sh", "-c", client)
            assert opens(lab, target), client
            assert not opens(lab, target), "single use"
    for tool in ("nmap", "knock", "ncat"):
        assert shutil.which(tool), f"{tool} is missing"
    scan = "nmap -n -Pn -p- --max-retries 0 --min-rate 5000 -oG - 198.51.100.11"
    found = lab.shell("wan", scan)
    assert "22/open/" not in found
    assert "80/open/" in found, "the host's other services are untouched"
    for port in (22, 1234, 2345, 3456):
        assert f"{port}/filtered/" in found or f"{port}/" not in found


def opens(lab, target):
    check = f"knock --host {target} tcp/9 --check tcp/22 --timeout 0.3"
    return lab.run("wan", KNOCKCTL, *check.split()).returncode == 0


NEIGHBOURS = """\
*filter
:INPUT DROP [0:0]
:f2b-sshd - [0:0]
:HOUSE - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 192.0.2.0/24 -j ACCEPT
-A INPUT -j HOUSE
-A HOUSE -p tcp -m tcp --dport 8080 -m comment --comment "our app" -j ACCEPT
-A HOUSE -m set --match-set partners src -p tcp -m tcp --dport 443 -j ACCEPT
-A f2b-sshd -s 203.0.113.9/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
COMMIT
"""


def test_somebody_elses_rules_survive_byte_for_byte_and_keep_working(lab, tmp_path):
    lab.shell("linux1", "ipset create partners hash:ip; ipset add partners 198.51.100.105")
    lab.run("linux1", "iptables-restore", input=NEIGHBOURS, check=True)
    before, raw = lab.dumps(), lab.shell("linux1", "ipset save partners")
    operator = Operator("ann", write_inventory(tmp_path / "i"), tmp_path / "j.db")

    def their_services_work():
        scene = [
            [0, "tcp", 8080, "198.51.100.104"],
            [0, "tcp", 443, "198.51.100.105"],
            [0, "tcp", 443, "198.51.100.104"],
        ]
        answers = [answer for _, answer in visits(lab, [scene])[0]]
        return answers == ["answer", "answer", "silence"]

    assert their_services_work()
    for kind in ("deploy", "rollback", "deploy", "remove"):
        assert operator.run(kind).exit_code == 0
        foreign = [line for line in lab.dumps() if "KC" not in line]
        assert foreign == before
        assert their_services_work()
        if kind == "deploy":
            knock = "knock --host 198.51.100.11 1234 2345 3456 --check tcp/22"
            assert lab.run("wan", KNOCKCTL, *knock.split()).returncode == 0
    assert lab.dumps() == before
    assert lab.shell("linux1", "ipset save partners") == raw


def test_a_foreign_jump_above_ours_is_no_difference_and_stays(lab, tmp_path):
    """As fail2ban does at every start: it puts itself first, and refuses only whom it banned."""
    operator = Operator("ann", write_inventory(tmp_path / "i"), tmp_path / "j.db")
    assert operator.run().exit_code == 0
    lab.shell(
        "linux1",
        "iptables -N f2b-sshd; iptables -A f2b-sshd -s 203.0.113.9 -j REJECT;"
        " iptables -A f2b-sshd -j RETURN; iptables -I INPUT -p tcp --dport 22 -j f2b-sshd",
    )
    top = lab.shell("linux1", "iptables -S INPUT").splitlines()
    assert operator.run().result is Result.UNCHANGED
    knock = "knock --host 198.51.100.11 1234 2345 3456 --check tcp/22"
    assert lab.run("wan", KNOCKCTL, *knock.split()).returncode == 0
    assert operator.run("remove").exit_code == 0
    assert lab.shell("linux1", "iptables -S INPUT").splitlines() == [
        line for line in top if "knockctl" not in line
    ]


def test_a_foreign_accept_above_a_chosen_place_stops_the_deploy(lab, tmp_path):
    lab.shell("linux1", "iptables -A INPUT -p tcp --dport 20:30 -j ACCEPT")
    before = lab.dumps()
    operator = Operator("ann", write_inventory(tmp_path / "i", position=2), tmp_path / "j.db")
    refused = operator.run()
    assert refused.exit_code == 4
    assert "iptables INPUT rule 1" in refused.message
    assert "--dport 20:30" in refused.message
    assert lab.dumps() == before
    (code,) = (refused.hint or "").rpartition(" ")[2].split(",")
    assert code.startswith("exposed:")
    assert operator.run(options={"accept": frozenset({code})}).exit_code == 0
    rules = lab.shell("linux1", "iptables -S INPUT").splitlines()
    assert "KC_INPUT" in rules[2]
