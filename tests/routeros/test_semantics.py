"""The model of a RouterOS firewall against its conformance cases, and mutants of it."""

import importlib
import shutil
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockctl.automaton.alphabet import UNINTERPRETED, Of
from knockctl.automaton.model import ConcreteClocks
from knockctl.automaton.wire import WirePacket
from knockctl_routeros import semantics
from tests.fixtures.routeros import cases, rows_of

CASES = cases()
by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@by_case
def test_the_model_does_what_the_documentation_says(case):
    found = list(case.verdicts(case.model(semantics)))
    assert found == [sent.verdict for sent in case.packets], case.fact


# --- the contract of `knockctl.automaton.model` -------------------------------------------------


@by_case
def test_nothing_is_asked_that_was_not_announced(case):
    model = case.model(semantics)
    announced = set(model.predicates(case.family))
    for packet in _packets(case, model):
        asked = _Recording(Of(packet))
        for verdict in (True, False):
            model.signature(case.family, asked, verdict=verdict)
        assert asked.atoms <= announced


@by_case
def test_packets_of_one_signature_are_treated_alike(case):
    """Two packets of a case that look alike get one verdict and leave the same behind."""
    model, seen = case.model(semantics), {}
    for packet in _packets(case, model):
        likes = replace(packet, source=ip_address("198.18.9.9" if case.family == 4 else "2001::9"))
        signature = model.signature(case.family, Of(likes))
        got = model.step((), likes, ConcreteClocks())
        assert seen.setdefault(signature, (got.verdict, got.state, got.resets)) == (
            got.verdict,
            got.state,
            got.resets,
        )


@by_case
def test_where_the_verdict_is_nobodys_concern_the_same_is_left_behind(case):
    """Packets that differ in what they leave differ in the signature without verdicts, too."""
    model, seen = case.model(semantics), {}
    for packet in _packets(case, model):
        likes = replace(packet, source=ip_address("198.18.9.9" if case.family == 4 else "2001::9"))
        signature = model.signature(case.family, Of(likes), verdict=False)
        assert seen.setdefault(signature, model.step((), likes, ConcreteClocks()).state) == (
            model.step((), likes, ConcreteClocks()).state
        )


@by_case
def test_a_state_declares_every_clock_it_asks_for(case):
    model = case.model(semantics)
    state, clocks = model.initial, _Declared()
    for packet in _packets(case, model):
        clocks.declared = model.thresholds(state)
        reaction = model.step(state, packet, clocks)
        clocks.declared = model.thresholds(reaction.state)
        assert model.settle(reaction.state, clocks) == reaction.state
        state = reaction.state


class _Recording:
    def __init__(self, ask):
        self.ask, self.atoms = ask, set()

    def __call__(self, atom, /):
        self.atoms.add(atom)
        return self.ask(atom)

    def refutes(self, atom, /):
        self.atoms.add(atom)
        return self.ask.refutes(atom)


class _Declared:
    """Clocks that never run out, and know what may be asked of them."""

    def __init__(self, declared=None):
        self.declared = declared or {}

    def younger(self, name, seconds):
        assert seconds in self.declared[name]
        return True


def _packets(case, model):
    """Yield a case's packets, as they are and with everything that may happen to be so."""
    chances = [a.test for a in model.predicates(case.family) if a.field == "chance"]
    for packet in dict.fromkeys(sent.packet for sent in case.packets[:40]):
        for flow in ("fresh", "known", "untracked"):
            yield replace(packet, flow=flow)
            yield replace(packet, flow=flow, chances=frozenset(chances))
            yield from (replace(packet, flow=flow, chances=frozenset((c,))) for c in chances)


# --- what a reaction tells ----------------------------------------------------------------------


def _step(rules, packet, **options):
    model = semantics.RouterModel(semantics.Ruleset.of(rows_of(rules), **options))
    return model.step(model.initial, packet, ConcreteClocks())


KNOCK = WirePacket(ip_address("198.18.5.1"), ip_address("198.18.0.1"), "tcp", 888)
ADDING = """/ip firewall filter
add action=add-src-to-address-list address-list=A address-list-timeout=30s chain=input
"""


def test_a_clock_is_named_by_list_and_address():
    reaction = _step(ADDING, KNOCK)
    assert reaction.resets == {("A", "198.18.5.1")}
    assert reaction.state == ((("A", "198.18.5.1"), 30),)
    assert reaction.keyed


