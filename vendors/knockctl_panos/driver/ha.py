"""High availability: changes are made on the active member, while both run the same."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from knockctl.errors import GuardError, Unsupported
from knockctl_panos.driver.connection import Session


def require_active(session: Session) -> None:
    """Raise unless the device is alone, or active and in sync with its peer."""
    try:
        result = session.op("<show><high-availability><state></state></high-availability></show>")
    except Unsupported:
        return
    if result.findtext("enabled") != "yes":
        return
    # Panorama has no group.
    group = result.find("group")
    info = group if group is not None else result
    state = _word(info, "local-info/state")
    if "active" not in state.split("-"):
        raise GuardError(
            f"it is the {state or 'unknown'} member of its pair; nothing was changed",
            hint="name the active member's address in the inventory",
            where=session.where,
        )
    sync = _word(info, "running-sync")
    if _word(info, "running-sync-enabled") != "no" and sync != "synchronized":
        raise GuardError(
            f"its peer does not run the same configuration ({sync or 'unknown'}); nothing was"
            " changed",
            hint="bring the pair in sync first: request high-availability sync-to-remote"
            " running-config",
            where=session.where,
        )


def _word(info: ET.Element, path: str) -> str:
    return (info.findtext(path) or "").strip().lower()
