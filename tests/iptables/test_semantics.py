"""The model of a Linux packet filter against its conformance cases, and mutants of it."""

from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.verdict import Verdict
from knockctl_iptables import semantics
from tests.fixtures.conformance import cases
from tests.fixtures.mutants import mutant

# What the kernel does and no configuration tells: which of several masks it was told first, who
# reads a queue. Proofs that depend on it are unknown, and name the rule.
GUESSED = (
    "a-list-keeps-the-mask-of-its-first-rule",
    "a-wider-mask-in-a-later-rule-is-ignored",
    "a-queue-nobody-reads-drops",
    "a-queue-that-may-be-bypassed-accepts",
)
# An assumption printed with every proof: a text is looked for in a packet's data.
NOT_FOLLOWED = ("the-search-begins-with-the-packets-own-header",)
EVERY = [case for case in cases() if not case.chances]
CASES = [case for case in EVERY if case.name not in (*GUESSED, *NOT_FOLLOWED)]


@pytest.mark.parametrize(
    "case",
    [case for case in EVERY if case.name in (*GUESSED, *NOT_FOLLOWED)],
    ids=lambda case: case.name,
)
def test_what_the_model_does_not_follow_is_known(case):
    """Once the model follows it, its name must go from the lists above."""
    assert case.found(semantics) != case.wanted


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    assert case.found(semantics) == case.wanted, case.fact


@pytest.mark.parametrize(("kind", "verdict"), [("LOCAL", "ACCEPT"), ("BROADCAST", "REFUSE")])
def test_an_address_that_is_translated_to_itself_stays_what_it_is(kind, verdict):
    """Seen on kernel 6.18: a broadcast led to its own address is none for this host alone."""
    rules = (
        "*nat\n:PREROUTING ACCEPT [0:0]\n"
        "-A PREROUTING -p udp -j DNAT --to-destination 198.19.255.255\nCOMMIT\n"
        "*filter\n:INPUT DROP [0:0]\n"
        "-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT\nCOMMIT\n"
    )
    machine = Machine(semantics.LinuxModel(semantics.saved({4: rules})))
    here = ip_address("198.19.255.255")
    packet = WirePacket(ip_address("198.18.9.9"), here, "udp", 1001, destination_type=kind)
    assert machine.feed(packet, 0.0).verdict is Verdict[verdict]


# --- mutants: a model that is wrong in one place fails some case --------------------------------

MUTANTS = [
    ("words", 'word == "-g"', "False"),
    ("words", "Stateless(made, self.negated, word", "Stateless(made, False, word"),
    ("words", "self.negated, word in _ORIGINAL", "self.negated, False"),
    ("words", 'tuple(directions.split(",")), reader.negated', 'tuple(directions.split(","))'),
    ("words", '"CONFIRMED": ("unanswered", "known")', '"CONFIRMED": ("known",)'),
    ("words", '"INVALID": ("invalid",)', '"INVALID": ("invalid", "fresh")'),
    ("words", "(flag_word(mask), flag_word(wanted))", "(flag_word(wanted),) * 2"),
    ("words", 'int(options.get("--seconds", 0))', "0"),
    ("words", 'int(options.get("--hitcount", 0))', "0"),
    ("words", 'mask=_mask(options.get("--mask"))', "mask=None"),
    ("words", 'if "--rdest" in options', "if False"),
    ("words", 'negated="!" in options', "negated=False"),
    ("memory", "if key and (action.exist or not self._alive(key))", "if key"),
    (
        "memory",
        "if key and (action.exist or not self._alive(key))",
        "if key and not self._alive(key)",
    ),
    ("memory", "0 if default is None else seconds or 0", "action.timeout or 0"),
    ("memory", "self.entries.pop(key, None)", "pass"),
    ("memory", "if not seconds or self._younger(key, seconds)", "if self._younger(key, seconds)"),
    ("memory", 'test.action == "update" and matched', 'test.action == "update"'),
    ("memory", 'test.action == "set" or (test', 'test.action in ("set", "rcheck") or (test'),
    ("memory", "del self.entries[key]\n            return not", "return not"),
    ("memory", "hits >= max(test.hitcount, 1)", "hits > max(test.hitcount, 1)"),
    ("memory", 'yield f"{packet.protocol}:', 'yield ""; f"{packet.protocol}:'),
    ("specialise", '"RETURN": Leave()', '"RETURN": Stop(Verdict.REFUSE)'),
    ("specialise", '("DROP", "REJECT", "TARPIT")', '("DROP", "TARPIT")'),
    ("program", "if verdict is Verdict.REFUSE:", "if False:"),
    ("program", "self.memory.untracked and", "False and"),
    ("program", "memory.mark & ~action.mask ^ action.value", "memory.mark"),
    ("program", "self._elsewhere = action.route", "self._elsewhere = ()"),
    ("specialise", '{"port": int(port)} if port else', "{} if port else"),
    ("specialise", "if self.ask(FRESH):", "if True:"),
    ("specialise", "if not self.ask(TRANSLATED_BEFORE):", "if True:"),
    ("specialise", 'self._changed(flow="invalid") if', "self if"),
    ("specialise", "elif tests and changes:", "elif False:"),
    ("specialise", '"ACCEPT": Verdict.ACCEPT, "DROP"', '"ACCEPT": Verdict.REFUSE, "DROP"'),
    ("program", "if verdict or action.goto or", "if verdict or"),
    ("device", "replace(test, listed=listed) if written", "test if written"),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)))
def test_a_model_that_is_wrong_in_one_place_fails(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, number, MUTANTS[number], tmp_path, monkeypatch)
    assert any(case.fails(wrong) for case in CASES)
