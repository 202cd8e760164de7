"""The model of a Linux packet filter against its conformance cases, and mutants of it."""

import pytest

from knockctl.automaton.model import Machine
from knockctl.automaton.traces import Flows
from knockctl_iptables.semantics import LinuxModel, saved
from tests.fixtures.conformance import cases

# What the kernel does and the model does not follow. In proofs the first kind is named and makes
# them unknown where they depend on it; the second kind is listed in docs/linux.md.
GUESSED = (
    "who-asks-is-not-local",
    "a-type-of-icmp-with-its-code",
    "the-port-it-was-sent-to",
    "who-is-in-a-set-is-marked",
    "a-list-keeps-the-mask-of-its-first-rule",
    "a-wider-mask-in-a-later-rule-is-ignored",
    "a-mask-need-not-be-a-prefix",
    "a-set-can-be-filled-before-the-filter-table",
    "capitals-matter-unless-told-otherwise",
    "translated-to-this-hosts-own-address",
    "a-queue-nobody-reads-drops",
    "a-queue-that-may-be-bypassed-accepts",
)
NOT_FOLLOWED = (
    "a-called-chain-before-the-filter-table-drops",
    "a-goto-before-the-filter-table-drops",
    "the-policy-of-another-table-decides-too",
    "flows-exempt-from-tracking",
    "an-answered-echo-is-established",
    "a-flow-answered-with-a-reset-is-forgotten",
    "a-flow-stays-translated",
    "a-member-listed-beforehand-runs-out",
    "a-network-listed-holds-its-addresses",
    "the-search-begins-with-the-packets-own-header",
)
EVERY = [case for case in cases() if not case.chances]
CASES = [case for case in EVERY if case.name not in (*GUESSED, *NOT_FOLLOWED)]


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
    ("memory", "0 if default is None else seconds or 0", "action.timeout or 0"),
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
