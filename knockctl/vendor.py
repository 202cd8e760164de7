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
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, Self, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from knockctl.automaton.model import DeviceModel
from knockctl.automaton.relaxations import Relaxations
from knockctl.automaton.wire import Scope
from knockctl.errors import GuardError, InventoryError
from knockctl.policy.resolved import ResolvedPolicy

ENTRY_POINTS = "knockctl.vendors"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


# --- what the user places -----------------------------------------------------------------


class Management(BaseModel):
    """Who manages the device and on which port; never tracked, never locked out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[Network, ...]
    port: int = Field(default=22, ge=1, le=65535)


class Placement(BaseModel):
    """Where on a device the policies act. A vendor adds its own fields in a subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    addresses: tuple[Address, ...] = ()
    """Protected addresses. A family with none listed is protected whole."""
    management: Management | None = None


# --- what rendering says --------------------------------------------------------------------


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
C_contra = TypeVar("C_contra", bound=Config, contravariant=True)
R = TypeVar("R", bound="Remediation")
R_co = TypeVar("R_co", bound="Remediation", covariant=True)
R_contra = TypeVar("R_contra", bound="Remediation", contravariant=True)


Meaning = tuple[tuple[ResolvedPolicy, ...], tuple[Relaxations, ...]]
"""Effective policies, and how each is approximated."""


@dataclass(frozen=True, slots=True)
class Rendered(Generic[C]):
    """The intended configuration, the policies it really implements, and the notes."""

    config: C
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


# --- what a device tells ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The connection we manage the device over, as the device itself sees it."""

    source: Address
    address: Address
    port: int
    judged: bool = False
    """Whether it comes in where the policies' rules judge packets, as far as the device tells."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a device is and can do. ``details`` is the vendor's own, for its compiler alone."""

    description: str
    endpoint: Endpoint | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A piece of somebody else's configuration that is judged before ours."""

    place: str
    text: str
    effect: Literal["accepts", "refuses", "unknown"]
    """What it may do to packets of our knocks, services and traps."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[C]):
    """What runs: ours, as a config, and the neighbours that can shadow it."""

    config: C
    neighbours: tuple[Neighbour, ...] = ()


# --- what is to be done -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a difference, as a person reads it."""

    action: Literal["add", "remove", "move"]
    place: str
    text: str

    def __str__(self) -> str:
        """Print as a line of a diff."""
        sign = {"add": "+", "remove": "-", "move": "~"}[self.action]
        return f"{sign} {self.place}: {self.text}"


class Remediation(Protocol):
    """The way from a running to an intended configuration. Pickles; holds no connection."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs, in the order it is done; empty when there is nothing to do."""

    @property
    def keeps_grants(self) -> bool:
        """Tell whether those who are in stay in."""

    @property
    def change_id(self) -> str:
        """The change this belongs to: the mark the device carries while it is pending."""

    @property
    def intended(self) -> Config:
        """What must be read back, the mark included."""

    @property
    def settled(self) -> str | None:
        """The mark once the change is confirmed; None when nothing of ours is left."""

    @property
    def shadows(self) -> tuple[Neighbour, ...]:
        """Foreign rules that will be judged before ours and may let packets past them."""


class Compiler(Protocol[C, R_co]):
    """Pure functions between policies, configurations and device text."""

    def render(
        self,
        policies: Sequence[ResolvedPolicy],
        placement: Placement,
        facts: Facts | None = None,
    ) -> Rendered[C]:
        """Compile; without facts, for a device that has everything the vendor may have."""

    def empty(self) -> C:
        """Return the config of a device that has nothing of ours."""

    def load(self, dump: str) -> C:
        """Read back what ``Config.dump`` wrote."""

    def plan(self, running: Reading[C], intended: C, change_id: str) -> R_co:
        """Return the way from running to intended, whose new mark will be ``change_id``.

        An ``intended`` that carries a revision of its own (a snapshot) gets that revision
        back once the change is confirmed. No changes, no new mark.
        """


