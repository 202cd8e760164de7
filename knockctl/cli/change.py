"""Commands that change devices: deploy, remove, confirm, rollback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knockctl.cli.inspect import Accept

if TYPE_CHECKING:
    from knockctl.change.job import Job, Kind, Options, Outcome
    from knockctl.change.steps import Phase, Step
    from knockctl.cli.session import Session
    from knockctl.inventory.device import Device

Targets = Annotated[list[str] | None, typer.Argument(help="Devices or groups.")]
Everything = Annotated[bool, typer.Option("--all", help="Every device of the inventory.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Within = Annotated[
    int | None,
    typer.Option(min=1, help="Stop before confirming; taken back after so many seconds."),
]
Reason = Annotated[str | None, typer.Option(help="Why, for the journal.")]
ChangeId = Annotated[str | None, typer.Option("--change", help="The pending change.", metavar="ID")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (deploy, remove, confirm, rollback):
        app.command()(command)


def deploy(
    context: typer.Context,
    targets: Targets = None,
    everything: Everything = False,
    yes: Yes = False,
    confirm_within: Within = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Knock for real before confirming.")
    ] = False,
    accept: Accept = None,
    reason: Reason = None,
) -> int:
    """Bring devices to what is intended, covered by a revert timer and probed."""
    from knockctl.cli.session import Session, writes

    writes(targets or [], everything=everything)
    session = Session(context.obj)
    devices = session.select(targets or [], everything=everything)
    options = _options(session, accept, confirm_within, reason, probe=probe)
    jobs = [_job("deploy", d, options, policies=session.policies_of(d)) for d in devices]
    if not yes and not _agreed(session, devices, "Deploy", options):
        return 0
    return _run(session, jobs, "deploy")


def remove(
    context: typer.Context,
    targets: Targets = None,
    everything: Everything = False,
    yes: Yes = False,
    confirm_within: Within = None,
    reason: Reason = None,
) -> int:
    """Take everything of ours off the devices, as a transaction."""
    from knockctl.cli.session import Session, writes

    writes(targets or [], everything=everything)
    session = Session(context.obj)
    devices = session.select(targets or [], everything=everything)
    options = _options(session, None, confirm_within, reason)
    if not yes and not _agreed(session, [], f"Remove everything from {_names(devices)}"):
        return 0
    return _run(session, [_job("remove", d, options) for d in devices], "remove")


def confirm(
    context: typer.Context,
    targets: Targets = None,
    change: ChangeId = None,
    everything: Everything = False,
) -> int:
    """Keep a pending change: probe again, stop its revert timer, make it survive reboots."""
    from knockctl.cli.session import Session

    session = Session(context.obj)
    devices = _holding(session, targets or [], change, everything=everything)
    options = _options(session, None, None, None)
    jobs = [_job("confirm", d, options, to_change=change) for d in devices]
    return _run(session, jobs, "confirm")


def rollback(
    context: typer.Context,
    targets: Targets = None,
    change: ChangeId = None,
    to: Annotated[str | None, typer.Option(help="A recorded revision.", metavar="REVISION")] = None,
    everything: Everything = False,
    yes: Yes = False,
    confirm_within: Within = None,
    reason: Reason = None,
) -> int:
    """Take a pending change back now, or go back to what was before the last one."""
    from knockctl.cli.session import Session
    from knockctl.errors import UsageError

    if change and to:
        raise UsageError("--change takes a pending change back, --to goes to a revision: not both")
    session = Session(context.obj)
    devices = _holding(session, targets or [], change, everything=everything)
    options = _options(session, None, confirm_within, reason)
    jobs = [_job("rollback", d, options, to_change=change, to_revision=to) for d in devices]
    if not yes and not _agreed(session, [], f"Roll back {_names(devices)}"):
        return 0
    return _run(session, jobs, "rollback")


# --- jobs ---------------------------------------------------------------------------------------


def _options(
    session: Session,
    accept: list[str] | None,
    confirm_within: int | None,
    reason: str | None,
    *,
    probe: bool = False,
) -> Options:
    from knockctl.change.job import Options
    from knockctl.cli.session import codes
    from knockctl.journal.record import operator

    return Options(
        accept=codes(accept or ()),
        confirm_within=confirm_within,
        probe_knock=probe,
        timeouts=session.settings.limits(),
        operator=operator(),
        reason=reason,
    )


def _job(kind: Kind, device: Device, options: Options, **more: Any) -> Job:
    from knockctl.change.job import Job
    from knockctl.journal.record import new_change_id

    return Job(kind=kind, change_id=new_change_id(), device=device, options=options, **more)


def _holding(
    session: Session, names: list[str], change: str | None, *, everything: bool
) -> list[Device]:
    """Return the devices named, or the one a recorded change belongs to."""
    from knockctl.cli.session import writes
    from knockctl.errors import UsageError

    if names or everything or not change:
        writes(names, everything=everything)
        return session.select(names, everything=everything)
    with session.journal() as journal:
        record = journal.get(change)
    if record is None:
        raise UsageError(
            f"the journal knows no change {change}",
            hint="name the device, too: the change is found there",
        )
    return session.select([record.device], everything=False)


def _names(devices: list[Device]) -> str:
    return ", ".join(device.name for device in devices)


def _agreed(
    session: Session,
    devices: list[Device],
    question: str,
    options: Options | None = None,
) -> bool:
    """Show the difference and ask. Without a terminal to ask on, ``--yes`` is needed."""
    from knockctl.cli import output
    from knockctl.cli.inspect import differences
    from knockctl.errors import UsageError

    if session.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("no terminal to ask on", hint="pass --yes to go ahead without a question")
    if devices and options:
        found = differences(session, devices, options.accept)
        count = sum(bool(one.changes or one.stopping) for one in found)
        if not (count or options.probe_knock or any(one.error for one in found)):
            output.text("nothing to do")
            return False
        question = f"{question} to {_names(devices)}"
    if typer.confirm(f"{question}?"):
        return True
    output.text("nothing was changed")
    return False


# --- running ------------------------------------------------------------------------------------


def _run(session: Session, jobs: list[Job], command: str) -> int:
    """Run the jobs, show each result as it comes in, and return the fleet's exit code."""
    from knockctl.change.run import run
    from knockctl.cli import output
    from knockctl.cli.progress import Progress
    from knockctl.fleet.run import run_all, worst

    with Progress([job.device.name for job in jobs], as_json=session.json) as progress:

        def observe(device: str, step: Step, phase: Phase) -> None:
            if phase == "before":
                progress.step(device, step.value)

        with session.services(observe) as services:
            services.progress, services.announce = progress.step, progress.announce
            outcomes = run_all(
                jobs,
                lambda job: run(job, services),
                _internal,
                workers=session.settings.workers,
                done=progress.done,
                interrupted=services.stop.set,
            )
    code = worst(outcome.exit_code for outcome in outcomes)
    if session.json:
        devices = [outcome.model_dump(mode="json") for outcome in outcomes]
        output.envelope(command, {"kind": "outcomes", "devices": devices}, ok=code == 0)
    return code


def _internal(job: Job, error: BaseException) -> Outcome:
    from knockctl.change.job import Outcome, Result

    return Outcome(
        device=job.device.name,
        result=Result.FAILED,
        change_id=job.change_id,
        kind=job.kind,
        message=f"internal error: {type(error).__name__}: {error};"
        " what the device runs is not known",
        hint="run knockctl diff; a change that is on the device is taken back by its timer, where"
        " the device has one",
    )
