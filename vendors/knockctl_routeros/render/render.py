"""Policies to chains and lists: the reference automaton, rule by rule, in RouterOS' words.

Per family, every packet takes this way::

    input ─ kc-_gate   other destinations leave; management, known flows, stray segments
             └ kc-_new  lock-outs
                ├ kc-<p>       the policy's own knocks and services (rules 0, 2 to 5, 7, 8)
                └ kc-<p>.rest  everything else (rules 3, 6, 7), then the verdict (rule 8)

``policy.py`` builds the chains of one policy. With ``raw`` placed, lock-outs and TCP traps act
before connection tracking, in a chain of the raw table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from knockctl.contract import Facts, Rendered
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.ports import Span, merged, without
from knockctl_routeros.config.normal import address
from knockctl_routeros.config.records import JUMP, OWN, Menu, RouterConfig, Row
from knockctl_routeros.config.words import (
    ACCEPT,
    DROP,
    OPENING,
    RETURN,
    Rule,
    Words,
    jump,
    on,
    rules,
)
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.chains import OwnChain, named, reached
from knockctl_routeros.render.fidelity import notes, relaxed, traps_early
from knockctl_routeros.render.names import (
    GATE,
    NEW,
    NOISE,
    OTHERS,
    REJECT,
    Family,
)
from knockctl_routeros.render.penalties import trapped
from knockctl_routeros.render.policy import PolicyChains

FAMILIES: tuple[Family, Family] = (4, 6)
ENTRY = "kc-_in"
_FILTER: dict[Family, Menu] = {4: "/ip firewall filter", 6: "/ipv6 firewall filter"}
_RAW: dict[Family, Menu] = {4: "/ip firewall raw", 6: "/ipv6 firewall raw"}
_KNOWN: Words = {"connection-state": "established"}
_INVALID: Words = {"connection-state": "invalid"}


def render(
    policies: Sequence[ResolvedPolicy], placement: RouterPlacement, facts: Facts | None = None
) -> Rendered[RouterConfig]:
    """Compile policies for the families the router has; both when no facts are given."""
    effective = tuple(_fit(policy, placement) for policy in policies)
    if not effective:
        return Rendered(RouterConfig(), ())
    listed = facts.details.get("families", "4 6").split() if facts else ["4", "6"]
    four, six = _chains(effective, placement)
    common = {4: _common(four)}
    common[6] = common[4] if six is four else _common(six)
    rows: list[Row] = []
    for family, chains in zip(FAMILIES, (four, six), strict=True):
        if str(family) in listed:
            rows += _Table(chains, common[family], placement, family).rows()
    place_of_jump = None if placement.position == "first" else placement.position
    return Rendered(
        RouterConfig(tuple(rows), place=place_of_jump),
        effective,
        tuple(n for c in four for n in notes(c, four, placement)),
        tuple(relaxed(c, four, placement) for c in four),
        # IPv6 has no layer 7 patterns: passphrases are looked for as they are.
        {6: (tuple(policies), tuple(relaxed(c, six, placement) for c in six))},
    )


def _chains(
    policies: Sequence[ResolvedPolicy], place: RouterPlacement
) -> tuple[Sequence[PolicyChains], Sequence[PolicyChains]]:
    """Return the policies' builders for both families; the same ones where nothing differs."""
    layer7 = place.payload_match == "layer7"
    four = PolicyChains.of(policies, 4, layer7=layer7)
    if not layer7 and not any(policy.trusted for policy in policies):
        return four, four
    return four, PolicyChains.of(policies, 6, layer7=False)


def _common(chains: Sequence[PolicyChains]) -> dict[str, OwnChain]:
    """Return the chains that hold no address of the device; not all of them are needed."""
    found = named(
        "",
        {
            NEW: _new(chains),
            NOISE: (r for c in chains for r in rules("refuse", c.refuse, ports=c.governed)),
            OTHERS: _others(chains),
            REJECT: _reject(),
        },
    )
    for chain in chains:
        found |= named(chain.policy.name, chain.build())
    return found


def _fit(policy: ResolvedPolicy, place: RouterPlacement) -> ResolvedPolicy:
    """Return the policy as the router can hold it."""
    if place.payload_match == "content":
        return policy
    generations = (
        replace(
            generation,
            knocks=tuple(replace(k, folded=k.payload is not None) for k in generation.knocks),
        )
        for generation in policy.generations
    )
    return replace(policy, generations=tuple(generations))


