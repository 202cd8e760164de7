"""What a firewall or Panorama prints to a config: running or candidate, a part or the whole."""

from __future__ import annotations

from typing import Literal

from knockctl_panos.config.document import Document
from knockctl_panos.config.records import PanosConfig


def parse_text(
    text: str, name: str | None = None, *, rulebase: Literal["pre", "post"] | None = None
) -> PanosConfig:
    """Read back what ``PanosConfig.text`` prints, or take what is ours from a device's answer.

    ``name``: of the vsys or device group; ``rulebase``: which one of a device group. Without,
    those that hold something of ours. Raises ``NotXml`` where the text is no such document.
    """
    base = f"{rulebase}-rulebase" if rulebase else None
    return Document.read(text, name).config(base)
