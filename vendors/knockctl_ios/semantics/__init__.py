"""What an IOS router does with packets, from its documentation alone.

================  ================================================================
module            subject
================  ================================================================
``document``      the configuration, found by its names
``conditions``    questions to packets, joined
``lists``         access lists and their dynamic entries
``plane``         the control plane's classes, and what they log
``ways``          what else decides about packets
``logs``          log lines, and what a pattern makes of them
``expressions``   the expressions of applets, read
``regex``         what lines they match
``unprompted``    lines that no packet caused
``statements``    what applets wait for
``applets``       that, and their actions
``language``      their actions, executed
``configured``    what commands meet, and what of the state they look at
``memory``        what earlier packets left behind, and what is uncertain
``scripts``       Tcl policies
``entries``       temporary entries at work, and commands about them
``events``        lines that applets keep
``router``        all of a state at work
``settling``      what time alone does
``surroundings``  all of a configuration, compiled
``fates``         what of it a kind of packet meets
``device``        all of it as a ``DeviceModel``
================  ================================================================

Nothing here knows how a configuration was made or what it is for.
"""

from __future__ import annotations

from knockctl_ios.semantics.device import IosModel
from knockctl_ios.semantics.document import Document
from knockctl_ios.semantics.memory import Switches

__all__ = ["Document", "IosModel", "Switches"]