@dataclass(frozen=True, slots=True)
class Running(Generic[C]):
    """All that judges packets on a device: ours as a config, and everything as a machine."""

    config: C
    model: DeviceModel[Any]
    families: tuple[int, ...] = (4, 6)
    """IP versions the device has at all."""


class Modeller(Protocol[C]):
    """Pure functions from device text to machines that can be executed (design, section 11)."""

    evidence: str
    """What the machines rest on: ``kernel``, ``fact sheet``, …; printed with every proof."""
    assumptions: tuple[str, ...]
    """What the machines leave out, one sentence each."""

    def scope(self, placement: Placement) -> Scope:
        """Return which packets are the policies' at all."""

    def parse(self, text: str) -> C:
        """Read back what a config prints."""

    def model(self, config: C) -> DeviceModel[Any]:
        """Return the machine that a config alone makes; what it leaves undecided passes."""

    def running(self, text: str) -> Running[C]:
        """Read everything a device runs, as ``Driver.everything`` returns it."""


CancelResult = Literal["cancelled", "fired", "absent"]


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change found on a device that is not settled yet."""

    change_id: str
    seconds_left: int | None
    """Until whoever holds the timer takes it back; None where nobody will."""
    holder: Literal["device", "operator"] = "device"
    """``operator``: nothing on the device takes it back. The process that made the change waits
    and does; where that has died the change stays until somebody ends it, and fences the device.
    """
    by: str | None = None
    """The account it was made with, where the device tells."""


class Driver(Protocol[C, R_contra]):
    """One device, one open connection. Every method raises only ``DeviceError``.

    Every step is idempotent: repeating it after a crash does no harm.
    """

    def __enter__(self) -> Self:
        """Connect and log in."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""

    @property
    def round_trips(self) -> int:
        """Commands sent so far, connections not counted."""

    def facts(self) -> Facts:
        """Ask what the device is and can do."""

    def read(self) -> Reading[C]:
        """Read what is ours, and the neighbours that can shadow it."""

    def everything(self) -> str:
        """Return all that judges packets on the device, in its own words."""

    def pending(self) -> tuple[PendingChange, ...]:
        """List the changes the device holds a revert timer or leftovers for."""

    def arm(self, remediation: R_contra, seconds: int) -> None:
        """Put the way back on the device and start the timer that takes it."""

    def verify_armed(self, change_id: str) -> None:
        """Raise unless the timer runs and what it would do is whole."""

    def apply(self, remediation: R_contra) -> None:
        """Change the device, swapping the mark in the same step.

        Raises ``Conflict`` when the mark was not the one planned against; then nothing has
        changed. After ``CommandRefused`` nothing has changed either, unless it says otherwise.
        """

    def probe(self) -> None:
        """Open a new connection beside this one and use it; raise ``ProbeFailed``."""

    def cancel(self, change_id: str) -> CancelResult:
        """Stop the timer and settle the mark, or learn that it fired; never both."""

    def fire(self, change_id: str) -> CancelResult:
        """Take the change back now, by the way that lies on the device."""

    def persist(self, change_id: str) -> str | None:
        """Make what runs survive a reboot; return a warning where it will not."""

    def forget(self, change_id: str) -> None:
        """Remove what the change left on the device besides the configuration itself."""


@runtime_checkable
class HeldByOperator(Protocol[C_contra]):
    """What a driver has besides, whose device can't take a change back by itself.

    There ``arm`` takes a hold on the device that lasts until ``cancel``, ``fire`` or ``forget``
    give it back, and ``pending`` lists that hold, live, with the holder ``operator``. ``fire``
    needs to know what was there before: of its own ``arm``, or told by ``remember``. It returns
    ``fired`` where it had to change what runs, and ``absent`` where there was nothing to undo.
    """

    def remember(self, change_id: str, before: C_contra) -> None:
        """Take what was there before a change that another connection began."""


