"""What a host runs, as far as a plan needs to know it: ours, and how ``INPUT`` stands to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from knockctl.contract import Reading
from knockctl_iptables.config.parse import (
    INPUT_RULE,
    JUMP_RULE,
    Dump,
    config_of,
    filter_section,
    split,
)
from knockctl_iptables.config.records import FAMILIES, Family, LinuxConfig


@dataclass(frozen=True, slots=True)
class LinuxReading(Reading[LinuxConfig]):
    """A reading that also knows how the rules of ``INPUT`` stand to ours."""

    input_rules: Mapping[Family, int] = field(default_factory=dict)
    """How many there are, ours included."""
    above: Mapping[Family, int] = field(default_factory=dict)
    """How many foreign ones stand above our jump, the last one if there are several."""


def read(dump: Dump) -> LinuxReading:
    """Read what is ours, and where in ``INPUT`` it is.

    Raises ``Unsupported`` for a table that iptables can't print.
    """
    config = config_of(dump)
    sections = {family: filter_section(dump.tables.get(family, "")) for family in FAMILIES}
    above: dict[Family, int] = {}
    for family, table in config.tables.items():
        if table.jumps:
            section = sections[family]
            before = section.count(INPUT_RULE, 0, section.rfind(JUMP_RULE))
            above[family] = before - table.jumps + 1
    lengths = {family: section.count(INPUT_RULE) for family, section in sections.items()}
    return LinuxReading(config, dump.text(), lengths, above)


def dumped(text: str) -> LinuxReading:
    """Read back what ``Dump.text`` made of everything a host runs."""
    return read(split(text))
