"""A second, naive reading of rows, one packet at a time, against the model: random rows."""

import random
from ipaddress import ip_address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.questions import Of
from knockctl_routeros.semantics import RouterModel, Ruleset
from tests.fixtures.routeros import rows_of

SEEDS = st.integers(0, 10**9)
STATES = {"fresh": "new", "known": "established", "untracked": "untracked"}
ADDRESSES = [ip_address(f"198.18.5.{n}") for n in range(3)]
TIMES = {"5s": 5, "10s": 10, "none-dynamic": None}
CHAINS = {
    "raw": ["prerouting", "prerouting", "R"],
    "filter": ["input", "input", "input", "forward", "A", "A", "B"],
}


class Naive:
    """The recipe of the fact sheet's section 8, word for word and without any cleverness."""

    def __init__(self, rows):
        self.rules, self.rows, self.dynamic, self.now = {}, [], {}, 0.0
        for row in rows:
            words = dict(row.words)
            if row.menu.endswith("address-list"):
                self.rows.append((words["list"], ip_network(words["address"])))
            elif words.get("disabled") != "yes":
                menu = row.menu.split()[-1]
                self.rules.setdefault((menu, words["chain"]), []).append(words)

    def judge(self, packet, now):
        self.now, self.packet = now, packet
        self.state = STATES[packet.flow]
        if self.chain("raw", "prerouting") == "drop":
            return "refuse"
        chain = "forward" if packet.destination_type == "UNICAST" else "input"
        return "refuse" if self.chain("filter", chain) == "drop" else "accept"

    def chain(self, menu, name):
        for words in self.rules.get((menu, name), ()):
            if not self.matches(words):
                continue
            action = words["action"]
            if action == "jump":
                found = self.chain(menu, words["jump-target"])
                if found:
                    return found
            elif action == "return":
                return None
            elif action == "notrack":
                self.state = "untracked"
            elif action.startswith("add-"):
                self.add(words)
            elif action in ("accept", "drop"):
                return action
        return None

    def matches(self, words):
        return all(
            getattr(self, f"is_{key}".replace("-", "_"))(value.removeprefix("!"))
            != value.startswith("!")
            for key, value in words.items()
            if hasattr(self, f"is_{key}".replace("-", "_"))
        )

    def is_protocol(self, value):
        return self.packet.protocol == value

    def is_dst_port(self, value):
        return any(
            int(run.split("-")[0]) <= self.packet.port <= int(run.split("-")[-1])
            for run in value.split(",")
        )

    def is_connection_state(self, value):
        return self.state in value.split(",")

    def is_src_address_list(self, name):
        return self.listed(name, self.packet.source)

    def is_dst_address_list(self, name):
        return self.listed(name, self.packet.destination)

    def configured(self, name, address):
        return any(of == name and address in network for of, network in self.rows)

    def listed(self, name, address):
        until = self.dynamic.get((name, address), -1)
        return self.configured(name, address) or until is None or until > self.now

    def add(self, words):
        side = self.packet.source if "src" in words["action"] else self.packet.destination
        time = TIMES[words.get("address-list-timeout", "none-dynamic")]
        if not self.configured(words["address-list"], side):
            until = None if time is None else self.now + time
            self.dynamic[words["address-list"], side] = until


def _rule(rng, menu):
    chain = rng.choice(CHAINS[menu])
    actions = ["accept", "drop", "return", "log", *["add-src-to-address-list"] * 5, "jump"]
    actions.append("add-dst-to-address-list")
    if chain == "prerouting" and rng.random() < 0.2:
        actions = ["notrack"]
    action = rng.choice(actions)
    words = [f"chain={chain} action={action}"]
    if action == "jump":
        words = [f"chain={chain.replace('R', 'prerouting').replace('B', 'A')} action=jump"]
        # Never back: A may lead to B, anything to A.
        target = "R" if menu == "raw" else "B" if words[0].startswith("chain=A") else "A"
        words.append(f"jump-target={target}")
    if action.startswith("add"):
        words.append(f"address-list={rng.choice('XYZ')}")
        words.append(f"address-list-timeout={rng.choice(list(TIMES))}")
    return " ".join(["add", *words, *_matchers(rng, menu)])


