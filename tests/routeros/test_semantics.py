"""The model of a RouterOS firewall against its conformance cases, and mutants of it."""

import pytest

from knockctl_routeros import semantics
from tests.fixtures.mutants import mutant
from tests.fixtures.routeros import cases

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    assert case.found(semantics) == case.wanted, case.fact


# --- mutants: a model that is wrong in one place fails some case --------------------------------

MUTANTS = [
    ("program", "return isinstance(last, Stop) or", "return True or"),
    ("words", "if in_force(row):", "if True:"),
    ("ruleset", 'row.get("disabled") not in _YES and', ""),
    ("ruleset", 'and row.get("invalid") not in _YES', ""),
    ("ruleset", "self.menus.get(menu, ()) if in_force(row))", "self.menus.get(menu, ()))"),
    ("ruleset", '6: "/ipv6 firewall"', '6: "/ip firewall"'),
    ("ruleset", "int(ip_address(last))", "int(ip_address(first))"),
    ("ruleset", "size = 1 << (bits - int(digits))", "size = 1 << int(digits)"),
    ("words", "if source:\n                words.remove", "if True:\n                words.remove"),
    ("words", "if ports:\n                words[", "if True:\n                words["),
    ("words", "] = _PORTED_WORD", ":] = ()"),
    ("words", "if not shared:", "if False:"),
    ("words", "1 << (32 - length) for length", "1 << length for length"),
    ("words", "strange = strange or not self._allowed(key)", "pass"),
    ("words", "or number >> 24 == _LOOPBACK", ""),
    ("conditions", 'Atom("source", self.source)', 'Atom("destination", self.source)'),
    ("conditions", 'Atom("port", self.ports)', 'Atom("source_port", self.ports)'),
    ("matchers", "own[0] <= first and last <= own[1]", "True"),
    ("matchers", "own[0] <= first and last <= own[1]", "False"),
    ("ruleset", 'if row.get("timeout"):', "if False:"),
    ("ruleset", "(*known.unsure, ((), place))", "known.unsure"),
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
    ("words", "needs is None or number_of", "True or number_of"),
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
    ("matchers", '"0-255" if codes in ("", "any") else codes', 'codes or "0"'),
    ("matchers", "number | int(last or first)", "number | 255"),
    ("matchers", "whole=all(anchors), folded=True", "whole=all(anchors)"),
    ("matchers", "whole=all(anchors), folded=True", "folded=True"),
    ("matchers", '(Atom("interface", LOOPBACK),)', '(Atom("interface", "ether1"),)'),
    ("matchers", "_plain(_destination_type)", "lambda *_: ()"),
    ("matchers", 'Clause(((protocol("tcp"), False), (_OPENING, False))),', ""),
    ("matchers", 'Clause(((flow("untracked"), False),)),', ""),
    ("matchers", "Clause(((known, False), (context.guess, True))),", ""),
    ("matchers", "context.around.family == 6 or", ""),
    ("matchers", 're.sub(r"\\\\(.)", r"\\1", body)', "body"),
    ("matchers", '"gre": 47', '"gre": 50'),
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
    ("firewall", "if self.whole or test.name in", "if test.name in"),
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
    ("firewall", "if target in (*above, key):", "if target in above:"),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: f"{n}-{MUTANTS[n][0]}")
def test_a_model_that_is_wrong_in_one_place_fails(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, number, MUTANTS[number], tmp_path, monkeypatch)
    assert any(case.fails(wrong) for case in CASES)
