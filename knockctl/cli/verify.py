"""Commands that execute policies and configurations: verify, simulate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knockctl.cli.inspect import Targets

if TYPE_CHECKING:
    from knockctl.automaton.machine import DeviceModel
    from knockctl.automaton.packet import Scope
    from knockctl.automaton.reference import Site
    from knockctl.change.proof import Check, Counterexample, Proof
    from knockctl.cli.session import Session
    from knockctl.simulate.play import Played


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (verify, simulate):
        app.command()(command)


def verify(
    context: typer.Context,
    targets: Targets = None,
    running: Annotated[
        bool, typer.Option("--running", help="Prove what the device runs, foreign rules included.")
    ] = False,
    budget: Annotated[
        int, typer.Option(min=1, help="Packets to judge before giving up as unknown.")
    ] = 1_000_000,
) -> int:
    """Prove that the configuration does what the policies say, or show where it doesn't."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.fleet.run import worst

    session = Session(context.obj)
    devices = session.select(targets or [], everything=not targets)
    proofs = _proofs(session, devices, budget, running=running)
    code = worst(proof.exit_code for proof in proofs)
    if session.json:
        data = {"kind": "verify", "devices": [proof.model_dump() for proof in proofs]}
        output.envelope("verify", data, ok=not code)
    return code


def _proofs(session: Session, devices: list[Any], budget: int, *, running: bool) -> list[Proof]:
    from knockctl.change.job import Options
    from knockctl.change.proof import failed, prove_rendered, prove_running
    from knockctl.contract import vendor_for
    from knockctl.errors import DeviceError, KnockctlError
    from knockctl.fleet.run import run_all

    policies = {device.name: session.policies_of(device) for device in devices}
    options = Options(timeouts=session.settings.limits())

    def offline(device: Any) -> Proof:
        try:
            return prove_rendered(
                vendor_for(device.platform), device, policies[device.name], budget
            )
        except KnockctlError as error:
            return failed(device.name, error)

    def crashed(device: Any, error: BaseException) -> Proof:
        return failed(device.name, DeviceError(f"internal error: {type(error).__name__}: {error}"))

    def show(proof: Proof) -> None:
        if not session.json:
            _print(proof)

    if not running:
        return run_all(devices, offline, crashed, workers=1, done=show)
    with session.services() as services:
        return run_all(
            devices,
            lambda device: prove_running(device, policies[device.name], services, options, budget),
            crashed,
            workers=session.settings.workers,
            done=show,
        )


def _print(proof: Proof) -> None:
    from knockctl.cli import output

    if proof.error:
        output.warn(f"{proof.device}: error: {proof.error}")
        if proof.hint:
            output.warn(f"  hint: {proof.hint}")
        return
    names = ", ".join(proof.policies) or "no policy"
    output.text(f"{proof.device}: {names}: {proof.status} [{proof.evidence}] in {proof.seconds} s")
    for line in (*proof.effective, *proof.notes):
        output.text(f"  note: {line}")
    for warning in proof.warnings:
        output.warn(f"{proof.device}: warning: {warning}")
    for found in proof.findings:
        output.warn(f"{proof.device}: {found.text} [{found.code}]")
    for check in proof.checks:
        _print_check(check)
    output.text(f"  assumed: {'; '.join(proof.assumptions)}")


def _print_check(check: Check) -> None:
    from knockctl.cli import output

    sources = " with two sources" if check.sources == 2 else ""
    output.text(
        f"  {check.name}: {check.status}:"
        f" {check.states:,} states, {check.packets:,} packets judged{sources}"
    )
    for reason in check.reasons:
        output.text(f"    {reason}")
    for one in check.counterexamples:
        _print_counterexample(one)


