"""The walk over chains against an interpreter that takes one packet at a time."""

import itertools
import random
import time
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.automaton.boxes import HERE, MARK, UNMET, TooTangled
from knockctl.automaton.chains import (
    Alter,
    Anything,
    Call,
    ChainRule,
    Leave,
    Ours,
    Program,
    Remark,
    Section,
    Stop,
)
from knockctl.automaton.conditions import (
    Every,
    Is,
    Open,
    atoms,
    every,
    negated,
    some,
)
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import Atom, flow, ports, protocol
from knockctl.automaton.regions import Region, Space
from knockctl.automaton.sweep import Sweep
from knockctl.automaton.verdict import Verdict
from tests.fixtures.chained import Walk

PLAIN = WirePacket(ip_address("203.0.113.7"), ip_address("192.0.2.1"), "tcp", 22)
FIELDS = ("source", "port", "protocol", "flow")
NAMES = ("a", "b")


def source(first, last=None):
    return Atom("source", ((first, first if last is None else last),))


# --- random programs --------------------------------------------------------------------------


def question(rng):
    low = rng.randrange(12)
    atom = rng.choice(
        [
            source(low, low + rng.randrange(6)),
            ports((low, low + rng.randrange(6))),
            protocol(rng.choice(("tcp", "udp"))),
            flow(*rng.sample(("fresh", "invalid", "untracked"), 2)),
            Atom(MARK, (rng.randrange(4), 3)),
        ]
    )
    return Is(atom, rng.random() < 0.7)


def condition(rng, depth=2):
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return Open(rng.choice(NAMES)) if rng.random() < 0.15 else question(rng)
    parts = [condition(rng, depth - 1) for _ in range(rng.randrange(4))]
    joined = every(parts) if kind < 0.85 else some(parts)
    return negated(joined) if rng.random() < 0.2 else joined


def action(rng, later):
    kinds = [
        *([Stop(Verdict.ACCEPT)] * 3),
        *([Stop(Verdict.REFUSE)] * 3),
        Stop(Verdict.ACCEPT, away=True),
        Leave(),
        Remark(rng.randrange(4), 3),
        Alter((("port", rng.randrange(12)),), leaves=rng.random() < 0.5),
        Alter((("flow", "untracked"),)),
        Anything(),
        *[Call(name, goto=rng.random() < 0.3) for name in later],
        *[Call(name) for name in later],
    ]
    return rng.choice(kinds)


def program(rng):
    names = ["first", "second", "x", "y", "z"]
    chains = {}
    for place, name in enumerate(names):
        later = names[max(place + 1, 2) :]
        rules = []
        for number in range(rng.randrange(7)):
            ours = rng.random() < 0.1
            some_action = rng.choice((Ours(), Stop(Verdict.REFUSE))) if ours else action(rng, later)
            rules.append(ChainRule(some_action, condition(rng), name, number + 1, "", ours=ours))
        chains[name] = rules
    ends = rng.choices((Verdict.ACCEPT, Verdict.REFUSE, Verdict.PASS), k=2)
    return Program(
        (Section("first", ends[0], "end 1"), Section("second", ends[1], "end 2")), chains
    )


# --- one packet at a time ---------------------------------------------------------------------


def packets():
    for number, port in itertools.product(range(0, 18, 1), range(0, 18, 3)):
        for kind, seen in (("tcp", "fresh"), ("udp", "fresh"), ("tcp", "invalid")):
            yield replace(PLAIN, source=ip_address(number), port=port, protocol=kind, flow=seen)


def space_of(listed):
    asked = [a for c in listed.chains.values() for rule in c for a in atoms(rule.condition)]
    cut = [a for a in asked if a.field != MARK]
    cut += [flow("fresh", "invalid"), protocol("tcp"), protocol("udp"), ports((0, 17))]
    samples = dict.fromkeys(("protocol", "flow", "source", "port"), ())
    return Space.of(4, cut, samples)


def inside(space, box, packet):
    values = {"source": int(packet.source), "port": packet.port}
    for name in FIELDS:
        cells = space.fields[name]
        value = values.get(name, getattr(packet, name))
        if name in values:
            place = max(n for n, start in enumerate(cells.values) if start <= value)
        else:
            place = cells.values.index(value)
        if not box.masks[name] >> place & 1:
            return False
    return True


def swept(listed, few=64, patience=10_000, ports=None):
    space = space_of(listed)
    start = Region(space, {name: cells.all for name, cells in space.fields.items()})
    start = start.narrowed(protocol=["tcp", "udp"], flow=["fresh", "invalid"])
    return space, Sweep(listed, space, few, counting(space, ports), patience).run([start.masks])


ANSWERS = [
    dict(zip(NAMES, said, strict=True)) for said in itertools.product((True, False), repeat=2)
]


@pytest.mark.parametrize("seed", range(60))
def test_no_fate_is_missed_and_none_is_invented(seed):
    rng = random.Random(seed)
    listed = program(rng)
    space, found = swept(listed, few=0)
    for packet in rng.sample(list(packets()), 60):
        here = [p for p in found.passages if inside(space, p.box, packet)]
        seen = [box for box in found.reached if inside(space, box, packet)]
        for answers in ANSWERS:
            what, rule = Walk(listed, packet, answers).run()
            if what == "ours":
                assert seen, (packet, rule)
            elif what != "left":
                by = [p for p in here if (p.rule is rule or p.rule.where == rule)]
                assert any(p.verdict is what for p in by), (packet, answers, rule)
        what, rule = Walk(listed, packet, dict.fromkeys(NAMES, False)).run()
        for passage in here:
            if not passage.box.opens and passage.verdict is not None:
                assert passage.verdict is what
                assert rule in (passage.rule, passage.rule.where)


