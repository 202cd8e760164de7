"""Where on a Linux host the policies act."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from knockctl import contract

# IFNAMSIZ is 16 with the final NUL; iptables reads a trailing + as "any that begin so".
Interface = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@-]{1,14}[A-Za-z0-9_.:@+-]?$")]


class LinuxPlacement(contract.Placement):
    """Placement of a host's policies in its packet filter."""

    interfaces: tuple[Interface, ...] = ()
    """Packets from other interfaces are not ours. None listed: every interface but ``lo``."""
    position: Literal["first"] | Annotated[int, Field(ge=1)] = "first"
    """Where our jump goes into ``INPUT``: above all others, or as this rule number."""
