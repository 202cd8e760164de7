"""The modeller: device text as machines, as the contract names it."""

from __future__ import annotations

from collections.abc import Mapping

from knockctl.automaton.packet import Scope
from knockctl.contract import Running
from knockctl.errors import CommandRefused
from knockctl_iptables.config.parse import (
    IPV4,
    IPV6,
    LEGACY,
    NATIVE,
    NO_NFT,
    SETS,
    TERSE,
    parse_text,
    sections,
)
from knockctl_iptables.config.records import FAMILIES, Family, LinuxConfig
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.plan.placing import places
from knockctl_iptables.plan.reading import (
    dumped,
)
from knockctl_iptables.semantics import BadAnswer, LinuxModel, Native, ours, read_native, saved
from knockctl_iptables.semantics.ruleset import standing


class LinuxModeller:
    """Satisfies ``knockctl.contract.Modeller``."""

    evidence = "kernel"
    assumptions: tuple[str, ...] = (
        "no set is full and no recent list forgets an address for want of room",
        "packets are whole: what connection tracking calls invalid is a stray TCP segment",
        "a text that rules search for stands in a packet's data, not by chance in its headers",
        "nothing but these tables and the native ones that nft prints judges packets: no eBPF",
    )
    remedy = "narrow or remove the rule, or set placement.position to first"

    def scope(self, placement: LinuxPlacement) -> Scope:
        """Return which packets are the policies' at all."""
        return Scope(placement.addresses, placement.interfaces)

    def parse(self, text: str) -> LinuxConfig:
        """Read back what a config prints."""
        return parse_text(text)

    def model(self, config: LinuxConfig) -> LinuxModel:
        """Return the machine that our chains alone make."""
        return LinuxModel(ours(config), self.evidence)

    def running(self, text: str, intended: LinuxConfig | None = None) -> Running[LinuxConfig]:
        """Read all tables of both families, the headers of all sets, and native tables."""
        found = sections(text)
        texts: dict[Family, str] = {4: found.get(IPV4, "")}
        if IPV6 in found:
            texts[6] = found[IPV6]
        reading = dumped(text)
        rules = saved(texts, found.get(SETS, ""), _native(found, texts))
        if intended is not None:
            rules = standing(rules, intended, places(reading, intended))
        model = LinuxModel(rules, self.evidence)
        return Running(reading.config, model, tuple(texts), _unread(found))


def _native(found: Mapping[str, str], texts: Mapping[Family, str]) -> Native:
    """Read the native tables; those that iptables printed aren't."""
    title = NATIVE if NATIVE in found else TERSE
    if not found.get(title, "").strip():
        return Native()
    printed = (
        () if LEGACY in found else [(f, t) for f in FAMILIES for t in tables(texts.get(f, ""))]
    )
    try:
        return read_native(found[title], printed, terse=title == TERSE)
    except BadAnswer as error:
        raise CommandRefused(str(error), hint=f"look at `{title}` on the host") from None


def tables(text: str) -> list[str]:
    """Return the names of the tables that a tool printed."""
    return [line[1:] for line in text.splitlines() if line.startswith("*")]


def _unread(found: Mapping[str, str]) -> tuple[str, ...]:
    if NO_NFT not in found:
        return ()
    return (_WITHOUT_NFT,)


_WITHOUT_NFT = (
    "nft is not installed there: native nftables chains, if there are any, were not read; "
    "install nftables to have them judged"
)
