"""Walks a device's chains once for whole sets of packets: who is decided where, and by which rule.

A chain is walked once for all packets there are; whoever calls it takes his part of what came out.
What the packet alone doesn't decide stays open: the rule may match or not, and both is followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from knockctl.automaton.boxes import (
    EARLIER,
    HERE,
    MARK,
    Asked,
    Box,
    Masks,
    Matches,
    Overlay,
    TooTangled,
    apart,
    fewer,
    inside,
)
from knockctl.automaton.cells import TooManyCells
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
from knockctl.automaton.conditions import Condition, Open, atoms
from knockctl.automaton.live import Live
from knockctl.automaton.passages import Outcome, Passage, Swept, by_rule
from knockctl.automaton.regions import Space
from knockctl.automaton.verdict import Verdict

_REMEMBERED = ("ours", "theirs")


@dataclass(slots=True)
class Sweep:
    """One walk over a program."""

    program: Program
    space: Space
    few: int = 64
    """Cells of sources that a rule may be about to be about a few; see ``Live``."""
    ports: int | None = None
    """The ports that count, where rules are too many to be exact about others: see ``Live``."""
    patience: int = 10_000
    """How often a rule is shown, at the end of it all, to pieces that wait."""
    _known: dict[tuple[str, Overlay], Outcome] = field(default_factory=dict)
    _walking: set[str] = field(default_factory=set)
    _seen: int = HERE
    """What a rule of ours is to a packet where the walk is: ours decide in the last section."""
    _partial: bool = False
    _rule: ChainRule | None = None
    _matches: dict[Overlay, Sequence[Asked]] = field(default_factory=dict)
    _else: set[Open] = field(default_factory=set)
    """What a rule of ours asks of a source, where packets may pass it for another reason, too."""

    def run(self, start: Iterable[Masks]) -> Swept:
        """Walk all sections with the packets of these boxes."""
        live = [Box(masks) for masks in start]
        passages: list[Passage] = []
        reached: list[Box] = []
        for section in self.program.sections:
            last = section is self.program.sections[-1]
            live = self._section(section, live, passages, reached, last=last)
        return Swept(tuple(passages), tuple(reached), tuple(live), self._partial)

    def _section(
        self,
        section: Section,
        boxes: list[Box],
        passages: list[Passage],
        reached: list[Box],
        *,
        last: bool,
    ) -> list[Box]:
        self._seen = HERE if last else EARLIER
        out = Outcome()
        left = self._through(section.chain, boxes, out, whole=not last)
        on = [*out.onward]
        for passage in by_rule(out.passages):
            if passage.verdict is Verdict.ACCEPT and not (last or _ends(passage.rule)):
                on.append(passage.box)
            else:
                passages.append(passage)
        reached += out.reached
        left = fewer([*out.returned, *left])
        if section.end is Verdict.REFUSE or (last and section.end is Verdict.ACCEPT):
            rule = ChainRule(Stop(section.end), where=section.label)
            passages += [Passage(box, section.end, rule) for box in left]
        else:
            on += left
        return fewer(on)

    # --- one chain ---

    def _chain(self, name: str, overlay: Overlay) -> Outcome:
        """Return what a chain makes of every packet whose fields were changed so before."""
        key = name, overlay
        if key not in self._known:
            if name in self._walking:
                raise TooTangled(f"the chain {name} leads back to itself")
            self._walking.add(name)
            self._known[key] = self._walk(name, overlay)
            self._walking.discard(name)
        return self._known[key]

    def _walk(self, name: str, overlay: Overlay) -> Outcome:
        out = Outcome()
        every = Box({name: cells.all for name, cells in self.space.fields.items()}, overlay=overlay)
        left = self._through(name, [every], out, whole=True)
        out.returned = fewer([*out.returned, *left])
        out.passages = by_rule(out.passages)
        decided = out.passages or out.reached or out.onward
        out.idle = out.returned == [every] and not decided
        return out

    def _through(self, name: str, boxes: list[Box], out: Outcome, *, whole: bool) -> list[Box]:
        """Let a chain see boxes; return what comes to its end, see ``Live.rest``."""
        live = Live(self, self.program.chains.get(name, ()), out, boxes)
        for place in range(len(live.rules)):
            if not live.meet(place):
                break
        return live.rest(whole=whole)

    @property
    def every_source(self) -> int:
        """The cells of all sources; 0 where nobody asks for any."""
        cells = self.space.fields.get("source")
        return cells.all if cells else 0

    def left_out(self) -> None:
        """Note that some sources were left out."""
        self._partial = True

    def asked(self, rule: ChainRule, overlay: Overlay) -> Sequence[Asked]:
        """Return what a rule matches; it is asked for several boxes, one after the other.

        What it surely matches comes first: it rests on nothing that it may match besides.
        """
        if self._rule is not rule:
            self._rule, self._matches = rule, {}
        if overlay not in self._matches:
            found = Matches(self.space).boxes(rule.condition, overlay)
            self._matches[overlay] = sorted(found, key=lambda one: bool(one[1]))
        return self._matches[overlay]

    def rule(self, rule: ChainRule, box: Box, out: Outcome, on: list[Box]) -> list[Box]:
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
        out: Outcome,
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
            return tuple(apart(box, hit)) if gone else (box,)
        past = self._spared(opens)
        left = self._without(box.opens, opens) if gone else box.opens
        if left is None:
            return tuple(apart(box, hit))
        met = self._seen if rule.ours else box.met
        if left is box.opens and past <= left and met == box.met:
            return (box,)
        return (Box(hit, left | past, box.overlay, met), *apart(box, hit))

    def _spared(self, opens: frozenset[Open]) -> frozenset[Open]:
        """Return what must be otherwise than at the start for a rule not to match."""
        past = _spared(opens)
        mine = frozenset(o for o in past if o.kind == "ours")
        if mine != past:
            self._else |= mine
        return past

    def _without(self, opens: frozenset[Open], taken: frozenset[Open]) -> frozenset[Open] | None:
        """Return what must be so of packets once a rule took those of which something is so.

        Of a source that came past a rule of ours because one of several things is remembered of it,
        it is one of the others; None where there is no other.
        """
        others = frozenset(replace(o, negated=True) for o in taken if _carried(o))
        known = others <= opens and not others & self._else
        if not self.program.steady or len(taken) > 1 or not others or not known:
            return opens
        left = opens - others
        return left if any(o.kind == "ours" and o.negated for o in left) else None

    def _act(self, rule: ChainRule, part: Box, out: Outcome, on: list[Box]) -> Sequence[Masks]:
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
        self, rule: ChainRule, action: Call, part: Box, out: Outcome, on: list[Box]
    ) -> Sequence[Masks]:
        inner = self._chain(action.chain, part.overlay)
        if inner.idle and not action.goto:
            return ()
        # Neither what stands on no device nor a rule of ours is to be mended.
        via = frozenset((rule,) if rule.where and not rule.ours else ())
        for passage in inner.passages:
            for box in inside(part, passage.box):
                out.passages.append(replace(passage, box=box, via=passage.via | via))
        out.reached += [box for seen in inner.reached for box in inside(part, seen)]
        out.onward += [box for done in inner.onward for box in inside(part, done)]
        # Where a goto's chain ends, its own does.
        back = out.returned if action.goto else on
        back += [box for one in inner.returned for box in inside(part, one)]
        return (part.masks,)


def _ends(rule: ChainRule) -> bool:
    return isinstance(rule.action, Stop) and rule.action.away


def _needed(opens: frozenset[Open]) -> frozenset[Open]:
    """Return what must be otherwise than at the start for a rule to match."""
    return frozenset(o for o in opens if not (o.negated and o.kind in _REMEMBERED))


def _carried(one: Open) -> bool:
    return one.kind == "ours" and not one.negated


def _spared(opens: frozenset[Open]) -> frozenset[Open]:
    """Return what must be otherwise than at the start for a rule not to match.

    One of it is enough: whom foreign rules remember needn't be where something else may be so.
    """
    if any(o.kind == "chance" or (o.kind in _REMEMBERED and not o.negated) for o in opens):
        return frozenset()
    return frozenset(o for o in opens if o.kind != "theirs") or opens


def _altered(part: Box, fields: Overlay) -> Box:
    return replace(part, overlay=tuple(sorted({**dict(part.overlay), **dict(fields)}.items())))


_SAMPLES = dict.fromkeys(
    ("protocol", "source", "destination", "port", "flags", "flow", "destination_type"), ()
)


def lets_past(program: Program, family: int, asked: Iterable[Condition], interface: str) -> bool:
    """Tell whether a rule that isn't ours may accept packets that match one of the conditions.

    ``interface``: one that nobody names. Where the rules are too tangled to tell, they may.
    """
    asked = tuple(asked)
    rules = (rule.condition for chain in program.chains.values() for rule in chain)
    found = (atom for condition in (*rules, *asked) for atom in atoms(condition))
    plain = (atom for atom in found if atom.field not in ("chance", MARK))
    try:
        space = Space.of(family, plain, {**_SAMPLES, "interface": (interface,)})
        every = {name: cells.all for name, cells in space.fields.items()}
        matches = Matches(space)
        start = [{**every, **masks} for one in asked for masks, _ in matches.boxes(one, ())]
        swept = Sweep(program, space).run(start)
    except (TooManyCells, TooTangled):
        return True
    return any(p.verdict is not Verdict.REFUSE and not p.rule.ours for p in swept.passages)
