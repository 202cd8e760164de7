"""What a Linux host's packet filter does with packets, from its documentation alone.

=================  ===============================================================
module             subject
=================  ===============================================================
``ruleset``        saved text to chains of rules and headers of sets
``words``          a rule's words to conditions
``nft``            native nftables rules to the same, with ``matches`` and ``nfttext``
``way``            the base chains a packet meets, in order
``conditions``     what a rule asks and does, in the kernel's order
``program``        what is left of the chains for one kind of packet
``memory``         members of sets and addresses in ``recent`` lists
``chained``        the rules as chains that single packets are asked in
``device``         all of it as a ``DeviceModel``
=================  ===============================================================

Nothing here knows how the rules were made or what they are for.
"""

from __future__ import annotations

from knockctl_iptables.semantics.device import LinuxModel
from knockctl_iptables.semantics.nft import BadAnswer, Native
from knockctl_iptables.semantics.nft import read as read_native
from knockctl_iptables.semantics.ruleset import Ruleset, ours, saved

__all__ = ["BadAnswer", "LinuxModel", "Native", "Ruleset", "ours", "read_native", "saved"]
