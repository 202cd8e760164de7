"""Lint whose evidence is played: scanners, honest clients and forgers against the automaton.

============  ====================================================================
module        asks
============  ====================================================================
``scans``     does a scan in order, at any rate, open it?
``shuffled``  how likely does a scan in random order open it?
``honest``    is a client who does nothing wrong caught or kept out?
``lockouts``  how few packets lock somebody else out?
``odds``      how long does guessing take?
============  ====================================================================
"""

from __future__ import annotations

from knockctl.automaton.lint.honest import caught
from knockctl.automaton.lint.lockouts import locked_out
from knockctl.automaton.lint.odds import odds
from knockctl.automaton.lint.scans import opening_scans
from knockctl.automaton.lint.shuffled import lucky_shuffles
from knockctl.policy.lint import Warned
from knockctl.policy.lint import lint as arithmetic
from knockctl.policy.resolved import ResolvedPolicy


def lint(policy: ResolvedPolicy) -> list[Warned]:
    """Return every finding, played and calculated."""
    scans = (*opening_scans(policy), *lucky_shuffles(policy))
    return [*arithmetic(policy), *scans, *caught(policy), *locked_out(policy)]


__all__ = ["lint", "odds"]
