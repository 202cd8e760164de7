"""What a device calls the sequences it runs: random names, never after ports.

Rendering leaves a placeholder. A plan puts in its place the name under which the device already
runs exactly this sequence, so that those halfway through it stay there; or a fresh one, so that a
stage of an old sequence never counts in a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

PLACEHOLDERS = ("0000", "0001")
"""Stand for a generation until a plan puts the device's own, or a fresh one, in its place."""

Generation = tuple[str, str]
"""What all names of the policy begin with, and the generation."""
M = TypeVar("M")


def adopted(
    there: Mapping[Generation, M],
    intended: Mapping[Generation, M],
    partly: Callable[[M, M], bool],
    change_id: str,
) -> dict[Generation, str]:
    """Return what each intended placeholder is to be called.

    Both mappings tell what makes up a sequence; ``partly(theirs, mine)`` says whether what is on
    the device is mine of which somebody took something away. One name serves one sequence.
    """
    names: dict[Generation, str] = {}
    taken: set[Generation] = set()
    for mine, moves in intended.items():
        if mine[1] not in PLACEHOLDERS:
            continue
        own = [(g, theirs) for g, theirs in there.items() if g[0] == mine[0] and g not in taken]
        same = (g for g, theirs in own if theirs == moves)
        less = (g for g, theirs in own if partly(theirs, moves))
        found = next(iter((*same, *less)), None)
        taken |= {found} if found else set()
        names[mine] = found[1] if found else _fresh(mine, change_id, there)
    return names


def _fresh(generation: Generation, change_id: str, there: Mapping[Generation, M]) -> str:
    """Return four characters no generation on the device has; the change id is random."""
    used = {other for _, other in there}
    for attempt in range(1000):
        seed = f"{change_id} {generation} {attempt}"
        name = hashlib.sha256(seed.encode()).hexdigest()[:4]
        if name not in used and name not in PLACEHOLDERS:
            return name
    msg = "no free generation name"
    raise AssertionError(msg)
