"""Lint whose evidence is played: scanners, honest clients and forgers against the automaton.

============  ====================================================================
module        asks
============  ====================================================================
``scans``     does a scan in order, or in no order, open it?
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
from knockctl.policy.lint import Warned
from knockctl.policy.lint import lint as arithmetic
from knockctl.policy.resolved import ResolvedPolicy


def lint(policy: ResolvedPolicy) -> list[Warned]:
    """Return every finding, played and calculated."""
    return [*arithmetic(policy), *opening_scans(policy), *caught(policy), *locked_out(policy)]


__all__ = ["lint", "odds"]
