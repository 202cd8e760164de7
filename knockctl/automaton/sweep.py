"""Walks a device's chains once for whole sets of packets: who is decided where, and by which rule.

Sets of packets are boxes: for each field the cells its value may be in (see ``regions``). A chain
is walked once for all packets there are; whoever calls it takes his part of what came out. What
the packet alone doesn't decide stays open: the rule may match or not, and both is followed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from knockctl.automaton.alphabet import UNINTERPRETED, Atom, passes
from knockctl.automaton.chains import (
    Anything,
    Call,
    ChainRule,
    Leave,
    Ours,
    Program,
    Remark,
    Section,
    Stop,
)
from knockctl.automaton.conditions import Condition, Every, Is, Open, Some
from knockctl.automaton.regions import Space
from knockctl.automaton.verdict import Verdict

Masks = Mapping[str, int]
Overlay = tuple[tuple[str, Any], ...]
"""Fields that rules have changed, and the values they have now."""

Asked = tuple[dict[str, int], frozenset[Open]]
"""Packets that a condition matches, and what must hold besides."""

MARK = "mark"
UNMET, EARLIER, HERE = 0, 1, 2
"""Whether rules of ours may have seen packets: no; in an earlier section; in this one."""
_NOTHING: frozenset[Open] = frozenset()
_REMEMBERED = ("ours", "theirs")
MOST_BOXES = 4_096
"""Sets of packets that are told apart at one place, before the walk is given up."""


class TooTangled(ValueError):
    """The rules tell too many sets of packets apart for a walk."""


@dataclass(frozen=True, slots=True)
class Box:
    """A set of packets: the product of its fields' cells."""

    masks: Masks
    opens: frozenset[Open] = frozenset()
    """What must be so besides: what isn't while nobody has sent anything, and guesses."""
    overlay: Overlay = ()
    met: int = UNMET
    """Where rules of ours may have seen the packets before."""

    def cut(self, masks: Masks) -> Masks | None:
        """Return the part that is also in these masks; None where there is none."""
        mine = self.masks
        found = dict(mine)
        for name, mask in masks.items():
            left = mine[name] & mask
            if not left:
                return None
            found[name] = left
        return found


@dataclass(frozen=True, slots=True)
class Passage:
    """Packets whose fate a rule decides."""

    box: Box
    verdict: Verdict | None
    """None: what the rule does is not understood."""
    rule: ChainRule
    via: frozenset[ChainRule] = frozenset()
    """The rules that led there by calling its chain."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of all packets."""

    passages: tuple[Passage, ...]
    reached: tuple[Box, ...]
    """The packets that the policies get to see."""
    left: tuple[Box, ...]
    """Those that no rule decides."""


@dataclass(slots=True)
class _Outcome:
    """What a chain does with packets: what it decides, shows to ours, or lets come back."""

    passages: list[Passage] = field(default_factory=list)
    reached: list[Box] = field(default_factory=list)
    returned: list[Box] = field(default_factory=list)
    onward: list[Box] = field(default_factory=list)
    """Packets that are done with the section, otherwise than they came."""
    idle: bool = False
    """Whether all packets just come back."""


