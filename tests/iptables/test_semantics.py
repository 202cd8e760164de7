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
