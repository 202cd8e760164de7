"""The model of a Linux packet filter against its conformance cases, and mutants of it."""

from dataclasses import replace

import pytest

from knockctl.automaton.model import Machine
from knockctl.automaton.traces import Flows
from knockctl.automaton.wire import FLAGS
from knockctl_iptables.semantics import LinuxModel, saved
from tests.fixtures.conformance import cases

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


def verdicts(case, model=None):
    """Play a case on the model: connection tracking is done here, from the verdicts so far."""
    machine = Machine(model or LinuxModel(saved({case.family: case.rules}, case.sets)))
    flows, found = Flows(), []
    for sent in case.packets:
        packet = replace(sent.packet, flow=flows.of(sent.packet))
        reaction = machine.feed(packet, sent.at)
        found.append(reaction.verdict.value)
        if found[-1] == "accept":
            flows.accepted(packet)
            if packet.protocol == "tcp" and packet.opening:
                flows.answered(reset_of(packet))
    return found


def reset_of(packet):
    """Nobody listens on the host of the conformance cases."""
    return replace(
        packet,
        source=packet.destination,
        destination=packet.source,
        port=packet.source_port,
        source_port=packet.port,
        flags=FLAGS["rst"] | FLAGS["ack"],
    )


@pytest.mark.parametrize(
    "case",
    [case for case in EVERY if case.name in (*GUESSED, *NOT_FOLLOWED)],
    ids=lambda case: case.name,
)
def test_what_the_model_does_not_follow_is_known(case):
    """Once the model follows it, its name must go from the lists above."""
    assert verdicts(case) != [sent.verdict for sent in case.packets]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    assert verdicts(case) == [sent.verdict for sent in case.packets], case.fact


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
