"""``knockctl lab``: up, down, exec, status."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The lab: real packets on this machine alone.")


@app.command()
def up(context: typer.Context) -> None:
    """Bring the lab up; harmless where it is."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.lab import lab

    devices = lab.up()
    if Session(context.obj).json:
        output.envelope("lab up", {"kind": "lab", "devices": devices})
        return
    output.text(f"the lab is up: {', '.join(devices)}")


@app.command()
def down(context: typer.Context) -> None:
    """Take the lab down; leaves nothing behind."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.lab import lab

    was = lab.down()
    if Session(context.obj).json:
        output.envelope("lab down", {"kind": "lab", "devices": []})
        return
    output.text("the lab is down" if was else "the lab was not up")


@app.command("exec", context_settings={"allow_extra_args": True, "allow_interspersed_args": False})
def execute(
    context: typer.Context,
    where: Annotated[str, typer.Argument(help="ops, wan, or a device.")],
    command: Annotated[list[str], typer.Argument(help="The command, after --.")],
) -> int:
    """Run a command in a part of the lab; its exit code is this one's."""
    from knockctl.lab import lab

    argv = [*command, *context.args]
    return lab.execute(where, argv[1:] if argv[0] == "--" else argv)


@app.command()
def status(context: typer.Context) -> None:
    """Say what is up."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.lab import lab
    from knockctl.lab.places import places

    rows = [
        {
            "device": one.name,
            "up": lab.running(one),
            "management": one.management,
            "outside": one.outside,
        }
        for one in sorted(places(), key=lambda one: one.name)
    ]
    if Session(context.obj).json:
        output.envelope("lab status", {"kind": "lab-status", "devices": rows})
        return
    for row in rows:
        state = "up" if row["up"] else "down"
        output.text(f"{row['device']}: {state}, {row['management']}, outside {row['outside']}")
