"""What rendering says: a configuration, what it really means, and how that differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from knockctl.automaton.relaxations import Relaxations
from knockctl.policy.resolved import ResolvedPolicy


class FidelityNote(BaseModel):
    """How a device's configuration differs from the stated policy, and in which direction."""

    model_config = ConfigDict(frozen=True)

    code: str
    """What ``--accept`` names, such as ``duration-capped``."""
    kind: Literal["rounded", "approximate", "unsupported"]
    direction: Literal["stricter", "looser", "closed"]
    policy: str | None
    reason: str
    cost: str | None = None
    """For ``looser``: what it costs, in guesses."""

    @property
    def blocks(self) -> bool:
        """Tell whether a deploy stops here until the code is accepted."""
        return self.kind == "unsupported" or self.direction == "looser"


class Config(Protocol):
    """A device's configuration, as far as it is ours; equal when it means the same."""

    @property
    def empty(self) -> bool:
        """Tell whether nothing of ours is there."""

    @property
    def revision(self) -> str | None:
        """The mark on the device: the id of the change that wrote it."""

    def text(self) -> str:
        """Print in the device's own language."""

    def secrets(self) -> frozenset[str]:
        """Return the words in it that came from secret references, to be masked for people.

        The device itself must tell: whoever removes or rolls back a policy need not be able to
        resolve the references of whoever deployed it.
        """

    def dump(self) -> str:
        """Return a lossless serialised form, for sealed snapshots."""


C = TypeVar("C", bound=Config)
C_co = TypeVar("C_co", bound=Config, covariant=True)
C_contra = TypeVar("C_contra", bound=Config, contravariant=True)


Meaning = tuple[tuple[ResolvedPolicy, ...], tuple[Relaxations, ...]]
"""Effective policies, and how each is approximated."""


@dataclass(frozen=True, slots=True)
class Rendered(Generic[C_co]):
    """The intended configuration, the policies it really implements, and the notes."""

    config: C_co
    effective: tuple[ResolvedPolicy, ...]
    fidelity: tuple[FidelityNote, ...] = ()
    relaxed: tuple[Relaxations, ...] = ()
    """How each policy is approximated; empty where none is."""
    families: Mapping[int, Meaning] = field(default_factory=dict)
    """IP versions for which the device implements something else than that."""

    @property
    def lag(self) -> int:
        """Return how many seconds a knock may take to show: clients pause as long after each."""
        meanings = [self.relaxed, *(relaxed for _, relaxed in self.families.values())]
        return max((bounds.lag for relaxed in meanings for bounds in relaxed), default=0)

    def meaning(self, family: int) -> Meaning:
        """Return what the configuration implements for an IP version."""
        return self.families.get(family, (self.effective, self.relaxed))
