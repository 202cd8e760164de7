"""What a MikroTik router's firewall does with packets, from its documentation alone.

=================  ===============================================================
module             subject
=================  ===============================================================
``ruleset``        rows to chains of rules, address lists and patterns
``words``          a rule's words to conditions and an action
``matchers``       what a rule asks of the packet itself
``conditions``     what a rule asks and does
``firewall``       one family's rules and lists, compiled
``program``        what is left of the chains for one kind of packet
``memory``         the addresses that rules put on lists
``device``         all of it as a ``DeviceModel``
=================  ===============================================================

Nothing here knows how the rules were made or what they are for.
"""

from __future__ import annotations

from knockctl_routeros.semantics.device import RouterModel
from knockctl_routeros.semantics.ruleset import Ruleset

__all__ = ["RouterModel", "Ruleset"]
