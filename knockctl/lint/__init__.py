"""Every warning about a policy: calculated, or played to the reference automaton.

================  ================================================================
module            asks
================  ================================================================
``arithmetic``    what can be calculated: how many guesses, which fields contradict
``scans``         does a scan in order, at any rate, open it?
``random_scans``  how likely does a scan in random order open it?
``honest``        is a client who does nothing wrong caught or kept out?
``lockouts``      how few packets lock somebody else out?
``odds``          how long does guessing take?
``check``         all of it, for files and folders
================  ================================================================
"""

from __future__ import annotations

from knockctl.lint.arithmetic import Warned
from knockctl.lint.arithmetic import lint as arithmetic
from knockctl.lint.honest import caught
from knockctl.lint.lockouts import locked_out
from knockctl.lint.odds import odds
from knockctl.lint.random_scans import lucky_shuffles
from knockctl.lint.scans import opening_scans
from knockctl.policy.resolved import ResolvedPolicy


def lint(policy: ResolvedPolicy) -> list[Warned]:
    """Return every finding, played and calculated."""
    scans = (*opening_scans(policy), *lucky_shuffles(policy))
    return [*arithmetic(policy), *scans, *caught(policy), *locked_out(policy)]


__all__ = ["lint", "odds"]
