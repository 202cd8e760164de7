"""The model of a PAN-OS firewall against its conformance cases, and mutants of it."""

import pytest

from knockctl_panos import semantics
from tests.fixtures.mutants import mutant
from tests.fixtures.panos_cases import cases

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    assert case.found(semantics) == case.wanted, case.fact


# --- mutants: a model that is wrong in one place fails some case --------------------------------

MUTANTS = [
    ("expressions", 'self.joined("or", self.both)', 'self.joined("or", self.one)'),
    ("expressions", "all_of(self.joined(", "any_of(self.joined("),
    ("expressions", "any_of(self.joined(", "all_of(self.joined("),
    ("expressions", "self.tokens[0].lower() == word", "self.tokens[0] == word"),
    ("expressions", "    if reader.tokens:\n", "    if False:\n"),
    ("objects", 'node.word("ip-netmask") or node.word("ip-range")', 'node.word("ip-netmask")'),
    ("objects", "int(found[0]), int(found[1])", "int(found[0]), int(found[0])"),
    ("objects", "if network.version != self.family:", "if False:"),
    (
        "objects",
        "elif name not in above:\n                yield from self._flat(",
        "else:\n                yield from self._flat(",
    ),
    ("objects", "yield from self._flat(group", "yield from (group"),
    ("objects", "if tag not in self.written:", "if False:"),
    ("objects", "any_of([*_within(side, self._tagged.get(tag, ())), runtime])", "runtime"),
    ("objects", "int(first), int(last or first)", "int(first), int(first)"),
    ("objects", 'Atom("source_port", sources)', 'Atom("port", sources)'),
    ("objects", "parts = [Is(protocol(name))]", "parts = []"),
    ("objects", '"service-https": ((443, 443),)', '"service-https": ((8443, 8443),)'),
    ("objects", 'others.append(guess(place, f"whether the {side} is in {one!r}"))', "pass"),
    ("formula", "none_of(_known(formula.part, ask, guesses=guesses))", "formula.part"),
    ("formula", "ends = isinstance(formula, Either)", "ends = isinstance(formula, All)"),
    ("logs", '"destination-address": "destination"', '"destination-address": "source"'),
    ("logs", "* MINUTE", "* 1"),
    ("logs", 'tagging.word("action") == "add-tag"', "True"),
    ("logs", 'or tagging.word("target") == "user"', ""),
    ("logs", 'if entry.word("log-type", "traffic") != "traffic":', "if False:"),
    ("logs", "if text.strip().lower() == EVERYTHING:", "if False:"),
    ("logs", 'if operator in ("neq", "notin"):', "if False:"),
    ("logs", 'registration.child("localhost") is not None', "True"),
    ("logs", '"leq": (0, number)', '"leq": (number, number)'),
    ("logs", '"geq": (number, 65535)', '"geq": (number, number)'),
    ("logs", 'if attribute == "port.dst" else Atom("source_port", (run,))', "if True else None"),
    ("logs", '"source" if attribute == "addr.src" else', '"source" if False else'),
    ("logs", "found = said[attribute] == value", "found = True"),
    ("logs", "found = None if value in log.to_zones else False", "found = True"),
    ("logs", "found = Is(log.zone(value))", "found = True"),
    ("rules", 'node.word("disabled") != "yes"', "True"),
    ("rules", 'node.word("negate-source") == "yes"', "False"),
    ("rules", 'node.word("negate-destination") == "yes"', "False"),
    ("rules", '"reset-both": Verdict.REFUSE', '"reset-both": Verdict.ACCEPT'),
    ("rules", '"deny": Verdict.REFUSE', '"deny": Verdict.ACCEPT'),
    ("rules", "applications != ANY and action(node) is not Verdict.ACCEPT", "False"),
    ("rules", "applications != ANY and action(node) is not Verdict.ACCEPT", "applications != ANY"),
    ("rules", "for one in (Verdict.ACCEPT, Verdict.REFUSE):", "for one in (Verdict.ACCEPT,):"),
    ("rules", "for one in (Verdict.ACCEPT, Verdict.REFUSE):", "for one in (Verdict.REFUSE,):"),
    ("rules", "condition=all_of([*_parts(rule.condition), said])", "condition=rule.condition"),
    ("rules", 'yield guess(place, f"what its {part.tag} means")', "pass"),
    ("rules", 'same if kind == "intrazone" else none_of(same)', "same"),
    ("rules", "True if inside <= zones else unknown", "True"),
    ("rules", "if zones & inside:", "if True:"),
    (
        "rules",
        "return any_of([*found, unknown])\n\n    def _same",
        "return any_of(found)\n\n    def _same",
    ),
    ("rules", 'effects=doing("start") if starts else ()', 'effects=doing("start")'),
    ("rules", 'ending=doing("end") if ends else ()', "ending=()"),
    ("rules", 'doing("drop") if starts or ends else ()', 'doing("drop")'),
    (
        "rules",
        '("intrazone-default", "intrazone", "allow")',
        '("intrazone-default", "intrazone", "deny")',
    ),
    (
        "rules",
        '("interzone-default", "interzone", "deny")',
        '("interzone-default", "interzone", "allow")',
    ),
    ("rules", 'words.setdefault("action"', 'words.update("action"'),
    ("rules", 'words.setdefault("log-end", Node("log-end", text="no"))', ""),
    ("memory", "return not self.holds(formula.part)", "return self.holds(formula.part)"),
    ("memory", "return any(self.holds(part)", "return all(self.holds(part)"),
    ("memory", "return all(self.holds(part)", "return any(self.holds(part)"),
    ("memory", "tags.pop(key, None)", "pass"),
    ("memory", "if key in tags and not how.refresh:", "if key in tags:"),
    ("memory", "if key in tags and not how.refresh:", "if False:"),
    ("memory", "seconds + how.delay if seconds else 0", "seconds if seconds else 0"),
    ("memory", "seconds + how.delay if seconds else 0", "seconds + how.delay"),
    ("memory", "del self.waiting[equal[1]]", "return"),
    ("memory", "if self.switches.together and self.waiting:", "if False:"),
    (
        "memory",
        "{**dict(before.changes), **dict(changes)}",
        "{**dict(changes), **dict(before.changes)}",
    ),
    (
        "memory",
        "while waiting and not clocks.younger(waiting[0].clock, how.delay):",
        "while waiting:",
    ),
    ("memory", "waiting.pop(0)", "waiting.pop()"),
    ("memory", "if not one.seconds or clocks", "if clocks"),
    (
        "memory",
        "clocks.younger(one.clock, one.seconds)]",
        "clocks.younger(one.clock, one.seconds + 1)]",
    ),
    ("memory", "if name in self.logged:", "if False:"),
    ("memory", 'rule if self.switches.aggregate == "rule" else ""', "rule"),
    ("memory", 'rule if self.switches.aggregate == "rule" else ""', '""'),
    ("memory", "AGGREGATED = 5", "AGGREGATED = 6"),
    ("memory", "of, str(self.packet.source), str(", "str("),
    ("memory", "self.packet.source if side ==", "self.packet.destination if side =="),
    ("device", "elif self.ask(_SESSION):", "elif False:"),
    ("device", "model.reject_non_syn and", ""),
    ("device", "model.reject_non_syn and self.ask(_TCP)", "False"),
    ("device", "self.ask(_TCP) and not self.ask(_OPENING):", "self.ask(_TCP):"),
    ("device", "self.ask(_TCP) and not self.ask(_OPENING)", "not self.ask(_OPENING)"),
    ("device", "reached = self.whole or any(", "reached = any("),
    ("device", "reached = self.whole or any(", "reached = True or any("),
    ("device", "mine = mine or left is not False", "mine = True"),
    ("device", "if changes and self.ask(rule.ends):", "if changes:"),
    ("device", "if refutes(atom):", "if not refutes(atom):"),
    ("device", "if left is True:\n                return", "return"),
    ("device", "if self.ask(_INSIDE):", "if False:"),
    ("device", "if answered(effect.matches, self.ask) is not False", ""),
    ("device", "rule.ending if ending else rule.effects", "rule.effects"),
    ("device", "if not self.whole or not (self.verdict or logs):", "if False:"),
    ("device", "if not mind.holds(one.tests):", "if mind.holds(one.tests):"),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: f"{n}-{MUTANTS[n][0]}")
def test_a_model_that_is_wrong_in_one_place_fails(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, number, MUTANTS[number], tmp_path, monkeypatch)
    assert any(case.fails(wrong) for case in CASES)
