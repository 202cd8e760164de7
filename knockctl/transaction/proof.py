"""Showing that a device's configuration does what its policies say. Changes nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from knockctl.automaton import verify
from knockctl.automaton.gaps import gaps
from knockctl.automaton.letters import Claim
from knockctl.automaton.model import DeviceModel, delayed
from knockctl.automaton.nodes import Judge
from knockctl.automaton.reference import Site
from knockctl.automaton.verify import Finding, Result
from knockctl.automaton.wire import Scope
from knockctl.errors import KnockctlError, Unreachable
from knockctl.inventory.device import Device
from knockctl.policy import redaction
from knockctl.policy.redaction import redact
from knockctl.policy.report import show
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.transaction.frame import Services
from knockctl.transaction.intent import place
from knockctl.transaction.job import Options
from knockctl.vendor import AnyVendor, FidelityNote, Placement, Rendered, vendor_for

Outcome = Literal["proved", "counterexample", "unknown", "failed"]


class TraceRow(BaseModel):
    """One packet of a trace, judged by the policies and by the device."""

    model_config = ConfigDict(frozen=True)

    at: float
    """Seconds since the first packet."""
    source: str
    packet: str
    expected: str
    expected_rule: str
    """The rule of the reference automaton that decided."""
    got: str
    rule: str
    """The rule of the device that decided."""


class Counterexample(BaseModel):
    """Something the device does that the policies don't say."""

    model_config = ConfigDict(frozen=True)

    what: str
    family: int
    trace: tuple[TraceRow, ...]


class Check(BaseModel):
    """One property, and how its proof ended."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Outcome
    states: int
    packets: int
    """Packets judged by both sides."""
    sources: int
    counterexamples: tuple[Counterexample, ...] = ()
    reasons: tuple[str, ...] = ()


class Proof(BaseModel):
    """All that was shown about one device, or why nothing could be."""

    model_config = ConfigDict(frozen=True)

    device: str
    policies: tuple[str, ...] = ()
    status: Outcome = "failed"
    evidence: str = ""
    seconds: float = 0.0
    checks: tuple[Check, ...] = ()
    effective: tuple[str, ...] = ()
    """Where the policies proved differ from the policies stated."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    error: str | None = None
    hint: str | None = None
    unreachable: bool = False

    @property
    def exit_code(self) -> int:
        """4 where the device could not be read, 6 for a counterexample, 7 for unknown."""
        return {"proved": 0, "counterexample": 6, "unknown": 7, "failed": 4}[self.status]


def failed(device: str, error: KnockctlError) -> Proof:
    """Return what is known of a device that could not be asked."""
    return Proof(
        device=device,
        error=redact(error.message),
        hint=error.hint,
        unreachable=isinstance(error, Unreachable),
    )


def prove_rendered(
    vendor: AnyVendor, device: Device, policies: Sequence[ResolvedPolicy], budget: int
) -> Proof:
    """Prove what would be deployed: policies to text, text to a machine, machine to policies."""
    begun = time.monotonic()
    placement = place(vendor, device)
    rendered = vendor.compiler.render(policies, placement)
    config = vendor.modeller.parse(rendered.config.text())
    case = _Case(vendor, placement, rendered, budget)
    check = case.check("the rendered rules", vendor.modeller.model(config), verify.prove, late=True)
    checks = [check, *case.each_alone()]
    return case.proof(device.name, policies, checks, begun)


def prove_running(
    device: Device,
    policies: Sequence[ResolvedPolicy],
    services: Services,
    options: Options,
    budget: int,
) -> Proof:
    """Prove what runs: our own rules equal, nobody in without the knock, management reachable."""
    begun = time.monotonic()
    try:
        vendor = services.vendor(device.platform)
        with contextlib.ExitStack() as stack:
            target = device.target(services.resolve, options.timeouts)
            driver = stack.enter_context(vendor.connect(target))
            facts, text = driver.facts(), driver.everything()
        placement = place(vendor, device)
        running = vendor.modeller.running(text)
        redaction.register_all(running.config.secrets())
        rendered = vendor.compiler.render(policies, placement, facts)
    except KnockctlError as error:
        return failed(device.name, error)
    case = _Case(vendor, placement, rendered, budget, running.families)
    checks, warnings = [], [*facts.warnings, *running.warnings]
    if running.config.empty:
        warnings.append("nothing of ours runs there: everything it runs is held to the policies")
        checks.append(case.check("what it runs", running.model, gaps, whole=True))
    else:
        own = vendor.modeller.model(running.config)
        checks.append(case.check("our rules", own, verify.prove, late=True))
        checks.append(case.nobody_else(running.model))
        warnings += case.refused(running.model)
    if case.site().managers:
        checks.append(case.management(running.model))
    return case.proof(device.name, policies, checks, begun, warnings)


def stage_device(
    device: Device, policies: Sequence[ResolvedPolicy], running: str | None
) -> tuple[Site, Scope, DeviceModel[Any]]:
    """Return what a trace is played through: what would be deployed, or what runs (a text)."""
    vendor = vendor_for(device.platform)
    placement = place(vendor, device)
    rendered = vendor.compiler.render(policies, placement)
    if running is None:
        model = vendor.modeller.model(vendor.modeller.parse(rendered.config.text()))
    else:
        found = vendor.modeller.running(running)
        redaction.register_all(found.config.secrets())
        model = found.model
    case = _Case(vendor, placement, rendered, 0)
    return case.site(), case.scope, delayed(model, rendered.lag)


Prove = Callable[..., Result]


