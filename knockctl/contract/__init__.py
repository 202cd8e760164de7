"""The contract a vendor package fulfils, and its registry (design, section 5).

A vendor is an entry point of the group ``knockctl.vendors`` naming a ``Vendor`` object. Its
package is imported when a device of its platform is used, its SDK when a connection is opened.

=============  ====================================================================
part           does
=============  ====================================================================
``Compiler``   pure: policies and placement to a ``Config``, device text to a
               ``Config``, two configs to a ``Remediation``
``Modeller``   pure: a ``Config``, or all a device runs, to a machine to be executed
``Driver``     one open connection: facts, read, arm, apply, cancel, persist; ``HeldByOperator``
               besides, where the device can't take a change back by itself
``Vendor``     names the two and opens the connection
=============  ====================================================================

Everything of the contract is imported from here. The modules, each of one subject:

=============  ====================================================================
module         subject
=============  ====================================================================
``placement``  what the user places
``rendered``   what rendering says: configurations and fidelity notes
``reading``    what a device tells
``change``     what is to be done, and what is not settled yet
``compiler``   the pure half of the contract: ``Compiler`` and ``Modeller``
``driver``     the half that talks: ``Driver``, and what one may have besides
``access``     who is in, and operating that
``target``     where a device is and how to log in
``registry``   ``Vendor``, and how one is found
=============  ====================================================================

Besides, what several vendors do alike: ``generations`` names sequences on devices, ``order`` tells
which rules can stay when others are moved, ``session`` is the beginning of a driver over one
session.
"""

from knockctl.contract.access import Access, AccessControl
from knockctl.contract.compiler import Compiler, Modeller, Running
from knockctl.contract.driver import (
    Driver,
    HeldByOperator,
    Talkative,
    WholeDevice,
    no_snapshot,
)
from knockctl.contract.placement import Address, Management, Network, Placement
from knockctl.contract.platform import (
    ENTRY_POINTS,
    AnyVendor,
    Vendor,
    served,
    vendor_for,
    vendors,
)
from knockctl.contract.reading import Endpoint, Facts, Reading
from knockctl.contract.remediation import (
    CancelResult,
    Change,
    PendingChange,
    R,
    R_co,
    R_contra,
    Remediation,
)
from knockctl.contract.rendered import C, C_contra, Config, FidelityNote, Meaning, Rendered
from knockctl.contract.target import Credentials, Target, Timeouts

__all__ = [
    "ENTRY_POINTS",
    "Access",
    "AccessControl",
    "Address",
    "AnyVendor",
    "C",
    "C_contra",
    "CancelResult",
    "Change",
    "Compiler",
    "Config",
    "Credentials",
    "Driver",
    "Endpoint",
    "Facts",
    "FidelityNote",
    "HeldByOperator",
    "Management",
    "Meaning",
    "Modeller",
    "Network",
    "PendingChange",
    "Placement",
    "R",
    "R_co",
    "R_contra",
    "Reading",
    "Remediation",
    "Rendered",
    "Running",
    "Talkative",
    "Target",
    "Timeouts",
    "Vendor",
    "WholeDevice",
    "no_snapshot",
    "served",
    "vendor_for",
    "vendors",
]