@dataclass(slots=True)
class Sweep:
    """One walk over a program."""

    program: Program
    space: Space
    few: int = 64
    """Cells of sources that a rule may be about to be about a few; see ``_Live``."""
    _known: dict[tuple[str, Overlay], _Outcome] = field(default_factory=dict)
    _walking: set[str] = field(default_factory=set)
    _rule: ChainRule | None = None
    _matches: dict[Overlay, Sequence[Asked]] = field(default_factory=dict)

    def run(self, start: Iterable[Masks]) -> Swept:
        """Walk all sections with the packets of these boxes."""
        live = [Box(masks) for masks in start]
        passages: list[Passage] = []
        reached: list[Box] = []
        for section in self.program.sections:
            last = section is self.program.sections[-1]
            live = self._section(section, live, passages, reached, last=last)
        return Swept(tuple(passages), tuple(reached), tuple(live))

    def _section(
        self,
        section: Section,
        boxes: list[Box],
        passages: list[Passage],
        reached: list[Box],
        *,
        last: bool,
    ) -> list[Box]:
        out = _Outcome()
        left = self._through(section.chain, boxes, out, whole=not last)
        on = [*out.onward]
        for passage in _by_rule(out.passages):
            if passage.verdict is Verdict.ACCEPT and not (last or _ends(passage.rule)):
                on.append(passage.box)
            else:
                passages.append(passage)
        reached += out.reached
        left = _fewer([*out.returned, *left])
        if section.end is Verdict.REFUSE or (last and section.end is Verdict.ACCEPT):
            rule = ChainRule(Stop(section.end), where=section.label)
            passages += [Passage(box, section.end, rule) for box in left]
        else:
            on += left
        return _fewer([replace(box, met=EARLIER) if box.met else box for box in on])

    # --- one chain ---

    def _chain(self, name: str, overlay: Overlay) -> _Outcome:
        """Return what a chain makes of every packet whose fields were changed so before."""
        key = name, overlay
        if key not in self._known:
            if name in self._walking:
                raise TooTangled(f"the chain {name} leads back to itself")
            self._walking.add(name)
            self._known[key] = self._walk(name, overlay)
            self._walking.discard(name)
        return self._known[key]

    def _walk(self, name: str, overlay: Overlay) -> _Outcome:
        out = _Outcome()
        every = Box({name: cells.all for name, cells in self.space.fields.items()}, overlay=overlay)
        left = self._through(name, [every], out, whole=True)
        out.returned = _fewer([*out.returned, *left])
        out.passages = _by_rule(out.passages)
        decided = out.passages or out.reached or out.onward
        out.idle = out.returned == [every] and not decided
        return out

    def _through(self, name: str, boxes: list[Box], out: _Outcome, *, whole: bool) -> list[Box]:
        """Let a chain see boxes; return what comes to its end, see ``_Live.rest``."""
        live = _Live(self, self.program.chains.get(name, ()), out, boxes)
        for place in range(len(live.rules)):
            if not live.meet(place):
                break
        return live.rest(whole=whole)

    def asked(self, rule: ChainRule, overlay: Overlay) -> Sequence[Asked]:
        """Return what a rule matches; it is asked for several boxes, one after the other."""
        if self._rule is not rule:
            self._rule, self._matches = rule, {}
        if overlay not in self._matches:
            self._matches[overlay] = self.boxes(rule.condition, overlay)
        return self._matches[overlay]

    def rule(self, rule: ChainRule, box: Box, out: _Outcome, on: list[Box]) -> list[Box]:
        """Let a rule see a box; return what it leaves alone, and put into ``on`` what goes on."""
        left = [box]
        for masks, opens in self.asked(rule, box.overlay):
            left = [rest for one in left for rest in self._hit(rule, one, masks, opens, out, on)]
        return left

    def _hit(
        self,
        rule: ChainRule,
        box: Box,
        masks: Masks,
        opens: frozenset[Open],
        out: _Outcome,
        on: list[Box],
    ) -> Iterable[Box]:
        """Do what a rule does to the packets of a box that match; return those that don't."""
        hit = box.cut(masks)
        if hit is None:
            return (box,)
        needed = box.opens | _needed(opens) if opens else box.opens
        matching = Box(hit, needed, box.overlay, box.met)
        gone = self._act(rule, matching, out, on)
        if not opens:
            return tuple(_apart(box, hit)) if gone else (box,)
        past = _spared(opens)
        met = HERE if rule.ours else box.met
        if past <= box.opens and met == box.met:
            return (box,)
        return (Box(hit, box.opens | past, box.overlay, met), *_apart(box, hit))

    def _act(self, rule: ChainRule, part: Box, out: _Outcome, on: list[Box]) -> Sequence[Masks]:
        """Do what a rule does to the packets that match; return those that don't go on as is."""
        action = rule.action
        if isinstance(action, Call):
            return self._called(rule, action, part, out, on)
        if isinstance(action, Anything):
            guess = Open(rule.place, "guess")
            some = replace(part, opens=part.opens | {guess})
            out.passages.append(Passage(some, None, rule))
            # It may as well have done nothing: what follows rests on that.
            on.append(some)
            return (part.masks,)
        if isinstance(action, Ours) or (isinstance(action, Stop) and rule.ours):
            out.reached.append(part)
        elif isinstance(action, Stop):
            out.passages.append(Passage(part, action.verdict, rule))
        elif isinstance(action, Leave):
            out.returned.append(part)
        elif isinstance(action, Remark):
            mark = dict(part.overlay).get(MARK, 0)
            on.append(_altered(part, ((MARK, mark & ~action.mask ^ action.value),)))
        else:
            (out.onward if action.leaves else on).append(_altered(part, action.fields))
        return (part.masks,)

    def _called(
        self, rule: ChainRule, action: Call, part: Box, out: _Outcome, on: list[Box]
    ) -> Sequence[Masks]:
        inner = self._chain(action.chain, part.overlay)
        if inner.idle and not action.goto:
            return ()
        # Neither what stands on no device nor a rule of ours is to be mended.
        via = frozenset((rule,) if rule.where and not rule.ours else ())
        for passage in inner.passages:
            for box in _inside(part, passage.box):
                out.passages.append(replace(passage, box=box, via=passage.via | via))
        out.reached += [box for seen in inner.reached for box in _inside(part, seen)]
        out.onward += [box for done in inner.onward for box in _inside(part, done)]
        # Where a goto's chain ends, its own does.
        back = out.returned if action.goto else on
        back += [box for one in inner.returned for box in _inside(part, one)]
        return (part.masks,)

    # --- conditions ---

    def boxes(self, condition: Condition, overlay: Overlay) -> Sequence[Asked]:
        """Return boxes that together hold what the condition matches."""
        match condition:
            case Is():
                return self._asked(condition, overlay)
            case Open():
                return (({}, frozenset((condition,))),)
            case Some():
                return [box for part in condition.parts for box in self.boxes(part, overlay)]
            case Every():
                return self._every(condition.parts, overlay)

    def _every(self, parts: Iterable[Condition], overlay: Overlay) -> Sequence[Asked]:
        plain: dict[str, int] = {}
        others: list[Condition] = []
        for part in parts:
            place = self.space.places.get(part.atom) if isinstance(part, Is) else None
            if overlay or place is None:
                others.append(part)
                continue
            name, mask = place
            if not part.wanted:  # type: ignore[union-attr]
                mask = self.space.fields[name].all & ~mask
            plain[name] = mask & plain[name] if name in plain else mask
        if not all(plain.values()):
            return ()
        found: list[Asked] = [(plain, _NOTHING)]
        for part in others:
            found = [
                both
                for one in self.boxes(part, overlay)
                for mine in found
                for both in _and(mine, one)
            ]
            if len(found) > MOST_BOXES:
                raise TooTangled("a rule asks too many things at once")
        return found

    def _asked(self, question: Is, overlay: Overlay) -> Sequence[Asked]:
        atom = question.atom
        changed = dict(overlay) if overlay else {}
        if atom.field == MARK or (atom.field in changed and not question.original):
            value = changed.get(atom.field, 0)
            holds = _marked(atom, value) if atom.field == MARK else _holds(atom, value)
            return (({}, _NOTHING),) if holds == question.wanted else ()
        if atom.field == "chance":
            name = str(atom.test)
            kind = "guess" if name.startswith(UNINTERPRETED) else "chance"
            return (({}, frozenset((Open(name.removeprefix(UNINTERPRETED), kind),))),)
        name, mask = _cells(self.space, atom)
        if not question.wanted:
            mask = self.space.fields[name].all & ~mask
        return (({name: mask}, _NOTHING),) if mask else ()


