"""Showing that a device's configuration does what its policies say. Changes nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from knockctl.automaton.machine import DeviceModel, delayed, scoped
from knockctl.automaton.packet import Scope
from knockctl.automaton.reference import Site
from knockctl.change.case import Case
from knockctl.change.foreign import Foreign, ask
from knockctl.change.job import Options
from knockctl.change.plan import place
from knockctl.change.services import Services
from knockctl.contract import AnyVendor, FidelityNote, vendor_for
from knockctl.errors import KnockctlError, Unreachable
from knockctl.inventory.device import Device
from knockctl.policy import redaction
from knockctl.policy.redaction import redact
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.policy.show import show
from knockctl.verify import prove as verify
from knockctl.verify.gaps import gaps, unknocked
from knockctl.verify.packets import Claim
from knockctl.verify.prove import Finding, Result, Status
from knockctl.verify.states import Judge

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
    findings: tuple[Foreign, ...] = ()
    """What foreign rules do to the policies: the same as ``diff`` and ``deploy`` say."""
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
    case = _Proving(vendor, placement, rendered, budget=budget)
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
            facts, text = driver.facts(), driver.read().text
        placement = place(vendor, device)
        running = vendor.modeller.running(text)
        redaction.register_all(running.config.secrets())
        rendered = vendor.compiler.render(policies, placement, facts)
    except KnockctlError as error:
        return failed(device.name, error)
    case = _Proving(vendor, placement, rendered, running.families, budget)
    findings: tuple[Foreign, ...] = ()
    checks, warnings = [], [*facts.warnings, *running.warnings]
    if running.config.empty:
        warnings.append("nothing of ours runs there: everything it runs is held to the policies")
        checks.append(case.check("what it runs", running.model, gaps, whole=True))
    else:
        own = vendor.modeller.model(running.config)
        checks.append(case.check("our rules", own, verify.prove, late=True))
        findings = ask(case, running)
        checks.append(case.nobody_else(running.model, findings))
    if case.site().managers:
        checks.append(case.management(running.model))
    proof = case.proof(device.name, policies, checks, begun, warnings)
    return proof.model_copy(update={"findings": findings})


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
    case = Case(vendor, placement, rendered)
    return case.site(), scoped(model, case.scope), delayed(model, rendered.lag)


Prove = Callable[..., Result]


@dataclass(frozen=True)
class _Proving(Case):
    """A case, and how far to go with it."""

    budget: int = 0

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
        if late and self.rendered.lag and len(self.rendered.effective) == 1:
            slow = delayed(model, self.rendered.lag)
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
        for family in self.families:
            claim = self.claim(model, family, whole=whole, late=late)
            result.add(prove(claim, budget=self.budget, **more))
        return result

    def each_alone(self) -> Iterator[Check]:
        """Prove each of several policies by itself where changes lag.

        All together are proved for changes that show at once: late ones are in too many states.
        """
        policies = self.rendered.effective
        if not self.rendered.lag or len(policies) == 1:
            return
        for policy in policies:
            rendered = self.vendor.compiler.render([policy], self.placement)
            case = replace(self, rendered=rendered)
            config = self.vendor.modeller.parse(rendered.config.text())
            model = self.vendor.modeller.model(config)
            yield case.check(f"{policy.name} by itself", model, verify.prove, late=True)

    def nobody_else(self, model: DeviceModel[Any], findings: Sequence[Foreign]) -> Check:
        """Prove that nobody gets in without the knock; where somebody does, list all ways.

        A trace with the whole knock in it is no such way: there something else was lost, which
        the findings name.
        """
        name = "nobody gets in without the knock"
        check = self.check(name, model, verify.prove, verify.opens, whole=True)
        if check.status == "counterexample":
            lost = any(one.kind not in ("exposed", "unknown") for one in findings)
            prove = _named_elsewhere if lost else _every_way
            check = self.check(name, model, prove, verify.opens, whole=True)
        exposed = [one.text for one in findings if one.kind == "exposed" and one.certain]
        if check.status == "proved" and exposed:
            reason = f"single packets say otherwise: {exposed[0]}"
            check = check.model_copy(update={"status": "unknown", "reasons": (reason,)})
        return check

    def management(self, model: DeviceModel[Any]) -> Check:
        """Prove that management is accepted in every state."""
        name = "management stays reachable"
        return self.check(name, model, verify.prove, verify.keeps_management, whole=True)

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
            evidence=self.vendor.modeller.evidence,
            seconds=round(time.monotonic() - begun, 3),
            checks=tuple(checks),
            effective=tuple(_differences(stated, self.rendered.effective)),
            notes=tuple(redact(_sentence(note)) for note in self.rendered.fidelity),
            warnings=tuple(redact(warning) for warning in warnings),
            assumptions=(*self.vendor.modeller.assumptions, *_pace(self.rendered.lag)),
        )


def _named_elsewhere(claim: Claim, judge: Judge, *, budget: int) -> Result:
    """List the ways in without the knock; what is lost besides, findings name."""
    return _settled(claim, judge, budget, unknocked(claim, judge, budget=budget).result)


def _every_way(claim: Claim, judge: Judge, *, budget: int) -> Result:
    """List the ways in; where nothing names what was lost, those with the knock in them, too."""
    found = unknocked(claim, judge, budget=budget)
    if found.knocked:
        found.result.add(Result(Status.COUNTEREXAMPLE, findings=found.knocked))
    return _settled(claim, judge, budget, found.result)


def _settled(claim: Claim, judge: Judge, budget: int, found: Result) -> Result:
    """Look at two sources side by side where one alone gets in nowhere and state is shared."""
    if found.status is Status.PROVED and found.sources == 2:
        return verify.prove(claim, judge, budget=budget)
    return found


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