class _Case:
    """One device's policies, ready to be held against machines."""

    def __init__(
        self,
        vendor: AnyVendor,
        placement: Placement,
        rendered: Rendered[Any],
        budget: int,
        families: tuple[int, ...] = (4, 6),
    ) -> None:
        # A device without policies is not ours to keep reachable.
        self._management = placement.management if rendered.effective else None
        self.scope: Scope = vendor.modeller.scope(placement)
        self._vendor, self._rendered, self._placement = vendor, rendered, placement
        self._budget, self._families = budget, families

    def site(self, family: int = 4, *, late: bool = True) -> Site:
        """Return what the device is held to for an IP version; ``late``: with its lag."""
        effective, relaxed = self._rendered.meaning(family)
        if not late:
            relaxed = tuple(replace(bounds, lag=0) for bounds in relaxed)
        management = self._management
        return Site(
            effective,
            management.sources if management else (),
            management.port if management else None,
            relaxed,
        )

    def check(
        self,
        name: str,
        model: DeviceModel[Any],
        prove: Prove,
        judge: Judge | None = None,
        *,
        whole: bool = False,
        late: bool = False,
    ) -> Check:
        """Prove one property for every family.

        ``late``: for a device on which changes show at once, and for one on which they lag.
        """
        result = self._result(model, prove, judge, whole=whole)
        if late and self._rendered.lag and len(self._rendered.effective) == 1:
            slow = delayed(model, self._rendered.lag)
            result.add(self._result(slow, prove, judge, whole=whole, late=True))
        return Check(
            name=name,
            status=result.status.value,
            states=result.states,
            packets=result.steps,
            sources=result.sources,
            counterexamples=tuple(_counterexample(f) for f in result.findings),
            reasons=tuple(redact(reason) for reason in result.reasons),
        )

    def _result(
        self,
        model: DeviceModel[Any],
        prove: Prove,
        judge: Judge | None,
        *,
        whole: bool,
        late: bool = False,
    ) -> Result:
        result = Result()
        more = {} if judge is None else {"judge": judge}
        for family in self._families:
            claim = Claim(self.site(family, late=late), self.scope, model, family, whole)
            result.add(prove(claim, budget=self._budget, **more))
        return result

    def each_alone(self) -> Iterator[Check]:
        """Prove each of several policies by itself where changes lag.

        All together are proved for changes that show at once: late ones are in too many states.
        """
        policies = self._rendered.effective
        if not self._rendered.lag or len(policies) == 1:
            return
        for policy in policies:
            rendered = self._vendor.compiler.render([policy], self._placement)
            case = _Case(self._vendor, self._placement, rendered, self._budget, self._families)
            config = self._vendor.modeller.parse(rendered.config.text())
            model = self._vendor.modeller.model(config)
            yield case.check(f"{policy.name} by itself", model, verify.prove, late=True)

    def nobody_else(self, model: DeviceModel[Any]) -> Check:
        """Prove that nobody gets in without the knock; where somebody does, list all ways."""
        name = "nobody gets in without the knock"
        check = self.check(name, model, verify.prove, verify.opens, whole=True)
        if check.status == "counterexample":
            check = self.check(name, model, gaps, verify.opens, whole=True)
        return check

    def management(self, model: DeviceModel[Any]) -> Check:
        """Prove that management is accepted in every state."""
        name = "management stays reachable"
        return self.check(name, model, verify.prove, verify.keeps_management, whole=True)

    def refused(self, model: DeviceModel[Any]) -> Iterator[str]:
        """Yield where somebody else's rule refuses those who are in: their good right."""
        result = self._result(model, verify.prove, verify.closes, whole=True)
        for finding in result.findings:
            row = finding.trace[-1]
            yield redact(f"{row.packet} is refused although the policy accepts it: {row.rule}")

    def proof(
        self,
        device: str,
        stated: Sequence[ResolvedPolicy],
        checks: Sequence[Check],
        begun: float,
        warnings: Sequence[str] = (),
    ) -> Proof:
        """Put it all together; the worst check counts."""
        order = ("proved", "unknown", "counterexample")
        status = max((check.status for check in checks), key=order.index, default="proved")
        return Proof(
            device=device,
            policies=tuple(policy.name for policy in stated),
            status=status,
            evidence=self._vendor.modeller.evidence,
            seconds=round(time.monotonic() - begun, 3),
            checks=tuple(checks),
            effective=tuple(_differences(stated, self._rendered.effective)),
            notes=tuple(redact(_sentence(note)) for note in self._rendered.fidelity),
            warnings=tuple(redact(warning) for warning in warnings),
            assumptions=(*self._vendor.modeller.assumptions, *_pace(self._rendered.lag)),
        )


def _pace(lag: int) -> Iterator[str]:
    if lag:
        yield (
            f"a source sends nothing for {lag} s after a packet that changes something; what the "
            "device makes of those who do is tested, not proved"
        )


def _sentence(note: FidelityNote) -> str:
    return f"{note.code} ({note.kind}, {note.direction}): {note.reason}"


def _differences(
    stated: Sequence[ResolvedPolicy], effective: Sequence[ResolvedPolicy]
) -> Iterator[str]:
    """Yield what was changed to fit the device, field by field."""
    for one, other in zip(stated, effective, strict=True):
        before, after = show(one), show(other)
        for key, value in before.items():
            if value != after[key]:
                yield redact(f"{one.name}: {key}: stated {value}, proved {after[key]}")


def _counterexample(finding: Finding) -> Counterexample:
    rows = (
        TraceRow(
            at=row.at,
            source=row.source,
            packet=redact(row.packet),
            expected=row.expected,
            expected_rule=row.expected_rule,
            got=row.got,
            rule=redact(row.rule),
        )
        for row in finding.trace
    )
    return Counterexample(what=finding.what, family=finding.family, trace=tuple(rows))
