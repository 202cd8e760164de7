"""What runs, as a plan needs it: ours as a config, and all that judges packets as a document."""

from __future__ import annotations

from dataclasses import dataclass, field

from knockctl.contract import Reading
from knockctl_panos.config.document import Document
from knockctl_panos.config.records import PanosConfig


@dataclass(frozen=True, slots=True)
class PanosReading(Reading[PanosConfig]):
    """What runs on a firewall, in one vsys; or on Panorama, in one device group."""

    document: Document | None = field(default=None, compare=False, repr=False)
    """What ``text`` prints, where it has been read already."""


def reading(document: Document, base: str, text: str = "") -> PanosReading:
    """Read a document whose rules of ours are to be in a rulebase."""
    return PanosReading(document.config(base), text, document)


def document_of(reading: Reading[PanosConfig]) -> Document:
    """Return all that was read; where that is ours alone, that."""
    if isinstance(reading, PanosReading) and reading.document is not None:
        return reading.document
    return Document.read(reading.text) if reading.text else Document(reading.config.node())
