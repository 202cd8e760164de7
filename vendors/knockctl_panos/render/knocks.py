"""Rule 4: which packet is the next knock of whom, and what it does.

For each port, first the stages at which it is the next knock, then who it is the first knock of.
It may be the next knock of two generations at once: where a source is at both stages both go on.
A packet has one rule only, so what asks for more stages stands above what asks for fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl.ports import Span
from knockctl_panos.render.names import PolicyRules, Stage
from knockctl_panos.render.rules import Act, Rule

Knocked = tuple[Rule, list[Act]]


def knocked(c: PolicyRules) -> Iterator[Knocked]:
    """Yield the rules of all knocks: next knocks, then first ones."""
    for span in c.knocks:
        yield from _next(c, span)
    for span in c.knocks:
        yield from _first(c, span)


def _next(c: PolicyRules, span: Span) -> Iterator[Knocked]:
    places = c.places[span]
    pairs = [(g, h) for g in range(len(places)) for h in range(len(places)) if g != h]
    for g, h in (pair for pair in pairs if pair[0] < pair[1]):
        for a in (a for a in places[g] if a):
            for b in (b for b in places[h] if b):
                yield _at(c, span, [c.stage((g, a), (h, b))], [(g, a), (h, b)])
    for g, at in enumerate(places):
        others = [h for _, h in (pair for pair in pairs if pair[0] == g) if 0 in places[h]]
        for a in (a for a in at if a):
            for h in others:
                begun = [b for b in range(1, c.lengths[h]) if b not in places[h]]
                both = [c.stage(*sorted([(g, a), (h, b)])) for b in begun]
                if both:
                    yield _at(c, span, both, [(g, a)], "-only")
            yield _at(c, span, [c.stage((g, a))], sorted([(g, a), *((h, 0) for h in others)]))


def _at(
    c: PolicyRules, span: Span, groups: Sequence[str], moves: Sequence[Stage], more: str = ""
) -> Knocked:
    name = c.step(moves) + more
    return c.refuse(name, [c.knocks[span]], groups, noticed=True), c.made(moves)


def _first(c: PolicyRules, span: Span) -> Iterator[Knocked]:
    """Begin an attempt, of several generations if the port is the first of each.

    Not while granted: the grant and its end would be the new attempt's.
    """
    begins = [(g, 0) for g, at in enumerate(c.places[span]) if 0 in at]
    for moves in [begins, *([one] for one in begins)] if len(begins) > 1 else [begins]:
        if moves:
            made = [c.stage(stage) for g, _ in moves for stage in c.stages_of(g)]
            excused = [*c.excused, c.granted, *made]
            rule = c.refuse(c.step(moves), [c.knocks[span]], excused, but=True, noticed=True)
            yield rule, c.made(moves)
