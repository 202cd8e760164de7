"""What a transaction needs from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from knockctl.change.steps import Observer, Say, nobody, silence
from knockctl.contract import AnyVendor, vendor_for
from knockctl.inventory.device import Resolve
from knockctl.journal.journal import Journal


@dataclass(slots=True)
class Services:
    """What a transaction needs from outside: the journal, secrets, vendors, who watches."""

    journal: Journal
    resolve: Resolve
    observer: Observer = nobody
    vendor: Callable[[str], AnyVendor] = vendor_for
    progress: Say = silence
    """Hears how far a long step is."""
    announce: Say = silence
    """Hears what a person needs to know before the job ends."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the user wants whatever waits to end: it takes its change back."""
