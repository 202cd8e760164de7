"""The model of a Linux packet filter against its conformance cases, and mutants of it."""

import pytest

from knockctl.automaton.model import Machine
from knockctl.automaton.traces import Flows
from knockctl_iptables.semantics import LinuxModel, saved
from tests.fixtures.conformance import cases

CASES = [case for case in cases() if not case.chances]


def verdicts(case, model=None):
    """Play a case on the model: connection tracking is done here, from the verdicts so far."""
    from dataclasses import replace

    machine = Machine(model or LinuxModel(saved({case.family: case.rules}, case.sets)))
    flows, found = Flows(), []
    for sent in case.packets:
        packet = replace(sent.packet, flow=flows.of(sent.packet))
        reaction = machine.feed(packet, sent.at)
        found.append(reaction.verdict.value)
        if found[-1] == "accept":
            flows.accepted(packet)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    assert verdicts(case) == [sent.verdict for sent in case.packets], case.fact


# --- mutants: a model that is wrong in one place fails some case --------------------------------

MUTANTS = [
    ("words", 'word == "-g"', "False"),
    ("words", "Stateless(made, self.negated)", "Stateless(made)"),
    ("words", 'tuple(directions.split(",")), reader.negated', 'tuple(directions.split(","))'),
    ("words", '"CONFIRMED": ("unanswered", "known")', '"CONFIRMED": ("known",)'),
    ("words", '"INVALID": ("invalid",)', '"INVALID": ("invalid", "fresh")'),
    ("words", "(flag_word(mask), flag_word(wanted))", "(flag_word(wanted),) * 2"),
    ("words", 'int(options.get("--seconds", 0))', "0"),
    ("words", 'int(options.get("--hitcount", 0))', "0"),
    ("words", 'prefix=_prefix(options.get("--mask"))', "prefix=None"),
    ("words", 'if "--rdest" in options', "if False"),
    ("words", 'negated="!" in options', "negated=False"),
    ("memory", "if key and (action.exist or not self._alive(key))", "if key"),
    (
        "memory",
        "if key and (action.exist or not self._alive(key))",
        "if key and not self._alive(key)",
    ),
    ("memory", "(seconds or 0,)", "(action.timeout or 0,)"),
    ("memory", "self.entries.pop(key, None)", "pass"),
    ("memory", "if not seconds or self._younger(key, seconds)", "if self._younger(key, seconds)"),
    ("memory", 'test.action == "update" and matched', 'test.action == "update"'),
    ("memory", 'test.action == "set" or (test', 'test.action in ("set", "rcheck") or (test'),
    ("memory", "del self.entries[key]\n            return not", "return not"),
    ("memory", "hits >= max(test.hitcount, 1)", "hits > max(test.hitcount, 1)"),
    ("memory", 'yield f"{packet.protocol}:', 'yield ""; f"{packet.protocol}:'),
    ("program", '"RETURN": Leave()', '"RETURN": Stop(Verdict.REFUSE)'),
    ("program", '("DROP", "REJECT", "TARPIT")', '("DROP", "TARPIT")'),
    ("program", "if instruction.action.verdict is Verdict.REFUSE:", "if False:"),
    ("program", 'fixed["port"] =', 'fixed["nothing"] ='),
    ("program", "elif tests and changes:", "elif False:"),
    ("program", '"ACCEPT": Verdict.ACCEPT, "DROP"', '"ACCEPT": Verdict.REFUSE, "DROP"'),
    ("device", "if verdict or action.goto:", "if verdict:"),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)))
def test_a_model_that_is_wrong_in_one_place_fails(number, tmp_path, monkeypatch):
    import importlib
    import shutil
    from pathlib import Path

    from knockctl_iptables import semantics

    module, right, wrong = MUTANTS[number]
    name = f"mutant{number}"
    shutil.copytree(Path(semantics.__file__).parent, tmp_path / name)
    for path in (tmp_path / name).glob("*.py"):
        text = path.read_text().replace("knockctl_iptables.semantics", name)
        if path.stem == module:
            assert right in text, "the place to go wrong in is gone"
            text = text.replace(right, wrong)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    mutant = importlib.import_module(name)
    assert any(_fails(mutant, case) for case in CASES)


def _fails(mutant, case):
    try:
        rules = mutant.saved({case.family: case.rules}, case.sets)
        return verdicts(case, mutant.LinuxModel(rules)) != [sent.verdict for sent in case.packets]
    except (KeyError, LookupError, TypeError, AttributeError):
        return True
