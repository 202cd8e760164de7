"""Policies to chains and sets: the reference automaton, rule by rule, in iptables' words.

Per family, every packet takes this way::

    INPUT ─ KC_INPUT   loopback, other destinations, other protocols leave
             └ KC_GATE  management, known flows, stray segments, lock-outs
                ├ KC_<p>       the policy's own knocks and services (rules 0, 2 to 5, 7, 8)
                └ KC_<p>_rest  everything else (rules 3, 6, 7), then the verdict (rule 8)

One chain per policy for what it owns, one for what it does not; ``policy.py`` builds those.
Sets per policy: ``_grant``, ``_lock`` and one per stage and generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from knockctl.contract import Facts, FidelityNote, Rendered
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import Span, merged, without
from knockctl_iptables.config.records import (
    ENTRY,
    FAMILIES,
    GATE,
    NOISE,
    OTHERS,
    REJECT,
    Family,
    IpSet,
    LinuxConfig,
    Rule,
    Table,
)
from knockctl_iptables.config.words import (
    ACCEPT,
    INVALID,
    KNOWN,
    NOT_OPENING,
    RETURN,
    goto,
    jump,
    on_ports,
    rule,
    unreachable,
)
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.render.names import PolicyChains

# The kernel keeps timeouts in jiffies of a 32-bit counter: `man ipset`, "timeout".
LONGEST_TIMEOUT = 2147483


def render(
    policies: Sequence[ResolvedPolicy], placement: LinuxPlacement, facts: Facts | None = None
) -> Rendered[LinuxConfig]:
    """Compile policies for the families the host has; both when no facts are given."""
    notes: list[FidelityNote] = []
    effective = tuple(_fit(policy, notes) for policy in policies)
    if not effective:
        return Rendered(LinuxConfig(), ())
    listed = facts.details.get("families", "4 6").split() if facts else ["4", "6"]
    families = [family for family in FAMILIES if str(family) in listed]
    tables: dict[Family, Table] = {}
    sets: list[IpSet] = []
    for family in families:
        chains = PolicyChains.of(effective, family)
        tables[family] = Table(
            _table(chains, placement, family),
            jumps=1,
            place=None if placement.position == "first" else placement.position,
        )
        sets.extend(IpSet(name, family) for chain in chains for name in chain.sets)
    return Rendered(LinuxConfig(tables, frozenset(sets)), effective, tuple(notes))


def _fit(policy: ResolvedPolicy, notes: list[FidelityNote]) -> ResolvedPolicy:
    """Return the policy as the kernel can hold it, noting every difference."""

    def cap(seconds: int, what: str, direction: str) -> int:
        if seconds <= LONGEST_TIMEOUT:
            return seconds
        notes.append(
            FidelityNote.model_validate(
                {
                    "code": "timeout-capped",
                    "kind": "rounded",
                    "direction": direction,
                    "policy": policy.name,
                    "reason": f"{what} of {seconds} s becomes {LONGEST_TIMEOUT} s, "
                    "the longest an ipset member can live",
                    "cost": "guessing resumes sooner" if direction == "looser" else None,
                }
            )
        )
        return LONGEST_TIMEOUT

    if any(knock.payload for generation in policy.generations for knock in generation.knocks):
        notes.append(_no_payload(policy))
    return replace(
        policy,
        generations=tuple(
            replace(g, knocks=tuple(replace(k, payload=None) for k in g.knocks))
            for g in policy.generations
        ),
        step_timeout=cap(policy.step_timeout, "step_timeout", "stricter"),
        grant_duration=cap(policy.grant_duration, "grant.duration", "stricter"),
        lockout=policy.lockout and cap(policy.lockout, "lockout.duration", "looser"),
        traps=tuple(
            replace(trap, lockout=cap(trap.lockout, "a trap's lockout", "looser"))
            for trap in policy.traps
        ),
    )


def _no_payload(policy: ResolvedPolicy) -> FidelityNote:
    return FidelityNote(
        code="payload-ignored",
        kind="unsupported",
        direction="looser",
        policy=policy.name,
        reason="the passphrase inside a knock is not checked: its port alone counts",
        cost="a knock with a passphrase is worth one guess in 65535, like any other port",
    )


def _table(
    chains: Sequence[PolicyChains], place: LinuxPlacement, family: Family
) -> dict[str, tuple[Rule, ...]]:
    result = {ENTRY: tuple(_entry(place, family)), GATE: tuple(_gate(chains, place, family))}
    result[NOISE] = tuple(r for c in chains for r in on_ports(c.governed, c.refuse))
    for chain in chains:
        result.update(chain.build())
    if any(c.trusted and c.others_refuse for c in chains):
        result[OTHERS] = tuple(_others(chains))
    if any(c.policy.refuse == "reject" for c in chains):
        result[REJECT] = (
            rule(("-p", "tcp"), ("-j", "REJECT", "--reject-with", "tcp-reset")),
            rule(("-j", "REJECT", "--reject-with", unreachable(family))),
        )
    return result


def _entry(place: LinuxPlacement, family: Family) -> Iterator[Rule]:
    """Let go at once of everything that is not a packet to the protected address."""
    yield rule(("-i", "lo"), RETURN)
    yield rule(("-m", "addrtype", "!", "--dst-type", "LOCAL"), RETURN)
    length = 32 if family == 4 else 128
    addresses = [a for a in place.addresses if isinstance(a, IPv4Address) is (family == 4)]
    for address in addresses or (None,):
        for interface in place.interfaces or (None,):
            for protocol in ("tcp", "udp"):
                yield rule(
                    ("-d", f"{address}/{length}") if address else (),
                    ("-i", interface) if interface else (),
                    ("-p", protocol),
                    goto(GATE),
                )


def _gate(chains: Sequence[PolicyChains], place: LinuxPlacement, family: Family) -> Iterator[Rule]:
    if place.management:
        for source in place.management.sources:
            if source.version == family:
                port = Span.single("tcp", place.management.port)
                for r in on_ports([port], ACCEPT):
                    yield rule(*([("-s", str(source))] if source.prefixlen else []), r.words)
    services = merged(span for c in chains for span in c.policy.services)
    yield from _known(services)
    yield rule(NOT_OPENING, goto(NOISE))
    yield rule(INVALID, goto(NOISE))
    yield from _locks(chains)
    taken: list[Span] = []
    for chain in chains:
        yield from on_ports(without(chain.owned, taken), goto(chain.name))
        taken.extend(chain.owned)
    for chain in chains:
        if chain.has_rest:
            yield rule(jump(chain.rest))
    yield from _locks([c for c in chains if c.has_rest])
    for chain in chains:
        yield from on_ports(without(chain.policy.trap_ports, taken), chain.unless_exempt)
    yield from _others(chains)


def _known(services: Iterable[Span]) -> Iterator[Rule]:
    for r in on_ports(services, ACCEPT):
        protocol, rest = r.words[:2], r.words[2:]
        yield rule(protocol, KNOWN, rest)
    yield rule(KNOWN, RETURN)


def _locks(chains: Iterable[PolicyChains]) -> Iterator[Rule]:
    """Refuse whoever a policy with scope ``all`` has locked out (rule 1)."""
    for chain in chains:
        if chain.locks and chain.policy.scope == "all":
            yield rule(("-m", "set", "--match-set", chain.lock, "src"), chain.unless_exempt)


def _others(chains: Iterable[PolicyChains]) -> Iterator[Rule]:
    """Refuse new flows that nothing governs, where a policy says so (rule 8)."""
    for chain in chains:
        if chain.policy.otherwise == "refuse":
            yield rule(chain.unless_exempt)
