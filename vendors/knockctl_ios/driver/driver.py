"""The driver: one SSH session with a router, one file per change, the router's own revert timer."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address
from types import TracebackType
from typing import ClassVar, Self

from pydantic import ValidationError

from knockctl.contract import CancelResult, Endpoint, Facts, PendingChange, Reading, Target
from knockctl.errors import (
    CommandRefused,
    Conflict,
    ConnectionCut,
    DeviceError,
    InventoryError,
    ProbeFailed,
    Unsupported,
)
from knockctl_ios.config.records import IosConfig
from knockctl_ios.driver import facts, precheck
from knockctl_ios.driver.access import IosAccess
from knockctl_ios.driver.connection import Session
from knockctl_ios.driver.flash import Scripts
from knockctl_ios.driver.reader import SCP, Reader
from knockctl_ios.driver.refusals import masked
from knockctl_ios.driver.revert import RevertTimer, State
from knockctl_ios.driver.selective_rollback import WayBack
from knockctl_ios.placement import IosPlacement
from knockctl_ios.plan.plan import IosRemediation
from knockctl_ios.plan.reading import Held


class IosDriver:
    """A Cisco router over SSH. Satisfies ``knockctl.contract.Driver``."""

    wire: ClassVar[type[Session]] = Session
    """What commands go by."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self.placement = _placement(target)
        by_shell = self.placement.transfer == "inline"
        self._session = self.wire(target, by_shell=by_shell)
        self._reader = Reader(self._session, self.placement)
        self._timer = RevertTimer(self._session)
        self._scripts = Scripts(self._session)
        self._back = WayBack(self._session, self._reader, self._timer)
        self._held: Held | None = None
        """The change that was not settled when the router was read last."""
        self._pending: tuple[PendingChange, ...] | None = ()
        self._written: str | None = None
        """The commands of the change that was begun over this connection."""
        self._judged = False
        """Whether it was read back as meant."""
        self._state: State | None = None
        """What the step before has learned, for the next one that would ask the same."""

    def __enter__(self) -> Self:
        """Connect and log in."""
        self._session.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._session.__exit__(kind, error, trace)

    @property
    def round_trips(self) -> int:
        """Commands sent so far."""
        return self._session.round_trips

    # --- reading ---

    def facts(self) -> Facts:
        """Ask what the router is; the configuration is read for ``read``, and told about here."""
        text = self._session.show("show version")
        description, details = facts.described(text, self._session.where)
        found = list(facts.warnings(self._reader.ahead(), self.placement))
        if not self.target.credentials.verify_host_key:
            found.append("its host key is not verified: anybody in between could be it")
        return Facts(description, self._endpoint(), details, tuple(found))

    def _endpoint(self) -> Endpoint:
        mine, theirs, port = self._session.ends
        address = ip_address(theirs)
        judged = address in self.placement.addresses
        return Endpoint(ip_address(mine), address, port, judged=judged)

    def read(self, *, whole: bool = True) -> Reading[IosConfig]:
        """Read what runs, and the change that is not settled; a router tells all of it at once."""
        del whole
        before = self._reader.last
        found = self._scripts.filled(self._reader.read())
        if self._held is not None and found.held is None:
            self._back.missed(before)
        self._held, self._pending = found.held, None if found.held else ()
        return found

    def _unsettled(self) -> tuple[PendingChange, ...]:
        if self._held is None:
            return ()
        timer = self._timer.pending()
        left = self._timer.seconds_left(timer) if timer else None
        return (PendingChange(self._held.change_id, left, by=timer.user if timer else None),)

    def pending(self) -> tuple[PendingChange, ...]:
        """List the change that was not settled at the last ``read``."""
        if self._pending is None:
            self._pending = self._unsettled()
        return self._pending

    # --- the revert timer ---

    def arm(self, remediation: IosRemediation, seconds: int) -> None:
        """See that all can be done, start the timer, and that nobody was first."""
        self._timer.possible(archive=self._reader.archive)
        self._able(remediation)
        self._written, self._judged = "", False
        self._timer.start(Held(remediation.change_id, remediation.settled), seconds)
        state = self._timer.state()
        try:
            self._nobody_was_first(remediation, state)
        except ConnectionCut:
            raise
        except DeviceError:
            self._take_back(state)
            raise
        self._state = state

    def _able(self, remediation: IosRemediation) -> None:
        """Raise where the router lacks what the change needs, before anything is changed."""
        precheck.check(self._session, remediation.text)
        where = self._session.where
        if self._session.by_shell:
            self._scripts.possible("configure SCP, and leave transfer: inline out")
        elif not self._scp():
            raise Unsupported(
                "SCP is off, by which the change is sent; nothing was changed",
                hint=f"configure {SCP}, or have placement.transfer: inline",
                where=where,
            )
        if re.search("^event manager (applet|policy) ", remediation.text, re.MULTILINE):
            facts.event_manager(self._session.ask("show event manager version"), where)
        if remediation.sent:
            self._scripts.possible("write order: staged, which needs none")

    def _scp(self) -> bool:
        if self._reader.scp is None:
            text = self._session.show(f"show running-config | include {SCP}")
            self._reader.scp = SCP in text
        return self._reader.scp

    def _nobody_was_first(self, remediation: IosRemediation, state: State) -> None:
        changed = state.mark != remediation.before.revision
        for parent, entries in remediation.seen:
            shown = [one for one in entries if one[0] and not one[1].startswith("remark")]
            for one in self._reader.listed(parent.rpartition(" ")[2]):
                changed = changed or shown != [(e.number, e.text) for e in one.entries]
        if changed:
            raise Conflict(
                "somebody else has written since this change was planned; nothing was changed",
                hint="look at `knockctl diff`, then deploy again",
                where=self._session.where,
            )

    def verify_armed(self, change_id: str) -> None:
        """Raise unless the timer runs, and is this change's."""
        state = self._known()
        if not _runs(state, change_id):
            raise CommandRefused(
                "the revert timer does not run; nothing was changed", where=self._session.where
            )

    def _known(self) -> State:
        """Return what the step before has learned, or ask."""
        state, self._state = self._state, None
        return state or self._timer.state()

    def cancel(self, change_id: str) -> CancelResult:
        """Confirm the change: what runs from then on tells who was quicker."""
        state = self._timer.state()
        if _runs(state, change_id) and state.held:
            if state.mark != state.held.settled:
                raise CommandRefused(
                    f"the change {change_id} does not run yet: it is being made, or was cut off",
                    where=self._session.where,
                )
            copy, before = self._back.copy(state.held), self._reader.last
            self._timer.confirm()
            self._held, running = None, self._reader.running()
            state = self._timer.state(running)
            if state.held is None or state.timer is not None:
                self._back.missed(before)
                return "fired"
            self._back.kept(copy, running, judged=state.held.judged or self._judged)
            self._state = state
            return "cancelled"
        return "cancelled" if _kept(state, change_id) else "absent"

    def fire(self, change_id: str) -> CancelResult:
        """Have the router take the change back now."""
        state = self._timer.state()
        if not _runs(state, change_id):
            return "cancelled" if _kept(state, change_id) else "absent"
        self._take_back(state)
        after = self._timer.state()
        if after.held is not None and after.held.change_id == change_id:
            if after.timer is None:
                return "cancelled"
            raise CommandRefused(
                "the router did not take the change back", where=self._session.where
            )
        self._scripts.tidy()
        return "fired"

    def _take_back(self, state: State) -> None:
        if state.held is not None:
            self._held = None
            judged = state.held.judged or self._judged
            self._back.take(replace(state.held, judged=judged), self._written)

    def notices(self) -> tuple[str, ...]:
        """Tell what became of others' changes in the time of a change of ours."""
        return self._back.told()

    def look_back(self, change_id: str) -> None:
        """Find out what others lost by a timer that ran out unattended."""
        del change_id
        self._back.look_back()

    def persist(self, change_id: str) -> str | None:
        """Take the change's name away, and save what runs."""
        heard = self._state is not None
        state = self._known()
        if _runs(state, change_id):
            raise CommandRefused(
                f"the change {change_id} is not confirmed", where=self._session.where
            )
        if state.held is not None and state.held.change_id == change_id:
            if not heard:
                copy, running = self._back.copy(state.held), self._reader.running()
                self._back.kept(copy, running, judged=state.held.judged)
            self._timer.clear()
        self._held, self._state = None, replace(state, held=None)
        output = self._session.do("write memory", 120)
        if "[OK]" not in output:
            lines = [line.strip() for line in output.splitlines() if line.strip()]
            raise CommandRefused(
                f"what runs can't be saved: {lines[-1] if lines else 'no answer'}",
                where=self._session.where,
            )
        self._scripts.tidy()
        if self._reader.unsaved:
            return "what others had configured and not saved is saved with it"
        return None

    def forget(self, change_id: str) -> None:
        """Take the change's name away, if it was confirmed and that was left."""
        state = self._known()
        if state.held and state.held.change_id == change_id and state.timer is None:
            self._timer.clear()

    # --- changing ---

    def apply(self, remediation: IosRemediation) -> None:
        """Send the file and have it carried out; take it back where a line is refused."""
        self._scripts.send(remediation)
        self._written = remediation.text
        found = self._session.merge(remediation.text)
        refused = [masked(str(one), remediation.secrets()) for one in found]
        if refused:
            self._take_back(self._timer.state())
            self._scripts.tidy()
            raise CommandRefused(
                "the router refused lines; nothing was changed:\n" + "\n".join(refused),
                where=self._session.where,
            )

    def stays(self, change_id: str) -> None:
        """Note that the change is as meant, for whoever ends it."""
        state = self._timer.state()
        if _runs(state, change_id) and state.held:
            self._timer.note(replace(state.held, judged=True))

    def probe(self) -> None:
        """Open a second connection, log in, and ask something on it."""
        # A change that was begun here has been read back by now.
        self._judged = bool(self._written)
        try:
            self._session.probe()
        except DeviceError as error:
            raise ProbeFailed(f"a new connection does not work: {error.message}") from error

    # --- access ---

    def access(self) -> IosAccess:
        """Return who is in, and the means to change that."""
        return IosAccess(self._session, self._reader.read().config)


def _runs(state: State, change_id: str) -> bool:
    """Tell whether the timer runs for this change."""
    return state.timer is not None and state.held is not None and state.held.change_id == change_id


def _kept(state: State, change_id: str) -> bool:
    """Tell whether the change was confirmed."""
    if state.held is not None:
        return state.held.change_id == change_id
    return state.mark == change_id


def _placement(target: Target) -> IosPlacement:
    """Read the placement; without addresses it says where to look all the same."""
    words = {"addresses": ["127.0.0.1"], "interface": "Null0", **target.placement}
    try:
        return IosPlacement.model_validate(words)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InventoryError(f"{target.name}: placement: {first['msg']}") from None
