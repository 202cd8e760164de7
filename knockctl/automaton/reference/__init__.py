"""What a policy means: the reference automaton, the oracle for everything else.

Pure: no I/O, no clock of its own; the caller says what time it is. The rule numbers are those
of the design, section 3, and every step returns the rule that decided it.

State is kept per source address and policy: for each generation a stage ``k`` with a
deadline, ``granted_until`` and ``locked_until``. Times are seconds on any clock that only
moves forward; something is over when ``now >= deadline``.

Where a device can only approximate a policy, the automaton runs with the same `Relaxations`;
those are the only difference, and none by default.

=========  =====================================================================
module     subject
=========  =====================================================================
``state``  one source in one policy
``rules``  the rules of one policy
``site``   several policies on one address, and the automaton that remembers
=========  =====================================================================
"""

from knockctl.automaton.reference.rules import Judgement, judge, judge_foreign
from knockctl.automaton.reference.site import Automaton, Site, Step, initial, step
from knockctl.automaton.reference.state import NEVER, Address, Packet, Stage, State
from knockctl.automaton.verdict import Verdict

__all__ = [
    "NEVER",
    "Address",
    "Automaton",
    "Judgement",
    "Packet",
    "Site",
    "Stage",
    "State",
    "Step",
    "Verdict",
    "initial",
    "judge",
    "judge_foreign",
    "step",
]
