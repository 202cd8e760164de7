"""``knockctl policy``: check, show, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from knockctl.cli.session import Session
    from knockctl.policy.resolved import ResolvedPolicy

app = typer.Typer(no_args_is_help=True, help="Policies: check them, show them, their schema.")


@app.command()
def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; the inventory's by default.")
    ] = None,
    strict: Annotated[bool, typer.Option(help="Warnings are errors.")] = False,
    resolve: Annotated[bool, typer.Option(help="Resolve secret references, too.")] = False,
) -> None:
    """Validate policies and say what is unwise about them."""
    from dataclasses import asdict

    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.lint import lint, odds
    from knockctl.lint.check import check as check_policies

    session = Session(context.obj)
    chosen = paths or [session.settings.inventory / "policies"]
    secrets = session.settings.resolver() if resolve else None
    checked = check_policies(chosen, secrets, strict=strict, lint=lint)
    if session.json:
        output.envelope(
            "policy check",
            {
                "kind": "policy-check",
                "policies": [
                    {
                        "name": c.loaded.name,
                        "file": str(c.loaded.file.path),
                        "resolved": c.resolved is not None,
                        "odds": odds(c.resolved).data() if c.resolved else None,
                        "warnings": [
                            {
                                "code": w.code,
                                "where": str(c.loaded.file.where(w.path)),
                                "message": w.message,
                                "evidence": w.evidence,
                                "trace": [asdict(step) for step in w.trace],
                            }
                            for w in c.warnings
                        ],
                    }
                    for c in checked
                ],
            },
        )
        return
    for one in checked:
        open_question = "" if one.resolved else " (secrets not resolved; see --resolve)"
        output.text(f"{one.loaded.name}: well-formed{open_question}")
        if one.resolved:
            output.text(f"  odds: {odds(one.resolved)}")
        for warned in one.warnings:
            output.text(f"  warning: {one.describe(warned)}")


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The policy's name, or its file.")],
    reveal: Annotated[bool, typer.Option(help="Show what comes from secrets.")] = False,
) -> None:
    """Show what a policy means, defaults and references filled in."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.policy.show import show as describe

    session = Session(context.obj)
    data = describe(_policy(session, name), reveal=reveal)
    if session.json:
        output.envelope("policy show", {"kind": "policy", **data}, reveal=reveal)
        return
    for key, value in data.items():
        _print(key, value, "", reveal=reveal)


def _policy(session: Session, name: str) -> ResolvedPolicy:
    """Return a policy by its name in the inventory, or from its file."""
    from knockctl.policy.loader import load_policy, resolve

    if name.endswith((".yaml", ".yml")):
        return resolve(load_policy(Path(name)), session.settings.resolver())
    return session.policy(name)


def _print(key: str, value: object, indent: str, *, reveal: bool) -> None:
    from knockctl.cli import output

    if isinstance(value, dict):
        output.text(f"{indent}{key}:")
        for name, inner in value.items():
            _print(name, inner, f"{indent}  ", reveal=reveal)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        output.text(f"{indent}{key}:")
        for item in value:
            parts = ", ".join(f"{name} {_flat(inner)}" for name, inner in item.items())
            output.text(f"{indent}  - {parts}", reveal=reveal)
    elif value not in (None, [], ""):
        output.text(f"{indent}{key}: {_flat(value)}", reveal=reveal)


def _flat(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


@app.command()
def graph(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The policy's name, or its file.")],
    form: Annotated[
        str | None, typer.Option("--format", help="mermaid or svg; the file's ending tells, too.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--output", help="Write it there instead of printing it.")
    ] = None,
    reveal: Annotated[bool, typer.Option(help="Show what comes from secrets.")] = False,
) -> None:
    """Draw a policy's automaton, as Mermaid text or SVG."""
    from dataclasses import asdict

    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.errors import UsageError
    from knockctl.graph.drawing import mermaid, svg
    from knockctl.graph.graph import graph as automaton

    session = Session(context.obj)
    form = form or ("svg" if file and file.suffix == ".svg" else "mermaid")
    if form not in ("mermaid", "svg"):
        raise UsageError(f"{form!r} is no format", hint="write --format mermaid or --format svg")
    drawn = automaton(_policy(session, name), reveal=reveal)
    text = svg(drawn) if form == "svg" else mermaid(drawn)
    if file:
        try:
            file.write_text(text)
        except OSError as error:
            raise UsageError(f"{file} can't be written: {error.strerror}") from None
    if session.json:
        data = {"kind": "policy-graph", "format": form, **asdict(drawn)}
        output.envelope("policy graph", data, reveal=reveal)
    elif file:
        output.text(f"wrote {file}")
    else:
        output.text(text.rstrip("\n"), reveal=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file."""
    from knockctl.cli import output
    from knockctl.policy.schema import policy_schema

    output.text(policy_schema().rstrip("\n"))
