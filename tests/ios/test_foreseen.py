"""What late lines will do is decided when they are logged: nothing else comes of them when seen.

A machine that keeps the lines themselves until applets see them gets the same packets, at times
close to where entries end.
"""

import random
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl.policy.resolved import Generation, Knock
from knockctl_ios.config.parse import parse_text
from knockctl_ios.plan.modeller import IosModeller
from tests.fixtures.ios_policies import METHODS, SETTLED, P, corner, mutant

LAG, MINUTE = 5, 60
SOON = 1 / 1024
"""Seconds; sums of it are exact."""
KNOCKS = (Knock("udp", 101), Knock("udp", 102))
POLICIES = (
    replace(P, generations=(Generation(1, KNOCKS),), grant_duration=MINUTE),
    replace(P, generations=(Generation(1, KNOCKS[:1]),), grant_duration=2 * MINUTE),
    replace(P, generations=(Generation(1, (*KNOCKS, KNOCKS[0], Knock("tcp", 103))),)),
    replace(
        P, generations=(Generation(1, KNOCKS), Generation(2, (KNOCKS[1], KNOCKS[0], KNOCKS[1])))
    ),
)
ENDS = [n * MINUTE + lag for n in (1, 2, 3) for lag in (-LAG, 0, LAG)]
PAUSES = (LAG, LAG + SOON, 2 * LAG, *(end + more for end in ENDS for more in (-SOON, 0, SOON)))
"""The least, and those after which something may just have ended, or not just yet."""
FAR = tuple(seconds + 0.37 for seconds in (LAG, 20, 30, 45, 90, 200))
"""Of which no few together come close to where something ends."""


def model(config, **switches):
    switches = replace(SETTLED, delay=LAG, **switches)
    return IosModeller(switches).model(config)


def traces(rng, policy, pauses, most):
    """Yield packets of somebody who sends one to so many at once, and waits until all are seen."""
    every = [(k.protocol, k.port) for g in policy.generations for k in g.knocks]
    for _ in range(12):
        at, trace, ahead = 0.0, [], []
        for _ in range(15):
            ahead = ahead or [(k.protocol, k.port) for k in rng.choice(policy.generations).knocks]
            few = [ahead.pop(0)] if rng.random() < 0.8 else []
            while len(few) < rng.randint(1, most):
                sent = rng.choice([*every, *ahead[:1], ("tcp", 999)])
                few += [sent] if few.count(sent) < 2 else []
            for sent in few:
                trace.append((at, sent))
                at += SOON
            trace.append((at, ("tcp", 22)))
            at += rng.choice(pauses[:3] if rng.random() < 0.7 else pauses)
            trace.append((at, ("tcp", 22)))
        yield trace


def packet(protocol, port):
    return WirePacket(
        ip_address("203.0.113.7"),
        ip_address("198.51.100.14"),
        protocol,
        port,
        interface="GigabitEthernet0/0",
    )


def play(machine, trace):
    return [machine.feed(packet(*sent), at).verdict.value for at, sent in trace]


def compared(number, method, pauses, most=1, **switches):
    """Play a policy's traces: all is right, nothing is cleared, something is wrong."""
    rng, seen = random.Random(f"foreseen {number} {method} {most} {switches}"), Counter()
    right = corner(POLICIES[number], method=method).config
    lines = [line for line in right.text().splitlines() if '"clear access-template' not in line]
    for config in (right, parse_text("\n".join(lines)), *(mutant(rng, right)[1] for _ in range(2))):
        exact = model(config, together=False, **switches)
        other = model(config, together=True, **switches)
        assert other.configured.foreseeable is not bool(switches)
        for trace in traces(rng, POLICIES[number], pauses, most):
            found = play(Machine(other), trace)
            assert found == play(Machine(exact), trace), trace
            seen.update(found)
    assert seen["accept"] > 60, seen


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_a_line_does_what_was_foreseen(number, method):
    compared(number, method, PAUSES)


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_so_do_lines_that_come_at_once(number):
    """But for when their times begin: with the last of them."""
    compared(number, "acl-log", FAR, most=4)


def test_nothing_is_foreseen_that_packets_put_off():
    compared(1, "acl-log", PAUSES, template="idle")


@pytest.mark.parametrize("together", [False, True])
def test_what_a_line_adds_anew_is_there_for_the_next(together):
    """Though the entry that was there when that was logged has ended meanwhile."""
    one, two = (("udp", knock.port) for knock in KNOCKS)
    machine = Machine(model(corner(POLICIES[0]).config, together=together))
    again = MINUTE + 1.0
    trace = [(0.0, one), (again, one), (again + SOON, two), (again + 2 * LAG, ("tcp", 22))]
    assert play(machine, trace)[-1] == "accept"