@pytest.mark.parametrize(
    ("rule", "keyed"),
    [
        ("add action=drop chain=input src-address-list=A", True),
        ("add action=drop chain=input dst-address-list=A", False),
        ("add action=drop chain=input dst-address-list=B", True),
        ("add action=add-dst-to-address-list address-list=C chain=input", False),
        ("add action=add-src-to-address-list address-list=B chain=input", True),
    ],
)
def test_only_what_belongs_to_the_source_alone_is_keyed(rule, keyed):
    """List B is configuration: whoever is on it, no packet put him there."""
    rows = f"/ip firewall address-list\nadd address=198.18.0.0/30 list=B\n{ADDING}{rule}\n"
    assert _step(rows, KNOCK).keyed is keyed


def test_rules_are_named_as_the_router_prints_them():
    disabled = "add action=drop chain=input disabled=yes\n"
    rows = f'{ADDING}{disabled}add action=drop chain=input comment="a b"\n'
    added = "action=add-src-to-address-list address-list=A address-list-timeout=30s"
    assert _step(rows, KNOCK, whole=True).rules == (
        f"/ip firewall filter input rule 1: {added}",
        '/ip firewall filter input rule 3: action=drop comment="a b"',
    )
    assert _step(ADDING, KNOCK, whole=True).rules[-1] == (
        "the end of /ip firewall filter input, which accepts"
    )


def test_what_is_not_understood_is_named():
    rows = rows_of("/ip firewall filter\nadd action=drop chain=input psd=21,3s,3,1\n")
    model = semantics.RouterModel(semantics.Ruleset.of(rows))
    assert UNINTERPRETED + "/ip firewall filter input rule 1: action=drop psd=21,3s,3,1" in [
        atom.test for atom in model.predicates(4)
    ]


def test_jumps_in_all_directions_come_to_an_end():
    names = [f"c{n}" for n in range(40)]
    rules = "".join(
        f"add action=jump chain={a} jump-target={b}\n" for a in ("input", *names) for b in names
    )
    assert _step(f"/ip firewall filter\n{rules}", KNOCK, whole=True).verdict.value == "accept"


# --- mutants: a model that is wrong in one place fails some case --------------------------------