# --- rules ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """One family's rules."""

    chains: Sequence[PolicyChains]
    """The policies' own."""
    common: dict[str, OwnChain]
    place: RouterPlacement
    family: Family

    def rows(self) -> Iterator[Row]:
        """Yield every row of the family, patterns first."""
        if self.place.payload_match == "layer7" and self.family == 4:
            yield from self._patterns()
        chains = self.common | named("", {GATE: self._gate(), ENTRY: self._entry()})
        yield from self._reached(chains, self.place.chain, _FILTER)
        if self.place.raw:
            yield from self._raw()

    def _reached(
        self, chains: Mapping[str, OwnChain], chain: str, menus: Mapping[Family, Menu]
    ) -> Iterator[Row]:
        """Yield what a packet can come to from somebody else's chain, and the jump there."""
        first = ENTRY if self._addresses else GATE
        for one in reached(chains, first):
            yield from one.rows(menus[self.family])
        yield self._jump(menus[self.family], chain, first)

    @property
    def _addresses(self) -> list[str]:
        return [str(a) for a in self.place.addresses if a.version == self.family]

    def _jump(self, menu: Menu, chain: str, target: str) -> Row:
        """Return the one rule outside our chains."""
        place = self.place
        # What the router sends to itself has an address of its own as its source.
        where = {"src-address-type": "!local"}
        if place.chain == "input":
            where["dst-address-type"] = "local"
        elif menu == _RAW[self.family]:
            where["dst-address-type"] = "unicast"
        if place.interface:
            where["in-interface"] = place.interface
        if place.interface_list:
            where["in-interface-list"] = place.interface_list
        return Row.of(menu, {"chain": chain, "comment": JUMP, **where, **jump(target)})

    def _entry(self) -> Iterator[Rule]:
        """Let go at once of everything that is not a packet to the protected address."""
        for one in self._addresses:
            yield from rules("protected", {"dst-address": one}, jump(GATE))

    def _gate(self) -> Iterator[Rule]:
        """Settle what is no event, see the design, section 3."""
        yield from self._managed(ACCEPT)
        services = merged(span for c in self.chains for span in c.policy.services)
        yield from rules("known flows", _KNOWN, ACCEPT, ports=services)
        yield from rules("known flows", _KNOWN, RETURN)
        yield from rules("stray segments", _INVALID, jump(NOISE))
        yield from rules("stray segments", _INVALID, RETURN)
        yield from rules("new flows", OPENING, jump(NEW))
        yield from rules("new flows", OPENING, RETURN)
        yield from rules("new flows", {"protocol": "udp"}, jump(NEW))
        yield from rules("stray segments", {"protocol": "tcp"}, jump(NOISE))

    def _managed(self, leave: Words) -> Iterator[Rule]:
        management = self.place.management
        for source in management.sources if management else ():
            if management and source.version == self.family:
                port = Span.single("tcp", management.port)
                where = {"src-address": address(str(source))} if source.prefixlen else {}
                yield from rules("management", where, leave, ports=[port])

    def _patterns(self) -> Iterator[Row]:
        """Yield the layer 7 entries; a passphrase's own punctuation means itself."""
        for chain in self.chains:
            for number, said in enumerate(chain.passphrases, start=1):
                yield Row.of(
                    "/ip firewall layer7-protocol",
                    {
                        "name": chain.part(f"pass{number}"),
                        "regexp": _literal(said.decode()),
                        "comment": f"{OWN}{chain.policy.name}:passphrase secret",
                    },
                )

    # --- before connection tracking ---

    def _raw(self) -> Iterator[Row]:
        """Yield the rows of the raw table, where there is anything to do there."""
        gate = list(self._raw_gate())
        if not gate:
            return
        chains = named("", {GATE: gate, ENTRY: self._entry()})
        for chain in self.chains:
            if chain.exempts and chain.locks and chain.policy.scope == "all":
                no = chain.part("no")
                chains |= named("", {no: [*chain.exempt(RETURN), *rules("refuse", DROP)]})
            if traps_early(chain, self.chains):
                names = [name for name, _ in chain.traps]
                names += [chain.part(what) for what in ("void", "spend")]
                early = {n: self.common[n].rules for n in names if n in self.common}
                chains |= named("", early)
        yield from self._reached(chains, "prerouting", _RAW)

    def _raw_gate(self) -> Iterator[Rule]:
        """Drop who is locked out; lock out who opens a flow to a TCP trap, and drop that, too."""
        made: list[Rule] = []
        for chain in self.chains:
            locked = on(chain.part("lock"))
            if chain.locks and chain.policy.scope == "all":
                refuse = jump(chain.part("no")) if chain.exempts else DROP
                for protocol in ("tcp", "udp"):
                    made += rules("locked out", {"protocol": protocol}, locked, refuse)
            if traps_early(chain, self.chains):
                made += chain.exempt(RETURN)
                made += rules("locked out", locked, RETURN)
                made += trapped(chain, "tcp", OPENING, then=DROP)
        return iter([*self._managed(RETURN), *made] if made else [])


def _new(chains: Sequence[PolicyChains]) -> Iterator[Rule]:
    """Judge a packet that opens a flow."""
    yield from _locks(chains)
    taken: list[Span] = []
    for chain in chains:
        ports = without(chain.owned, taken)
        yield from rules("knocks and services", jump(chain.name), ports=ports)
        if chain.trusted:
            yield from rules("knocks and services", RETURN, ports=ports)
        taken.extend(chain.owned)
    resting = [c for c in chains if c.has_rest]
    for chain in resting:
        yield from rules("everything else", jump(chain.part("rest")))
    yield from _locks(resting)
    for chain in chains:
        ports = without(chain.policy.trap_ports, taken)
        yield from rules("hide traps", chain.unless_exempt, ports=ports)
    yield from _others(chains)


def _reject() -> Iterator[Rule]:
    """Refuse so that the client knows."""
    yield from rules("reject", {"action": "reject", "protocol": "tcp", "reject-with": "tcp-reset"})
    yield from rules("reject", {"action": "reject", "reject-with": "icmp-port-unreachable"})


def _locks(chains: Iterable[PolicyChains]) -> Iterator[Rule]:
    """Refuse whoever a policy with scope ``all`` has locked out (rule 1)."""
    for chain in chains:
        if chain.locks and chain.policy.scope == "all":
            yield from rules("locked out", on(chain.part("lock")), chain.unless_exempt)


def _others(chains: Iterable[PolicyChains]) -> Iterator[Rule]:
    """Refuse new flows that nothing governs, where a policy says so (rule 8)."""
    for chain in chains:
        if chain.policy.otherwise == "refuse":
            yield from rules("refuse others", chain.unless_exempt)


def _literal(text: str) -> str:
    return "".join(f"\\{c}" if c in r".^$*+?()[]{}|\\" else c for c in text)
