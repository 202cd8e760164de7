"""The packets that come to the rules of one chain, thousands of rules about a few sources each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from knockctl.automaton.boxes import MOST_BOXES, Asked, Box, Overlay, TooTangled, fewer
from knockctl.automaton.chains import ChainRule, Stop
from knockctl.automaton.passages import Outcome, Passage


class Shows(Protocol):
    """What lets a rule see packets: the walk."""

    @property
    def few(self) -> int:
        """Cells of sources that a rule may be about to be about a few."""

    @property
    def patience(self) -> int:
        """How often a rule is shown, at the end of it all, to pieces that wait."""

    @property
    def ports(self) -> int | None:
        """The ports that count; None: all."""

    @property
    def every_source(self) -> int:
        """The cells of all sources; 0 where nobody asks for any."""

    def asked(self, rule: ChainRule, overlay: Overlay) -> Sequence[Asked]:
        """Return what a rule matches."""

    def rule(self, rule: ChainRule, box: Box, out: Outcome, on: list[Box]) -> list[Box]:
        """Let a rule see a box; return what it leaves alone, and put into ``on`` what goes on."""

    def left_out(self) -> None:
        """Note that some sources were left out."""


@dataclass(slots=True)
class _Few:
    """What is left of the packets of a few sources, as of some place in the chain."""

    sources: int
    boxes: list[Box]
    place: int


@dataclass(slots=True)
class Live:
    """The packets that come to a rule of a chain.

    Rules about a few sources leave behind a piece for each of them, thousands where rules are
    many. Such pieces wait: a rule that is not about their sources is shown to them only when
    another one is. Until then there is a wider box that has all of what they have, their sources
    aside: what hits them hits that, too.

    Where not all ports count, a rule about a few sources and other ports alone takes its packets
    from nobody: rules behind it see them again.
    """

    sweep: Shows
    rules: Sequence[ChainRule]
    out: Outcome
    boxes: list[Box]
    few: dict[int, list[_Few]] = field(default_factory=dict)
    """By each of their source's cells."""
    known: int = 0
    """All cells of those."""
    wide: list[int] = field(default_factory=list)
    """Places of the rules that were not shown to them."""
    many: int = 8

    def meet(self, place: int) -> bool:
        """Show a rule to the packets; tell whether any are left."""
        rule = self.rules[place]
        sources = self._sources(rule)
        if sources is not None and sources.bit_count() <= self.sweep.few:
            self._narrow(place, rule, sources)
        else:
            self._wide(place, rule, sources)
        if len(self.boxes) > self.many:
            self.boxes = fewer(self.boxes)
            self.many = max(8, 2 * len(self.boxes))
        if len(self.boxes) > MOST_BOXES:
            raise TooTangled(f"{rule.place} is reached by too many kinds of packets")
        return bool(self.boxes)

    def rest(self, *, whole: bool) -> list[Box]:
        """Return what is left at the end; not ``whole``: the wider boxes may stand for all."""
        waiting = list({id(one): one for some in self.few.values() for one in some}.values())
        if not whole and len(waiting) * len(self.wide) > self.sweep.patience:
            self.sweep.left_out()
            return self.boxes
        for one in waiting:
            self._show(one, len(self.rules))
        return [*self.boxes, *(box for one in waiting for box in one.boxes)]

    def _sources(self, rule: ChainRule) -> int | None:
        """Return the sources a rule is about; None where it treats all alike."""
        every = self.sweep.every_source
        found, asked = 0, False
        for overlay in {box.overlay for box in self.boxes}:
            for masks, _ in self.sweep.asked(rule, overlay):
                asked = asked or "source" in masks
                found |= masks.get("source", every)
        return found if asked else None

    def _narrow(self, place: int, rule: ChainRule, sources: int) -> None:
        if self._minor(rule):
            return
        waiting: dict[int, _Few] = {}
        for cell in _bits(sources & self.known):
            waiting.update((id(one), one) for one in self.few[cell])
        for one in waiting.values():
            self._show(one, place)
            one.boxes = self._shown(rule, one.boxes)
            one.place = place + 1
        kept: list[Box] = []
        pieces: list[Box] = []
        covered = False
        for box in self.boxes:
            on: list[Box] = []
            left = self.sweep.rule(rule, box, self.out, on)
            if not on and left and left[0] is box:
                kept.append(box)
                continue
            covered = covered or (not box.masks["source"] & ~sources)
            wider = [one for one in left if one.masks["source"] & ~sources]
            some = [one for one in left if not one.masks["source"] & ~sources]
            # Without a wider box that has all they have, pieces can't wait.
            waits = bool(some or on) and any(
                _but_sources(one) == _but_sources(box) for one in wider
            )
            kept += wider
            for piece in (*some, *on):
                (pieces if waits and _alike(piece, box) else kept).append(piece)
        self.boxes = kept
        if pieces:
            self._wait(_Few(sources, pieces, place + 1))
        if covered:
            self._gather(place + 1, None)

    def _minor(self, rule: ChainRule) -> bool:
        """Note what a rule does where it is about ports that don't count; tell whether it is."""
        ports = self.sweep.ports
        if ports is None or rule.ours or not isinstance(rule.action, Stop):
            return False
        found = self.sweep.asked(rule, self.boxes[0].overlay)
        if any(opens or masks.get("port", ports) & ports for masks, opens in found):
            return False
        for masks, _ in found:
            for box in self.boxes:
                hit = box.cut(masks)
                if hit is not None:
                    part = Box(hit, box.opens, box.overlay, box.met)
                    self.out.passages.append(Passage(part, rule.action.verdict, rule))
        return True

    def _wait(self, some: _Few) -> None:
        some.sources = 0
        for box in some.boxes:
            some.sources |= box.masks["source"]
        self.known |= some.sources
        for cell in _bits(some.sources):
            self.few.setdefault(cell, []).append(some)

    def _wide(self, place: int, rule: ChainRule, sources: int | None) -> None:
        before = self.boxes
        self.boxes = self._shown(rule, before)
        self.wide.append(place)
        if sources is None or not self.known:
            return
        untouched = self.boxes == before
        covered = any(not box.masks["source"] & ~sources for box in before)
        if covered or untouched:
            self._gather(place + 1, None if covered else sources)

    def _gather(self, place: int, sources: int | None) -> None:
        """Stop some pieces from waiting: the wider boxes may not have all they have."""
        chosen = {
            id(one): one
            for cell in _bits(self.known if sources is None else self.known & sources)
            for one in self.few.get(cell, ())
        }
        for one in chosen.values():
            self._show(one, place)
            self.boxes += one.boxes
            for cell in _bits(one.sources):
                self.few[cell].remove(one)

    def _show(self, one: _Few, place: int) -> None:
        """Show pieces the rules they have missed, up to a place."""
        first = bisect_left(self.wide, one.place)
        for number in self.wide[first : bisect_left(self.wide, place)]:
            if not one.boxes:
                break
            one.boxes = self._shown(self.rules[number], one.boxes)
        one.place = place

    def _shown(self, rule: ChainRule, boxes: Iterable[Box]) -> list[Box]:
        on: list[Box] = []
        for box in boxes:
            left = self.sweep.rule(rule, box, self.out, on)
            on += left
        return on


def _bits(mask: int) -> Iterator[int]:
    """Yield the cells of a set."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _alike(one: Box, other: Box) -> bool:
    """Tell whether rules see two boxes alike, their packets aside."""
    return (one.opens, one.overlay, one.met) == (other.opens, other.overlay, other.met)


def _but_sources(box: Box) -> tuple[object, ...]:
    rest = tuple(item for item in box.masks.items() if item[0] != "source")
    return rest, box.opens, box.overlay, box.met
