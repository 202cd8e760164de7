"""Tcl policies of the embedded event manager, run by a real Tcl interpreter.

================  =================================================================
module            subject
================  =================================================================
``registration``  what a script waits for, as its first lines say
``interpreter``   the interpreter: a child process, and what a run asks of its router
``host.tcl``      the child's side: the event manager's own commands
================  =================================================================

Nothing here knows what scripts are for.
"""

from __future__ import annotations

from knockctl_ios.semantics.tcl.interpreter import (
    Failed,
    Interpreter,
    Moment,
    Router,
    Variables,
)
from knockctl_ios.semantics.tcl.registration import Registration, registration

__all__ = ["Failed", "Interpreter", "Moment", "Registration", "Router", "Variables", "registration"]
