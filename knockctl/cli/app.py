"""The root command: global options, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from knockctl import __version__
from knockctl.cli import change, inspect, knock, lab, policy, verify
from knockctl.cli.flags import Flags

# typer shows errors of usage itself, but exports their common class under no name.
_WrongUsage: type[typer.BadParameter] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

app = typer.Typer(
    name="knockctl",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Port-knocking policies for a whole inventory, with a way back.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(policy.app, name="policy")
app.add_typer(lab.app, name="lab")
for module in (inspect, verify, change, knock):
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"knockctl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    inventory: Annotated[
        Path | None, typer.Option("-i", "--inventory", help="The inventory's folder.")
    ] = None,
    journal: Annotated[
        str | None, typer.Option(help="The journal's URL; a SQLite file of yours by default.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="text or json.", metavar="FORMAT")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Keep the global options for the command."""
    del version
    context.obj = Flags(inventory, journal, output)


def run(argv: list[str]) -> int:
    """Run one command line and return its exit code; nothing is raised to the terminal."""
    try:
        result = app(argv, standalone_mode=False)
    except typer.Exit as done:
        return done.exit_code
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return 130
    except _WrongUsage as wrong:
        wrong.show()
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback to users
        from knockctl.cli.output import report

        return report(error, argv)
    return result if isinstance(result, int) else 0