@dataclass(slots=True)
class _Few:
    """What is left of the packets of a few sources, as of some place in the chain."""

    sources: int
    boxes: list[Box]
    place: int


@dataclass(slots=True)
class _Live:
    """The packets that come to a rule of a chain.

    Rules about a few sources leave behind a piece for each of them, thousands where rules are
    many. Such pieces wait: a rule that is not about their sources is shown to them only when
    another one is. Until then there is a wider box that has all of what they have, their sources
    aside: what hits them hits that, too.
    """

    sweep: Sweep
    rules: Sequence[ChainRule]
    out: _Outcome
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
            self.boxes = _fewer(self.boxes)
            self.many = max(8, 2 * len(self.boxes))
        if len(self.boxes) > MOST_BOXES:
            raise TooTangled(f"{rule.place} is reached by too many kinds of packets")
        return bool(self.boxes)

    def rest(self, *, whole: bool) -> list[Box]:
        """Return what is left at the end; not ``whole``: the wider boxes alone."""
        if not whole:
            return self.boxes
        waiting = list({id(one): one for some in self.few.values() for one in some}.values())
        for one in waiting:
            self._show(one, len(self.rules))
        return [*self.boxes, *(box for one in waiting for box in one.boxes)]

    def _sources(self, rule: ChainRule) -> int | None:
        """Return the sources a rule is about; None where it treats all alike."""
        cells = self.sweep.space.fields.get("source")
        every = cells.all if cells else 0
        found, asked = 0, False
        for overlay in {box.overlay for box in self.boxes}:
            for masks, _ in self.sweep.asked(rule, overlay):
                asked = asked or "source" in masks
                found |= masks.get("source", every)
        return found if asked else None

    def _narrow(self, place: int, rule: ChainRule, sources: int) -> None:
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