def no_snapshot(change_id: str, reason: str | None = None) -> GuardError:
    """Return what is raised where a change is to be taken back, and nobody knows to what."""
    return GuardError(
        f"the change {change_id} stays pending: nothing on the device takes it back, and what was"
        f" there before it is not known ({reason or 'this journal has no snapshot of it'})",
        hint="use the journal (--journal) and the key of whoever deployed it; or knockctl confirm"
        f" --change {change_id}, then deploy or remove",
    )


@runtime_checkable
class Talkative(Protocol):
    """What a driver has besides, whose steps may take minutes: it says how far they are."""

    said: Callable[[str], None]
    """Called with a few words; set by whoever wants to hear them."""


@dataclass(frozen=True, slots=True)
class Access:
    """One source that a policy on a device remembers."""

    policy: str
    source: Network
    state: Literal["granted", "knocking", "locked"]
    seconds_left: int | None
    """None: until somebody ends it."""


class AccessControl(Protocol):
    """Who is in, and operating that: what a driver's method ``access`` returns, where it has one.

    Every method raises only ``DeviceError``.

    The device's rules are not changed: what is written here runs out like what knocks write.
    """

    def sources(self) -> tuple[Access, ...]:
        """List everybody a policy remembers."""

    def admit(self, source: Address, policy: str, seconds: int) -> None:
        """Let a source in as if it had knocked, for so long from now."""

    def expel(self, source: Address, policy: str | None = None, *, keep_sessions: bool) -> int:
        """End grants and attempts, and open sessions to the services; return how many of those.

        None: of every policy.
        """

    def unlock(self, source: Address, policy: str | None = None) -> bool:
        """End a lock-out; tell whether there was one."""


# --- how it is found --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in. Secrets are resolved where they are used and never printed."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    escalation_password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    """Instead of username and password, where the device has such keys."""
    key_file: Path | None = None
    known_hosts: Path | None = None
    verify_host_key: bool = True
    ca_file: Path | None = None
    """Who may sign the device's certificate; None: those the system trusts."""
    verify_certificate: bool = True
    tls: bool = True
    """Whether an interface that has both is spoken to over TLS."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds each kind of step may take; the revert timer must outlast apply plus probe.

    ``job`` is how long a job of the device's own may run, such as a commit.
    """

    connect: int = 10
    command: int = 20
    probe: int = 10
    revert: int = 120
    job: int = 600

    @property
    def worst_case(self) -> int:
        """The longest a change can be on the device before it is judged."""
        return self.command + self.probe


@dataclass(frozen=True, slots=True)
class Target:
    """Where a device is and how to log in."""

    name: str
    host: str
    port: int | None
    credentials: Credentials
    timeouts: Timeouts = Timeouts()
    placement: Mapping[str, Any] = field(default_factory=dict)
    """As the inventory has it: it may say where on a device to look, such as a virtual system."""


class Vendor(Protocol[C, R]):
    """One vendor package, as its entry point names it."""

    name: str
    """The name of the entry point, such as ``iptables``."""
    platforms: tuple[str, ...]
    """Inventory platforms it serves, the netmiko name first."""
    placement: type[Placement]
    compiler: Compiler[C, R]
    modeller: Modeller[C]

    def connect(self, target: Target) -> Driver[C, R]:
        """Return a driver, not yet connected. Imports the SDK."""


AnyVendor = Vendor[Any, Any]


@cache
def vendors() -> dict[str, AnyVendor]:
    """Return every installed vendor by the name of its entry point."""
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}


def served(platform: str) -> bool:
    """Tell whether an installed vendor package serves a platform."""
    return any(platform in vendor.platforms for vendor in vendors().values())


def vendor_for(platform: str) -> AnyVendor:
    """Return the vendor that serves a platform; raise ``InventoryError`` naming the choices."""
    for vendor in vendors().values():
        if platform in vendor.platforms:
            return vendor
    known = sorted(p for vendor in vendors().values() for p in vendor.platforms)
    raise InventoryError(
        f"no installed vendor package serves the platform {platform!r}",
        hint=f"known platforms: {', '.join(known)}",
    )
