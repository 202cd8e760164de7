"""``knockctl knock``: one packet per knock, then perhaps wait for the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from knockctl.cli.session import Session
    from knockctl.policy.resolved import Knock


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(knock)


def knock(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            help="TARGET [POLICY] of the inventory; with --host, the knocks: tcp/1234 udp/888.",
            metavar="TARGET [POLICY] | KNOCK…",
        ),
    ],
    host: Annotated[str | None, typer.Option(help="Knock on this host.")] = None,
    delay: Annotated[
        float | None,
        typer.Option(
            min=0, max=120, help="Seconds between knocks; by default as many as the device needs."
        ),
    ] = None,
    check: Annotated[
        str | None, typer.Option(help="Wait for this service to open.", metavar="tcp/22")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds to wait with --check; by default 5 more than needed."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="The address to knock from.")] = None,
    ipv4: Annotated[bool, typer.Option("-4", help="Only IPv4.")] = False,
    ipv6: Annotated[bool, typer.Option("-6", help="Only IPv6.")] = False,
) -> int:
    """Knock: exactly one packet for each knock, all from one address."""
    from knockctl.cli import output
    from knockctl.cli.session import Session
    from knockctl.client.check import check as wait_for
    from knockctl.client.send import DELAY, send
    from knockctl.errors import UsageError

    session = Session(context.obj)
    if ipv4 and ipv6:
        raise UsageError("-4 and -6 exclude each other")
    service = _service(check) if check else None
    if host:
        where, knocks, lag = host, [_knock(word) for word in words], 0
    else:
        family = 6 if ipv6 else 4 if ipv4 else None
        where, knocks, lag = _from_inventory(session, words, family=family)
    pause = DELAY + lag if delay is None else delay
    if lag:
        output.warn(_pacing(words[0], lag, pause))
    goal = send(
        where, knocks, delay=pause, family=4 if ipv4 else 6 if ipv6 else None, source=source
    )
    seconds = 5.0 + lag if timeout is None else timeout
    result = wait_for(goal, service, seconds=seconds) if service else None
    if session.json:
        data = {"kind": "knock", "address": goal.address, "knocks": len(knocks), "pause": pause}
        if result:
            data |= {"open": result.open, "seconds": round(result.seconds, 4)}
        output.envelope("knock", data, ok=not result or result.open)
    else:
        output.text(f"knocked {len(knocks)} times on {goal.address}")
        if result:
            state = f"open after {result.seconds:.3f} s" if result.open else "not open"
            output.text(f"{check}: {state}")
    return 0 if not result or result.open else 4


def _pacing(target: str, lag: int, pause: float) -> str:
    """Say why knocking takes its time, or what may become of knocks that don't."""
    needs = f"{target} may need {lag} s to notice a knock"
    if pause < lag:
        return f"{needs}: with {pause:g} s between them some may count for nothing"
    return f"{needs}: pausing {pause:g} s after each"


def _knock(word: str) -> Knock:
    from knockctl.errors import UsageError
    from knockctl.policy.resolved import Knock
    from knockctl.ports import Span

    try:
        span = Span.parse(word if "/" in word else f"tcp/{word}")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if len(span) != 1:
        raise UsageError(f"{word!r} is a range; a knock is one port")
    return Knock(span.protocol, span.first)


def _service(text: str) -> int:
    from knockctl.errors import UsageError

    knock = _knock(text)
    if knock.protocol != "tcp":
        raise UsageError(
            f"{text!r} can't be checked: a UDP service need not answer", hint="check a TCP service"
        )
    return knock.port


def _from_inventory(
    session: Session, words: list[str], *, family: int | None
) -> tuple[str, list[Knock], int]:
    """Return where and what to knock for a device, and how many seconds a knock takes to show."""
    from knockctl.change.plan import place
    from knockctl.contract import vendor_for
    from knockctl.errors import UsageError

    if len(words) > 2:
        raise UsageError("write TARGET [POLICY], or --host HOST KNOCK…")
    found = session.select(words[:1], everything=False)
    if len(found) != 1:
        raise UsageError(f"{words[0]!r} is several devices; knock on one")
    device = found[0]
    name = words[1] if len(words) > 1 else device.policies[0] if len(device.policies) == 1 else None
    if name is None or name not in device.policies:
        listed = ", ".join(device.policies) or "none"
        raise UsageError(f"name a policy of {device.name}: {listed}")
    vendor, policy = vendor_for(device.platform), session.policy(name)
    placement = place(vendor, device)
    addresses = [a for a in placement.addresses if family in (None, a.version)]
    host = str(addresses[0]) if addresses else device.host
    lag = vendor.compiler.render([policy], placement).lag
    return host, list(policy.generations[-1].knocks), lag
