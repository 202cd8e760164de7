"""Where on a router the policies act."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from knockctl import contract

# What IOS takes unquoted; a name begins with a letter (fact sheet 2).
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,63}$")]
Interface = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z-]*[0-9][0-9/.:]*$")]


class Username(BaseModel):
    """Whose authorization applets run with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: Name


class Before(BaseModel):
    """Above the entry of this number in the operator's access list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: int = Field(ge=1, le=2147483647)


class IosPlacement(contract.Placement):
    """Placement of a router's policies in an interface's input access list.

    Only addresses of IPv4 are protected: lock-and-key knows no other (fact sheet 2).
    """

    addresses: tuple[contract.Address, ...] = Field(min_length=1)
    """Protected addresses: the router's own, as clients send to them."""
    method: Literal["copp", "acl-log"] = "copp"
    """What writes a log line of a knock: the control plane's policy, or the access list itself."""
    interface: Interface
    """Where clients' packets come in, in full as the running configuration names it."""
    access_list: Name | None = None
    """The operator's own extended access list that judges packets there, which ours go into;
    None: the interface has none, and gets one of ours."""
    position: Literal["first", "last"] | Before = "first"
    """Where in it ours go."""
    policy_map: Name | None = None
    """The operator's own policy on the control plane, which our classes go into; None: there is
    none, and ours is put there."""
    control_plane: Literal["host", "aggregate"] = "host"
    """Which of the two the policies are bound to."""
    order: Literal["staged", "correlated", "tcl"] = "staged"
    """How the order of knocks is told: by an access list for each, by correlation, by a script
    on flash, which does what applets can't."""
    authorization: Literal["bypass"] | Username = "bypass"
    """What lets applets run commands where commands are authorized."""
    log_style: Literal["spaced", "tight", "with-ttl"] = "spaced"
    """How the control plane writes its lines; what is rendered reads all of them."""
    log_delay: int = Field(default=5, ge=0, le=60)
    """How many seconds at most it takes from a packet until an applet has done its work."""

    transfer: Literal["scp", "inline"] = "scp"
    """How the file of a change gets on flash: by SCP, or typed into the router's Tcl shell."""

    @model_validator(mode="after")
    def _only_what_there_is(self) -> Self:
        six = [str(address) for address in self.addresses if not isinstance(address, IPv4Address)]
        if six:
            raise ValueError(
                f"{six[0]}: dynamic access lists know only IPv4; name IPv4 addresses here, and "
                "close the services to IPv6 on the router"
            )
        if self.access_list is None and self.position != "first":
            raise ValueError("position is a place in the operator's list; name the access_list")
        if self.method == "acl-log" and self.policy_map is not None:
            raise ValueError("policy_map is for method copp: with acl-log no policy is needed")
        if self.transfer == "inline" and self.order == "tcl":
            raise ValueError("transfer: inline can't carry the script of order tcl: it has braces")
        return self
