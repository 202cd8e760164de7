"""Commands that change no device: init, inventory, render, diff, history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from knockctl.change.diff import Difference
    from knockctl.cli.session import Session
    from knockctl.inventory.device import Device

Targets = Annotated[list[str] | None, typer.Argument(help="Devices or groups; all by default.")]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        help="Codes of notes and findings to accept, again or with commas.",
        metavar="CODE[,CODE…]",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (init, inventory, render, diff, history):
        app.command()(command)


def init(
    context: typer.Context, folder: Annotated[Path, typer.Argument(help="A new folder.")]
) -> None:
    """Make a new inventory with one policy, ready to edit."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.inventory.init import init as make

    files = make(folder)
    if Session(context.obj).json:
        output.envelope("init", {"kind": "init", "files": [str(file) for file in files]})
        return
    for file in files:
        output.text(f"wrote {file}")
    output.text(f"edit them, then: knockctl -i {folder} policy check && knockctl -i {folder} diff")


def inventory(context: typer.Context, targets: Targets = None) -> None:
    """List devices, platforms and policies, with the fidelity each policy would have."""
    from knockctl import settings
    from knockctl.cli import output
    from knockctl.cli.session import Session

    session = Session(context.obj)
    devices = session.select(targets or [], everything=not targets)
    rows = [_row(session, device) for device in devices]
    if session.json:
        output.envelope("inventory", {"kind": "inventory", "devices": rows})
        return
    for row in rows:
        port = f":{row['port']}" if row["port"] else ""
        output.text(f"{row['name']}  {row['platform']}  {row['host']}{port}")
        output.text(f"  policies: {', '.join(row['policies']) or 'none'}")
        for note in row["fidelity"]:
            output.text(f"  {note}")
    output.warn(f"settings of yours: {settings.user_file()}")


def _row(session: Session, device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "platform": device.platform,
        "host": device.host,
        "port": device.port,
        "groups": list(device.groups),
        "policies": list(device.policies),
        "fidelity": _fidelity(session, device),
    }


def _fidelity(session: Session, device: Device) -> list[str]:
    """Say how well the vendor can hold the device's policies, as far as can be told offline."""
    from knockctl.change.plan import place
    from knockctl.contract import vendor_for
    from knockctl.errors import InventoryError, SecretError

    try:
        vendor = vendor_for(device.platform)
    except InventoryError as error:
        return [f"not served: {error.message}"]
    placement = place(vendor, device)
    try:
        policies = session.policies_of(device)
    except SecretError as error:
        return [f"unknown: {error.message}"]
    rendered = vendor.compiler.render(policies, placement)
    return [f"{n.code} ({n.kind}, {n.direction}): {n.reason}" for n in rendered.fidelity]


def render(
    context: typer.Context,
    targets: Targets = None,
    reveal: Annotated[bool, typer.Option(help="Show what comes from secrets.")] = False,
) -> None:
    """Print the intended configuration in the vendor's language, without asking the device."""
    from knockctl.change.plan import place
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.contract import vendor_for

    session = Session(context.obj)
    results = []
    for device in session.select(targets or [], everything=not targets):
        vendor = vendor_for(device.platform)
        policies = session.policies_of(device)
        rendered = vendor.compiler.render(policies, place(vendor, device))
        notes = [note.model_dump() for note in rendered.fidelity]
        results.append({"device": device.name, "text": rendered.config.text(), "fidelity": notes})
    if session.json:
        output.envelope("render", {"kind": "render", "devices": results}, reveal=reveal)
        return
    for result in results:
        if len(results) > 1:
            output.text(f"# device {result['device']}")
        for note in result["fidelity"]:
            output.warn(f"{result['device']}: {note['code']}: {note['reason']}")
        output.text(str(result["text"]).rstrip("\n"), reveal=reveal)


def diff(
    context: typer.Context,
    targets: Targets = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 3 where anything differs.")
    ] = False,
    accept: Accept = None,
    reveal: Annotated[bool, typer.Option(help="Show what comes from secrets.")] = False,
) -> int:
    """Compare what is intended with what runs, and with what foreign rules do to it."""
    from knockctl.cli import output
    from knockctl.cli.session import Session, codes
    from knockctl.fleet.run import worst

    session = Session(context.obj)
    devices = session.select(targets or [], everything=not targets)
    found = differences(session, devices, codes(accept or ()), reveal=reveal)
    if session.json:
        data = {"kind": "diff", "devices": [one.model_dump() for one in found]}
        output.envelope("diff", data, ok=not any(one.error for one in found), reveal=reveal)
    code = worst(one.exit_code for one in found)
    return code if code != 3 or exit_code else 0


def differences(
    session: Session, devices: list[Device], accepted: frozenset[str], *, reveal: bool = False
) -> list[Difference]:
    """Compare many devices at once, printing each as it comes in."""
    from knockctl.change.diff import Difference, compare
    from knockctl.change.job import Job, Options
    from knockctl.fleet.run import run_all
    from knockctl.journal.record import new_change_id

    options = Options(accept=accepted, timeouts=session.settings.limits())
    jobs = [
        Job(
            kind="deploy",
            change_id=new_change_id(),
            device=device,
            policies=session.policies_of(device),
            options=options,
        )
        for device in devices
    ]
    with session.services() as services:
        return run_all(
            jobs,
            lambda job: compare(job, services, reveal=reveal),
            lambda job, error: Difference(
                device=job.device.name, error=f"internal error: {type(error).__name__}: {error}"
            ),
            workers=session.settings.workers,
            done=lambda one: None if session.json else _print_difference(one, reveal=reveal),
        )


def _print_difference(one: Difference, *, reveal: bool) -> None:
    from knockctl.cli import output

    if one.error:
        output.warn(f"{one.device}: error: {one.error}")
        if one.hint:
            output.warn(f"  hint: {one.hint}")
        return
    for pending in one.pending:
        output.warn(f"{one.device}: pending: {pending}")
    count = len(one.changes) + len(one.stopping)
    if not count:
        output.text(f"{one.device}: no differences")
    else:
        output.text(f"{one.device}: {count} difference{'s' * (count > 1)}")
    for change in one.changes:
        output.text(f"  {change}", reveal=reveal)
    for found in one.findings:
        if found in one.stopping:
            output.text(f"  ! {found.text} [{found.code}]")
        else:
            said = "accepted: " if found.blocks else ""
            output.warn(f"{one.device}: {said}{found.text} [{found.code}]")
    for found in one.mended:
        output.warn(f"{one.device}: now {found.text}; a deploy mends that")
    if one.stopping:
        output.warn(f"{one.device}: to deploy, {one.remedy}, or --accept the codes in brackets")


def history(
    context: typer.Context,
    targets: Targets = None,
    limit: Annotated[int, typer.Option(min=1, help="How many changes.")] = 20,
) -> None:
    """List what was done to the devices, newest first."""
    from knockctl.cli import output
    from knockctl.cli.session import Session

    session = Session(context.obj)
    names = [d.name for d in session.select(targets, everything=False)] if targets else []
    with session.journal() as journal:
        records = journal.history(names, limit)
    if session.json:
        changes = [
            record.model_dump(mode="json", exclude={"before", "after"}) for record in records
        ]
        output.envelope("history", {"kind": "history", "changes": changes})
        return
    for record in records:
        when = record.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        line = f"{record.id}  {when}  {record.device}  {record.kind}  {record.state}"
        output.text(f"{line}  by {record.operator}  {len(record.summary)} changes")
        if record.reason:
            output.text(f"  {record.reason}")
    if not records:
        output.text("nothing is recorded")
