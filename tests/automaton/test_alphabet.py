"""Packets in kinds: what nobody tells apart is one, what somebody tells apart is two."""

import random
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockctl.automaton.cells import TooManyCells
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import Atom, Text, flag_word, within
from knockctl.automaton.regions import Space, divide

LIKES = WirePacket(ip_address("203.0.113.7"), ip_address("192.0.2.1"), "tcp", port=9999)
SAMPLES = {"protocol": ("tcp", "udp", "icmp"), "interface": ("eth0",), "flags": (), "flow": ()}
ATOMS = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 300), st.integers(0, 50)).map(
            lambda t: Atom("port", ((t[0], t[0] + t[1]),))
        ),
        st.integers(0, 2**32 - 2).map(lambda n: Atom("source", ((n, n + 1),))),
        st.tuples(st.integers(0, 63), st.integers(0, 63)).map(
            lambda t: Atom("flags", (t[0], t[0] & t[1]))
        ),
        st.sampled_from(["eth0", "eth+", "wlan0"]).map(lambda name: Atom("interface", name)),
        st.builds(
            lambda text, how: Atom("payload", Text(text, **how)),
            st.sampled_from([b"ab", b"b"]),
            st.sampled_from([{}, {"whole": True}, {"folded": True}]),
        ),
        st.sampled_from([(256, 511), (2048, 2048)]).map(lambda span: Atom("icmp", (span,))),
        st.sampled_from(["a", "b"]).map(lambda name: Atom("chance", name)),
    ),
    max_size=8,
    unique=True,
)


def parts(atoms, look):
    space = Space.of(4, atoms, SAMPLES)
    return [(region.packet(LIKES), seen) for region, seen in divide(space.everything(), look)]


@given(ATOMS)
def test_a_representative_answers_as_its_region_does(atoms):
    for packet, seen in parts(atoms, lambda ask: tuple(ask(atom) for atom in atoms)):
        assert tuple(atom.holds(packet) for atom in atoms) == seen


@given(ATOMS, st.randoms(use_true_random=False))
def test_every_packet_has_a_kind(atoms, rng):
    kinds = {seen for _, seen in parts(atoms, lambda ask: tuple(ask(atom) for atom in atoms))}
    for _ in range(20):
        packet = WirePacket(
            ip_address(rng.randrange(2**32)),
            LIKES.destination,
            rng.choice(["tcp", "udp"]),
            port=rng.randrange(400),
            flags=rng.randrange(64),
            interface=rng.choice(["eth0", "eth1", "wlan0", "lo"]),
            payload=rng.choice([b"", b"ab", b"b", b"xaby", b"AB", b"B", b"aB"]),
            icmp=rng.choice([0, 256, 300, 2048, 2049]),
            chances=frozenset(rng.sample(["a", "b"], rng.randrange(3))),
        )
        assert tuple(atom.holds(packet) for atom in atoms) in kinds


def test_only_questions_that_are_asked_divide():
    one, two = Atom("port", ((22, 22),)), Atom("port", ((80, 80),))
    asked = parts([one, two], lambda ask: "ssh" if ask(one) else "http" if ask(two) else "other")
    assert sorted(seen for _, seen in asked) == ["http", "other", "ssh"]
    assert len(parts([one, two], lambda ask: ask(one))) == 2


def test_the_number_of_kinds_follows_the_rules_not_their_product():
    rng = random.Random(1)
    rules = [
        (
            Atom("source", ((n := rng.randrange(2**32), n),)),
            Atom("port", ((p := rng.randrange(1, 65536), p),)),
        )
        for _ in range(60)
    ]

    def look(ask):
        return next(
            (n for n, (source, port) in enumerate(rules) if ask(source) and ask(port)), None
        )

    assert len(parts([a for rule in rules for a in rule], look)) <= 2 * len(rules) + 1


def test_a_representative_is_what_people_know_where_it_may_be():
    packet, _ = parts([within("source")], lambda _: 0)[0]
    assert (str(packet.source), packet.port, packet.interface) == ("203.0.113.7", 9999, "eth0")


def test_too_many_patterns_are_refused_not_guessed():
    atoms = [Atom("payload", Text(b"%d" % n)) for n in range(20)]
    with pytest.raises(TooManyCells, match="20 patterns"):
        Space.of(4, atoms, SAMPLES)


def test_flags_by_name():
    assert flag_word("SYN,ACK") == 18
    assert flag_word("ALL") == 63
    assert flag_word("NONE") == 0
