"""The names and the memory of one policy on a router.

How far a source has come is an entry of its own in an access list that judges no packets: one
list for each number of knocks made, each with the one dynamic list it may have. Applets make,
read and clear the entries. Lists of a sequence are named ``kc-<policy>-<generation>-m<knocks>``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from knockctl.policy.resolved import Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl_ios.config.generations import PLACEHOLDERS
from knockctl_ios.config.records import OWN_NAME, SECRET
from knockctl_ios.config.syntax import Line
from knockctl_ios.placement import IosPlacement
from knockctl_ios.render.times import minutes

LIST = "ip access-list extended"


@dataclass(frozen=True, slots=True)
class Memory:
    """Where it is kept that a source has made so many knocks of a sequence."""

    access_list: str
    dynamic: str

    def line(self, cap: int) -> Line:
        """Return the access list; ``cap`` in minutes."""
        said = f"dynamic {self.dynamic} timeout {cap} permit ip any any"
        return Line(f"{LIST} {self.access_list}", (Line(said),))


@dataclass(frozen=True)
class PolicyNames:
    """Names what one policy needs in its place; its times are whole minutes already."""

    policy: ResolvedPolicy
    place: IosPlacement

    @cached_property
    def name(self) -> str:
        """What all names begin with; of the dynamic list of a grant, all of it."""
        return f"{OWN_NAME}{self.policy.name}"

    @property
    def services(self) -> str:
        """The object group of what a grant opens."""
        return f"{self.name}-services"

    @property
    def knocks(self) -> str:
        """The access list and the class of knocks on the control plane."""
        return f"{self.name}-knocks"

    @property
    def locked(self) -> Memory:
        """Where it is shown who is locked out."""
        return Memory(f"{self.name}-out", f"{self.name}-locked")

    @property
    def script(self) -> str:
        """The file of the Tcl policy."""
        return f"{self.name}-{PLACEHOLDERS[0]}.tcl"

    @property
    def access_list(self) -> str:
        """The access list of the interface."""
        return self.place.access_list or f"{OWN_NAME}in"

    @cached_property
    def addresses(self) -> tuple[IPv4Address, ...]:
        """The protected addresses."""
        return tuple(a for a in self.place.addresses if isinstance(a, IPv4Address))

    @property
    def step(self) -> int:
        """Minutes from one knock to the next."""
        return minutes(self.policy.step_timeout)

    @property
    def grant(self) -> int:
        """Minutes that a grant lasts."""
        return minutes(self.policy.grant_duration)

    def memory(self, generation: int, made: int) -> Memory:
        """Return where those are who have made so many knocks, at least one, but not all."""
        prefix = f"{self.name}-{PLACEHOLDERS[generation]}"
        return Memory(f"{prefix}-m{made}", f"{prefix}-s{made}")

    def memories(self, generation: int) -> Iterator[Memory]:
        """Yield all of a sequence."""
        for made in range(1, len(self.policy.generations[generation].knocks)):
            yield self.memory(generation, made)

    @cached_property
    def all_memories(self) -> tuple[Memory, ...]:
        """Those of all sequences; a script needs none."""
        if self.place.order != "staged":
            return ()
        return tuple(one for g in range(len(self.policy.generations)) for one in self.memories(g))

    @cached_property
    def ports(self) -> tuple[tuple[Span, bool], ...]:
        """Every port that is a knock, and whether that is secret, in the sequences' order."""
        found: dict[Span, bool] = {}
        for knock in self._all_knocks():
            found[knock.span] = found.get(knock.span, True) and knock.secret
        return tuple(found.items())

    def _all_knocks(self) -> Iterator[Knock]:
        for generation in self.policy.generations:
            yield from generation.knocks

    def says(self, what: str = "", *, secret: bool = False) -> str:
        """Return what an object or a remark says of itself."""
        text = f"knockctl {self.policy.name}"
        return f"{text} {what}".rstrip() + (SECRET if secret else "")
