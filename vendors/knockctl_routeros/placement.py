"""Where on a router the policies act."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from knockctl import contract

# RouterOS takes any text; these need no quoting and are what people use.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@/+-]{1,63}$")]


class RouterManagement(contract.Management):
    """Who manages the router; by default over the API with TLS."""

    port: int = Field(default=8729, ge=1, le=65535)


class RouterPlacement(contract.Placement):
    """Placement of a router's policies in its firewall."""

    management: RouterManagement | None = None
    chain: Literal["input", "forward"] = "input"
    """``input``: the router itself is protected; ``forward``: the hosts behind it that
    ``addresses`` names."""
    interface: Name | None = None
    """Packets that come in elsewhere are not ours. None: every interface."""
    interface_list: Name | None = None
    """The same for an interface list, such as ``WAN``."""
    position: Literal["first"] | Annotated[int, Field(ge=1)] = "first"
    """Where our jump goes in its chain: above all others, or as this rule number."""
    payload_match: Literal["content", "layer7"] = "content"
    """How a passphrase is looked for: in one datagram as it is, or by a layer 7 pattern, which
    costs more and takes capitals for small letters."""
    raw: bool = False
    """Whether lock-outs and TCP traps act before connection tracking: cheaper under a flood, but
    the open sessions of whoever is locked out end, too."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.interface and self.interface_list:
            raise ValueError("interface and interface_list exclude each other; keep one")
        if self.chain == "forward" and not self.addresses:
            raise ValueError(
                "chain: forward protects hosts behind the router; name them under addresses"
            )
        return self