MUTANTS = [
    (
        "ruleset",
        "if in_force(row):\n                    place",
        "if True:\n                    place",
    ),
    ("ruleset", 'row.get("disabled") not in _YES and', ""),
    ("ruleset", 'and row.get("invalid") not in _YES', ""),
    ("ruleset", '_YES = ("yes", "true")', '_YES = ("yes",)'),
    (
        "ruleset",
        "if row.menu == menu and in_force(row):\n                name",
        "if row.menu == menu:\n                name",
    ),
    ("ruleset", '6: "/ipv6 firewall"', '6: "/ip firewall"'),
    ("ruleset", "int(ip_address(last))", "int(ip_address(first))"),
    ("ruleset", 'if row.get("timeout"):', "if False:"),
    ("ruleset", "(*known.unsure, ((), place))", "known.unsure"),
    ("words", 'or "accept"', 'or "drop"'),
    ("words", '"reject": Stop(Verdict.REFUSE)', '"reject": Goes()'),
    ("words", '"tarpit": Stop(Verdict.REFUSE)', '"tarpit": Goes()'),
    ("words", '"log": Goes()', '"log": Stop(Verdict.ACCEPT)'),
    ("words", '"passthrough": Goes()', '"passthrough": Stop(Verdict.ACCEPT)'),
    ("words", '"return": Leave()', '"return": Goes()'),
    ("words", '"return": Leave()', '"return": Stop(Verdict.ACCEPT)'),
    ("words", "Anything()", "Goes()"),
    ("words", 'name.startswith("!")', "False"),
    ("words", '"add-dst-to-address-list": "destination"', '"add-dst-to-address-list": "source"'),
    ("words", '"dst-address-list": "destination"', '"dst-address-list": "source"'),
    ("words", "return FOREVER", "return 1"),
    ("words", "return STATIC", "return FOREVER"),
    ("words", "weeks * 7 + days", "weeks + days"),
    ("words", "* 24 + hours", "+ hours"),
    ("words", "strange = strange or read is None", "pass"),
    ("words", 'strange = seconds(self.row.get("address-list-timeout")) is None', "strange = False"),
    ("words", "if key in CHANCES:", "if False:"),
    ("words", "(needs and number_of", "(False and number_of"),
    ("matchers", 'if text.startswith("!"):', "if False:"),
    (
        "matchers",
        "tuple(Clause(((atom, False),)) for atom in atoms)",
        "(Clause(tuple((a, False) for a in atoms)),)",
    ),
    ("matchers", "int(last or first)", "int(first)"),
    ("matchers", '_plain(_ports("port", "source_port"))', '_plain(_ports("port"))'),
    ("matchers", '_plain(_ports("source_port"))', '_plain(_ports("port"))'),
    ("matchers", '"new": ("fresh", "unanswered")', '"new": ("unanswered",)'),
    ("matchers", '"established": ("known",)', '"established": ("known", "fresh")'),
    ("matchers", '"untracked": ("untracked",)', '"untracked": ("fresh",)'),
    ("matchers", 'if context.around.table == "raw":', "if False:"),
    ("matchers", '(name == "all") != text.startswith("!")', 'name == "all"'),
    (
        "matchers",
        "for word in words if not word.startswith",
        "for word in words if word.startswith",
    ),
    ("matchers", 'code not in ("", "any", "0-255")', "False"),
    ("matchers", "_plain(_destination_type)", "lambda *_: ()"),
    ("matchers", 'Clause(((protocol("tcp"), False), (_OPENING, False))),', ""),
    ("matchers", 'Clause(((flow("untracked"), False),)),', ""),
    ("matchers", "Clause(((known, False), (context.guess, True))),", ""),
    ("matchers", "context.around.family == 6 or", ""),
    ("matchers", 're.sub(r"\\\\(.)", r"\\1", body)', "body"),
    ("matchers", "47", "48"),
    ("memory", "!= test.negated", "!= False"),
    ("memory", "not self.refresh or", "self.refresh or"),
    ("memory", "not self.refresh or", ""),
    ("memory", "or self.entries[key] == STATIC", ""),
    ("memory", "clocks.younger(key, time)", "clocks.younger(key, time + 1)"),
    ("memory", "clocks.younger(key, time)", "clocks.younger(key, time - 1)"),
    ("memory", "if time <= 0 or clocks.younger(key, time)", "if clocks.younger(key, time)"),
    (
        "memory",
        "self.entries[key] = action.seconds",
        "self.entries.setdefault(key, action.seconds)",
    ),
    ("memory", "self.packet.source if source", "self.packet.destination if source"),
    ("memory", "time <= 0 or key in self.resets or", "time <= 0 or"),
    ("program", '("LOCAL", "BROADCAST", "MULTICAST")', '("LOCAL",)'),
    ("program", 'self._walk("raw", "prerouting")', "()"),
    ("program", 'self._walk("raw", "prerouting")', 'self._walk("filter", "prerouting")'),
    ("program", "Verdict.ACCEPT), place)", "Verdict.REFUSE), place)"),
    ("program", "or not self.rules.whole", ""),
    ("program", "if self.whole or test.name", "if test.name"),
    ("program", "any(self.ask(atom) == wanted", "all(self.ask(atom) == wanted"),
    (
        "program",
        "if test.negated:\n                    return None",
        "if False:\n                    return None",
    ),
    ("program", "elif not test.negated:", "else:"),
    (
        "program",
        "return None if self._by_rows(action.name, action.side) else action",
        "return None",
    ),
    ("program", 'return "untracked" in atom.test if', 'return "fresh" in atom.test if'),
    ("program", "return self.ask(self.exempt.guess)", "return False"),
    ("program", "self.ask(ACCEPTED) and", ""),
    (
        "program",
        "return Call(program) if program else None",
        "return Call(program[:1]) if program else None",
    ),
    (
        "program",
        "rules = self.rules.chains.get((table, chain), ())",
        "rules = self.rules.chains.get((table, chain), ())[::-1]",
    ),
    ("program", "if refutes(atom):", "if not refutes(atom):"),
    ("device", "if self.play(fate.raw) is Verdict.REFUSE:", "if self.play(fate.raw):"),
    (
        "device",
        "if self.play(fate.raw) is Verdict.REFUSE:",
        "if self.play(fate.tracked) and self.play(fate.raw) is Verdict.REFUSE:",
    ),
    ("device", "self.untracked = True", "pass"),
    ("device", "fate.untracked if self.untracked else fate.tracked", "fate.tracked"),
    ("device", "if verdict:\n                    return verdict", "return verdict"),
    ("device", "not all(self.memory", "not any(self.memory"),
    ("device", "if target in (*above, key):", "if target in above:"),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: f"{n}-{MUTANTS[n][0]}")
def test_a_model_that_is_wrong_in_one_place_fails(number, tmp_path, monkeypatch):
    module, right, wrong = MUTANTS[number]
    name = f"router_mutant{number}"
    shutil.copytree(Path(semantics.__file__).parent, tmp_path / name)
    for path in (tmp_path / name).glob("*.py"):
        text = path.read_text().replace("knockctl_routeros.semantics", name)
        if path.stem == module:
            assert right in text, "the place to go wrong in is gone"
            text = text.replace(right, wrong)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    mutant = importlib.import_module(name)
    assert any(_fails(mutant, case) for case in CASES)


def _fails(mutant, case):
    try:
        found = list(case.verdicts(case.model(mutant)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return True
    return found != [sent.verdict for sent in case.packets]
