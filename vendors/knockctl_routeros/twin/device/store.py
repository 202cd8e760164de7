"""A menu's rows: ordered, with ids that are never given twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from knockctl_routeros.twin.device.traps import no_such_item


@dataclass(frozen=True, slots=True)
class Item:
    """One row; its words are those that were set, in normal form."""

    number: int
    words: Mapping[str, str]
    dynamic: bool = False
    expires: float | None = None
    created: float = 0.0
    builtin: bool = False
    """Made by the router itself: can be neither removed nor moved."""

    @property
    def id(self) -> str:
        """The row's id as it is printed."""
        return f"*{self.number:X}"

    def get(self, word: str, default: str = "") -> str:
        """Return one word's value."""
        return self.words.get(word, default)

    def having(self, **words: str) -> Item:
        """Return the row with some words changed; ``_`` in a name stands for ``-``."""
        return replace(
            self, words={**self.words, **{k.replace("_", "-"): v for k, v in words.items()}}
        )


Snapshot = tuple[Item, ...]


@dataclass(slots=True)
class Table:
    """The rows of one menu."""

    path: str
    items: list[Item] = field(default_factory=list)
    last: int = 0

    def add(self, words: Mapping[str, str], before: int | None = None, **marks: object) -> Item:
        """Add a row with a new id, before another or at the end."""
        self.last += 1
        item = replace(Item(self.last, dict(words)), **marks)  # type: ignore[arg-type]
        at = len(self.items) if before is None else self.index(before)
        self.items.insert(at, item)
        return item

    def index(self, number: int) -> int:
        """Return the place of a row; raises a trap when there is none."""
        for at, item in enumerate(self.items):
            if item.number == number:
                return at
        raise no_such_item()

    def put(self, item: Item) -> None:
        """Replace the row of the same id."""
        self.items[self.index(item.number)] = item

    def drop(self, number: int) -> None:
        """Remove a row."""
        del self.items[self.index(number)]

    def move(self, numbers: Iterable[int], before: int | None) -> None:
        """Move rows, in the order given, before another or to the end."""
        moved = [self.items[self.index(number)] for number in numbers if number != before]
        kept = [item for item in self.items if item not in moved]
        at = len(kept)
        if before is not None:
            at = self.index(before)
            at = kept.index(self.items[at])
        self.items = [*kept[:at], *moved, *kept[at:]]

    def purge(self, now: float) -> None:
        """Forget rows whose time is up: gone at the very moment."""
        self.keep(lambda item: item.expires is None or item.expires > now)

    def keep(self, wanted: Callable[[Item], bool]) -> None:
        """Forget the other rows."""
        if not all(map(wanted, self.items)):
            self.items = [item for item in self.items if wanted(item)]

    def snapshot(self) -> Snapshot:
        """Return the rows that are configuration, in order."""
        return tuple(item for item in self.items if not item.dynamic)

    def restore(self, snapshot: Snapshot) -> None:
        """Put the configuration back; dynamic rows stay as they are."""
        leading = [item for item in self.items if item.dynamic and item.builtin]
        others = [item for item in self.items if item.dynamic and not item.builtin]
        self.items = [*leading, *snapshot, *others]
