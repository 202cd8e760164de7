"""The command line. Commands are thin: parse, call, print.

Importing this package imports typer and nothing else of weight, so that ``--help`` is quick;
every command imports what it needs when it runs.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit codes are the design's, section 9."""
    from knockctl.cli.app import run

    sys.exit(run(sys.argv[1:]))
