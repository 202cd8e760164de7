"""From a symbolic path to a trace with times: packets at seconds that stay clear of deadlines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl.verify.states import Letter, Meeting, Node

MARGINS = (0.4, 0.2, 0.05, 0.002)
"""How far, in seconds, packets keep from deadlines: the widest that fits."""
GAP = 0.1
"""Between one packet and the next, where nothing asks for more."""

Bound = tuple[int, int, float]
"""``(later, earlier, seconds)``: packet ``later`` comes at least so long after ``earlier``."""


def timed(before: Node, last: Letter) -> list[tuple[float, Letter]] | None:
    """Return a trace that follows the path to ``before`` and ends on ``last``.

    None when no times make it happen: the path was possible only because clocks were free to
    run out in any order.
    """
    letters, floors, ceilings = _constraints(before.path(), last)
    for margin in MARGINS:
        bounds = [(later, earlier, s + margin) for later, earlier, s in floors]
        bounds += [(earlier, later, margin - s) for later, earlier, s in ceilings]
        gap = min(GAP, margin)
        bounds += [(n + 1, n, gap) for n in range(len(letters) - 1)]
        times = _earliest(len(letters), bounds)
        if times:
            return [(round(t, 3), letter) for t, letter in zip(times, letters, strict=True)]
    return None


def _constraints(
    nodes: Sequence[Node], last: Letter
) -> tuple[list[Letter], list[Bound], list[Bound]]:
    """Return the packets, and how long after which earlier ones each comes."""
    letters: list[Letter] = []
    floors: list[Bound] = []
    ceilings: list[Bound] = []
    resets: dict[int, int] = {}  # clock of the node at hand -> number of the packet that reset it
    for node, following in zip(nodes, [*nodes[1:], None], strict=True):
        if following is not None and not isinstance(following.edge, Meeting):
            # Time passed: whatever comes next comes that long after the packet of that clock.
            clock, seconds = following.edge or (0, 0)
            floors.append((len(letters), resets[clock], seconds))
        else:
            ceilings += [(len(letters), resets[clock], limit) for clock, _, limit in node.limits()]
            letters.append(last if following is None else _letter(following))
        if following is not None:
            resets = dict(_inherited(following, resets, len(letters) - 1))
    return letters, floors, ceilings


def _letter(node: Node) -> Letter:
    if not isinstance(node.edge, Meeting):
        raise TypeError("only a packet has a letter")
    return node.edge.letter


def _inherited(node: Node, resets: dict[int, int], packet: int) -> Iterator[tuple[int, int]]:
    for clock, origin in enumerate(node.origins, start=1):
        yield clock, packet if origin < 0 else resets[origin]


def _earliest(count: int, bounds: Sequence[Bound]) -> list[float] | None:
    """Return the earliest times from 0 that keep all bounds; None when none do."""
    times = [0.0] * count
    for _ in range(count + 1):
        changed = False
        for later, earlier, seconds in bounds:
            if times[later] < times[earlier] + seconds - 1e-9:
                times[later] = times[earlier] + seconds
                changed = True
        if not changed:
            return times
    return None