def _matchers(rng, menu):
    no = rng.choice(["", "", "!"])
    if rng.random() < 0.7:
        yield f"protocol=tcp dst-port={no}{rng.choice(['1', '2', '1,3', '2-3'])}"
    if rng.random() < 0.4:
        yield f"src-address-list={rng.choice(['', '!'])}{rng.choice('XYZ')}"
    if rng.random() < 0.1:
        yield f"dst-address-list={rng.choice(['', '!'])}{rng.choice('XYZ')}"
    if menu == "filter" and rng.random() < 0.3:
        state = rng.choice(["new", "established", "new,untracked", "untracked"])
        yield f"connection-state={rng.choice(['', '!'])}{state}"
    if rng.random() < 0.1:
        yield "disabled=yes"


def _rows(rng):
    text = "/ip firewall address-list\n"
    if rng.random() < 0.5:
        text += f"add list={rng.choice('XYZ')} address={rng.choice(ADDRESSES)}/31\n".replace(
            ".1/31", ".0/31"
        )
    raw = [_rule(rng, "raw") for _ in range(rng.choice([0, 0, 2, 4]))]
    if "notrack" in "".join(raw):
        # Whether raw goes on behind it is a guess: here, it is the last there is.
        cut = next(n for n, rule in enumerate(raw) if "notrack" in rule)
        raw = [rule for rule in raw[: cut + 1] if "chain=R" not in rule]
    rules = [_rule(rng, "filter") for _ in range(rng.randrange(1, 10))]
    lines = ["/ip firewall raw", *raw, "/ip firewall filter", *rules]
    return list(rows_of(text + "\n".join(lines)))


def _packet(rng):
    return WirePacket(
        rng.choice(ADDRESSES),
        rng.choice(ADDRESSES),
        rng.choice(["tcp", "tcp", "tcp", "udp"]),
        rng.randrange(1, 5),
        flow=rng.choice(["fresh", "fresh", "fresh", "known", "untracked"]),
        destination_type=rng.choice(["LOCAL"] * 5 + ["UNICAST"]),
    )


@given(SEEDS)
@settings(max_examples=150)
def test_the_model_reads_rows_as_one_would_by_hand(seed):
    rng = random.Random(seed)
    rows = _rows(rng)
    machine, naive, now = Machine(RouterModel(Ruleset.of(rows, whole=True))), Naive(rows), 0.0
    for _ in range(40):
        now += rng.choice([0.5, 1, 1, 2, 5])
        packet = _packet(rng)
        assert machine.feed(packet, now).verdict.value == naive.judge(packet, now)


@given(SEEDS)
@settings(max_examples=150)
def test_what_looks_alike_is_treated_alike_in_every_state(seed):
    """Signatures with verdicts and without, in a state that random packets led to."""
    rng = random.Random(seed)
    machine = Machine(RouterModel(Ruleset.of(_rows(rng), whole=True)))
    for n in range(10):
        machine.feed(_packet(rng), n)
    seen = {}
    for packet in (_packet(rng) for _ in range(30)):
        got = machine.model.step(machine.state, packet, machine.clocks)
        who = packet.source, packet.destination
        for verdict in (True, False):
            shape = machine.model.signature(4, Of(packet), verdict=verdict)
            left = got.state, got.resets, got.verdict if verdict else None
            assert seen.setdefault((who, verdict, shape), left) == left


@given(SEEDS)
@settings(max_examples=150)
def test_a_packet_that_is_keyed_is_none_of_anybody_elses_business(seed):
    """Take everybody else from the lists: the reaction stays, and so does what was taken."""
    rng = random.Random(seed)
    model = RouterModel(Ruleset.of(_rows(rng), whole=True))
    machine = Machine(model)
    for n in range(10):
        machine.feed(_packet(rng), n)
    packet = _packet(rng)
    mine = tuple(entry for entry in machine.state if entry[0][1] == str(packet.source))
    got = model.step(machine.state, packet, machine.clocks)
    alone = model.step(mine, packet, machine.clocks)
    if got.keyed:
        assert (alone.verdict, alone.resets) == (got.verdict, got.resets)
        assert set(got.state) - set(machine.state) == set(alone.state) - set(mine)
