"""What a PAN-OS firewall does with packets, from its documentation alone.

=================  ===============================================================
module             subject
=================  ===============================================================
``formula``        conditions: questions to packets and to tags
``expressions``    the filters of dynamic groups and of logs
``objects``        addresses, groups and services that rules name
``logs``           match lists: what a log registers
``rules``          security rules, compiled
``program``        the same as a chain, for single packets to be asked in
``ours``           which part of it the policies govern
``memory``         registered tags, and logs on their way
``device``         all of it as a ``DeviceModel``
=================  ===============================================================

Nothing here knows how the rules were made or what they are for.
"""

from __future__ import annotations

from knockctl_panos.semantics.device import FAMILIES, PanosModel, foreign_rules
from knockctl_panos.semantics.memory import Switches
from knockctl_panos.semantics.ours import Owned
from knockctl_panos.semantics.rules import Destinations, zone_interface

__all__ = [
    "FAMILIES",
    "Destinations",
    "Owned",
    "PanosModel",
    "Switches",
    "foreign_rules",
    "zone_interface",
]