def _and(one: Asked, other: Asked) -> Iterator[Asked]:
    both = dict(one[0])
    for name, mask in other[0].items():
        both[name] = both[name] & mask if name in both else mask
    if all(both.values()):
        yield both, one[1] | other[1]


def _ends(rule: ChainRule) -> bool:
    return isinstance(rule.action, Stop) and rule.action.away


def _needed(opens: frozenset[Open]) -> frozenset[Open]:
    """Return what must be otherwise than at the start for a rule to match."""
    return frozenset(o for o in opens if not (o.negated and o.kind in _REMEMBERED))


def _spared(opens: frozenset[Open]) -> frozenset[Open]:
    """Return what must be otherwise than at the start for a rule not to match."""
    easily = any(o.kind == "chance" or (o.kind in _REMEMBERED and not o.negated) for o in opens)
    return frozenset() if easily else opens


def _marked(atom: Atom, value: int) -> bool:
    wanted, mask = atom.test
    return bool(value & mask == wanted)


def _holds(atom: Atom, value: Any) -> bool:
    plain = value if isinstance(value, (int, str)) else int(value)
    return passes(atom.field, atom.test, plain)


def _altered(part: Box, fields: Overlay) -> Box:
    return replace(part, overlay=tuple(sorted({**dict(part.overlay), **dict(fields)}.items())))


def _inside(part: Box, inner: Box) -> Iterator[Box]:
    """Yield the part of a box that is in another one, with what became of that on its way."""
    hit = part.cut(inner.masks)
    if hit is not None:
        yield Box(hit, part.opens | inner.opens, inner.overlay, max(part.met, inner.met))


def _by_rule(passages: list[Passage]) -> list[Passage]:
    """Join what one rule does to several boxes, however they came to it."""
    rules: dict[ChainRule, list[Passage]] = {}
    for passage in passages:
        rules.setdefault(passage.rule, []).append(passage)
    if len(rules) == len(passages):
        return passages
    return [one for some in rules.values() for one in _once(some)]


def _once(passages: list[Passage]) -> Iterator[Passage]:
    """Yield the passages of one rule, joined where they can be."""
    first = passages[0]
    if len(passages) == 1:
        yield first
        return
    via = frozenset(step for passage in passages for step in passage.via)
    for box in _fewer([passage.box for passage in passages]):
        yield replace(first, box=box, via=via)


def _fewer(boxes: list[Box]) -> list[Box]:
    """Join boxes that differ in one field alone."""
    if len(boxes) < 2:
        return boxes
    for name in boxes[0].masks:
        joined: dict[object, Box] = {}
        for box in boxes:
            rest = tuple(item for item in box.masks.items() if item[0] != name)
            key = rest, box.opens, box.overlay, box.met
            known = joined.get(key)
            if known is None:
                joined[key] = box
            else:
                both = {**box.masks, name: box.masks[name] | known.masks[name]}
                joined[key] = replace(box, masks=both)
        boxes = list(joined.values())
    return boxes


def _apart(box: Box, inner: Masks) -> Iterator[Box]:
    """Yield what is left of a box without a part of it, in parts that don't overlap.

    First the other sources: what is left of these is a piece of a few, see ``_Live``.
    """
    inside = dict(box.masks)
    for name in ("source", *inner):
        if name in inner and inside[name] != inner[name]:
            outside = inside[name] & ~inner[name]
            yield Box({**inside, name: outside}, box.opens, box.overlay, box.met)
            inside[name] = inner[name]


def _cells(space: Space, atom: Atom) -> tuple[str, int]:
    """Return the field of a question and the cells that pass; a run's rules did not cut it."""
    known = space.places.get(atom)
    if known is not None:
        return known
    values = space.fields[atom.field].values
    result = 0
    for first, last in atom.test:
        low, high = bisect_right(values, first) - 1, bisect_right(values, last) - 1
        result |= (1 << high + 1) - (1 << low)
    return atom.field, result


def cells_within(sweep: Sweep, condition: Condition) -> Iterator[Masks]:
    """Yield boxes with the packets that a condition matches."""
    for masks, _ in sweep.boxes(condition, ()):
        yield masks