def _print_counterexample(one: Counterexample) -> None:
    from knockctl.cli import output

    output.text(f"    IPv{one.family}, {one.what}; from {one.trace[0].source}:")
    rows = [("time", "packet", "expected", "got", "the rule that did it")]
    rows += [
        (f"{r.at:g} s", r.packet, f"{r.expected} ({r.expected_rule})", r.got, r.rule)
        for r in one.trace
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        output.text(f"      {'  '.join(cells)}  {row[4]}")


# --- simulate ---------------------------------------------------------------------------------


def simulate(
    context: typer.Context,
    trace: Annotated[
        list[str] | None,
        typer.Argument(help="Packets such as tcp/1234 tcp/22:ack@2.5, or one file or capture."),
    ] = None,
    policy: Annotated[str | None, typer.Option(help="Play it through this policy.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Play it through this device's configuration.")
    ] = None,
    running: Annotated[
        bool, typer.Option("--running", help="The configuration the device runs now.")
    ] = False,
    source: Annotated[str | None, typer.Option("--from", help="Who sends.")] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="The address packets go to, where none is placed.")
    ] = None,
) -> int:
    """Play packets and times through a policy or a device's configuration."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.errors import UsageError
    from knockctl.simulate.play import play

    if (policy is None) == (device is None):
        raise UsageError("name either a policy or a device", hint="--policy P, or --device D")
    if not trace:
        raise UsageError("there is no trace", hint="name packets, a file or a capture")
    session = Session(context.obj)
    site, scope, model = _stage(session, policy, device, running=running)
    packets = _trace(trace, scope, source, target)
    played = []
    for step in play(site, scope, packets, model):
        played.append(step)
        if not session.json:
            _print_step(step)
    if session.json:
        steps = [_step_data(step) for step in played]
        output.envelope("simulate", {"kind": "simulate", "steps": steps})
    return 0


def _stage(
    session: Session, policy: str | None, device: str | None, *, running: bool
) -> tuple[Site, Scope, DeviceModel[Any] | None]:
    """Return what the trace is played through."""
    from knockctl.automaton.packet import Scope
    from knockctl.automaton.reference import Site
    from knockctl.change.proof import stage_device

    if policy is not None:
        return Site((session.policy(policy),)), Scope(), None
    (chosen,) = session.select([device or ""], everything=False)
    return stage_device(chosen, session.policies_of(chosen), _asked(session, chosen, running))


def _asked(session: Session, device: Any, running: bool) -> Any:
    """Return all that a device runs, as text; None when that is not asked for."""
    from knockctl.contract import vendor_for

    if not running:
        return None
    with session.services() as services:
        target = device.target(services.resolve, session.settings.limits())
        with vendor_for(device.platform).connect(target) as driver:
            driver.facts()
            return driver.read().text


def _trace(words: list[str], scope: Scope, source: str | None, target: str | None) -> list[Any]:
    from ipaddress import ip_address

    from knockctl.automaton.packet import WirePacket
    from knockctl.errors import UsageError
    from knockctl.simulate.traces import parse_words, read_file

    try:
        sender = ip_address(source or "203.0.113.7")
        listed = scope.listed(sender.version)
        protected = ip_address(target) if target else listed[0] if listed else None
    except ValueError as error:
        raise UsageError(str(error)) from None
    anywhere = ip_address("192.0.2.1" if sender.version == 4 else "2001:db8::1")
    interface = scope.interfaces[0] if scope.interfaces else "eth0"
    likes = WirePacket(sender, protected or anywhere, "tcp", interface=interface)
    devices = [protected] if target and protected else list(scope.addresses)
    if len(words) == 1 and Path(words[0]).is_file():
        return list(read_file(Path(words[0]), likes, devices))
    return list(parse_words(words, likes))


def _print_step(step: Played) -> None:
    from knockctl.cli import output

    verdict = step.expected.value if step.claimed else "nothing claimed"
    line = f"{step.at:9.3f} s  {step.packet.source}  {step.packet}: {verdict}, {step.why}"
    if step.state:
        line += f" [{' | '.join(step.state)}]"
    output.text(line)
    if step.got is not None:
        mark = "DIFFERS: " if step.differs else ""
        rule = step.device_rules[-1] if step.device_rules else "no rule"
        output.text(f"{'':14}{mark}device: {step.got.value}, {rule}")


def _step_data(step: Played) -> dict[str, Any]:
    return {
        "at": step.at,
        "source": str(step.packet.source),
        "packet": str(step.packet),
        "verdict": step.expected.value,
        "rules": list(step.rules),
        "why": step.why,
        "state": list(step.state),
        "device_verdict": step.got.value if step.got else None,
        "device_rules": list(step.device_rules),
        "differs": step.differs,
        "claimed": step.claimed,
    }