def counting(space, some):
    """Return the cells of ports; None: of all."""
    return None if some is None else space.places[some][1]


COUNT = ports((4, 7))


@pytest.mark.parametrize("seed", range(200))
def test_where_some_ports_count_they_are_told_exactly(seed):
    listed = program(random.Random(seed))
    for rules in listed.chains.values():
        # What changes a packet's port leads from ports that don't count to those that do.
        rules[:] = [rule for rule in rules if not isinstance(rule.action, Alter)]
    listed.chains["first"].insert(0, ChainRule(Anything(), every([Is(COUNT), Open("a")])))
    space, exact = swept(listed, few=0)
    rough = swept(listed, few=4, ports=COUNT)[1]
    mask = counting(space, COUNT)

    def told(found):
        return {
            (p.rule if p.rule.number else p.rule.where, p.verdict)
            for p in found.passages
            if not p.box.opens and p.box.masks["port"] & mask
        }

    assert told(rough) == told(exact)


def sure(found):
    return {
        (p.rule if p.rule.number else p.rule.where, p.verdict)
        for p in found.passages
        if not p.box.opens
    }


@pytest.mark.parametrize("seed", range(200))
def test_pieces_that_wait_hide_no_rule_and_show_none(seed):
    listed = program(random.Random(seed))
    exact, quick = swept(listed, few=0)[1], swept(listed, patience=-1)[1]
    assert sure(quick) == sure(exact)
    assert {(p.rule.place, p.verdict) for p in quick.passages} == {
        (p.rule.place, p.verdict) for p in exact.passages
    }
    assert bool(quick.reached) == bool(exact.reached)


def test_the_random_programs_do_everything():
    rules = [
        r for seed in range(60) for c in program(random.Random(seed)).chains.values() for r in c
    ]
    kinds = {type(rule.action) for rule in rules}
    assert kinds == {Stop, Leave, Call, Alter, Remark, Ours, Anything}


# --- time -------------------------------------------------------------------------------------


def seconds(listed):
    begun = time.process_time()
    swept(listed)
    return time.process_time() - begun


def test_many_calls_of_one_chain_take_time_by_their_number():
    inner = [ChainRule(Stop(Verdict.ACCEPT), Is(ports((n, n))), "x", n + 1, "") for n in range(20)]

    def calls(count):
        rules = [ChainRule(Call("x"), Is(source(2 * n)), "first", n + 1, "") for n in range(count)]
        return Program((Section("first", Verdict.ACCEPT),), {"first": rules, "x": inner})

    few, many = (min(seconds(calls(n)) for _ in range(3)) for n in (200, 800))
    assert many < 12 * few


def test_chains_that_call_each_other_twice_are_walked_once_each():
    chains = {
        f"c{n}": [
            ChainRule(Call(f"c{n + 1}"), Is(source(n, n + 30)), f"c{n}", 1, ""),
            ChainRule(Call(f"c{n + 1}"), Is(ports((n, n + 30))), f"c{n}", 2, ""),
        ]
        for n in range(17)
    }
    chains["c17"] = [ChainRule(Stop(Verdict.ACCEPT), Is(protocol("udp")), "c17", 1, "")]
    assert seconds(Program((Section("c0", Verdict.REFUSE),), chains)) < 1


def test_a_chain_that_leads_back_to_itself_is_an_error():
    loop = {"x": [ChainRule(Call("y"))], "y": [ChainRule(Call("x"))]}
    with pytest.raises(TooTangled, match="leads back to itself"):
        swept(Program((Section("x"),), loop))


def test_a_rule_of_ours_that_may_match_has_seen_the_packet():
    listed = Program(
        (Section("x", Verdict.ACCEPT),),
        {
            "x": [
                ChainRule(
                    Stop(Verdict.ACCEPT), Every((Is(ports((1, 1))), Open("in", "ours"))), ours=True
                ),
                ChainRule(Stop(Verdict.REFUSE), where="x", number=2, text="drop"),
            ]
        },
    )
    space, found = swept(listed)
    met = {(p.box.met, inside(space, p.box, replace(PLAIN, port=1))) for p in found.passages}
    assert (HERE, True) in met
    assert (HERE, False) not in met or (UNMET, False) in met
    assert [bool(box.opens) for box in found.reached] == [True]


ONE, TWO = Open("one", "ours"), Open("two", "ours")


def behind(*conditions, steady=True):
    """Tell whether packets come past rules of ours with these conditions."""
    rules = [ChainRule(Stop(Verdict.REFUSE), Every(parts), ours=True) for parts in conditions]
    _, found = swept(Program((Section("x"),), {"x": rules}, steady=steady))
    return bool(found.left)


def test_who_came_past_a_rule_for_what_is_remembered_is_left_to_others_that_ask_for_it():
    neither = negated(ONE), negated(TWO)
    assert behind(neither)
    assert behind(neither, (ONE,))
    assert not behind(neither, (ONE,), (TWO,))
    # A packet may have changed it in between.
    assert behind(neither, (ONE,), (TWO,), steady=False)
    # One may be so without the other.
    assert behind(neither, (ONE, TWO), (TWO,))
    # Some may be past for another reason.
    assert behind((*neither, Open("a guess", "guess")), (ONE,), (TWO,))
    assert behind((negated(ONE), Open("a guess", "guess")), neither, (ONE,), (TWO,))
