"""The commands that every menu has: print, add, set, remove, move and their kin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from knockctl_routeros.twin.device import guards, times, validate
from knockctl_routeros.twin.device.computed import COMPUTED
from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.menu import Menu
from knockctl_routeros.twin.device.queries import matches
from knockctl_routeros.twin.device.readback import Row, printed
from knockctl_routeros.twin.device.requests import Actor, Reply, Request
from knockctl_routeros.twin.device.scheduler import PATH as SCHEDULER
from knockctl_routeros.twin.device.store import Item, Table
from knockctl_routeros.twin.device.traps import ARGUMENT, Trap, failure, no_such_item

PRINT_FLAGS = ("detail", "stats", "all", "dynamic", "without-paging", "terse", "follow", "file")


Command = Callable[[Machine, Actor, Menu, Request], Reply]


@contextmanager
def changing(router: Machine, actor: Actor, menu: Menu, verb: str) -> Iterator[Table]:
    """Let a menu be changed; what was changed is remembered even when a trap ends the change."""
    table = router.table(menu.path)
    before, everything = table.snapshot(), list(table.items)
    try:
        yield table
    finally:
        if menu.kept and table.snapshot() != before:
            text = f"{menu.path[1:].replace('/', ' ')} {verb}"
            router.history.record(table, before, text, actor.name, router.clock.now())
        if table.items != everything:
            router.changed(menu.path)


def show(router: Machine, actor: Actor, menu: Menu, request: Request) -> Reply:
    """Print the rows that pass the queries."""
    actor.needs("read")
    args = dict(request.args)
    wanted = [name for name in args.pop(".proplist", "").split(",") if name]
    counting = "count-only" in args
    for name in args:
        if name not in (*PRINT_FLAGS, "count-only"):
            raise Trap(f"unknown parameter {name}", ARGUMENT)
    rows = [row for row in everything(router, menu) if matches(row, request.queries)]
    if counting:
        return Reply(ret=str(len(rows)))
    if wanted:
        rows = [{name: row[name] for name in wanted if name in row} for row in rows]
    return Reply(rows, asked_rows=True)


def everything(router: Machine, menu: Menu) -> list[dict[str, str]]:
    """Return all rows of a menu as they are read back."""
    if menu.path in COMPUTED:
        return COMPUTED[menu.path](router)
    return [printed(router, menu, item) for item in list(router.table(menu.path).items)]


def asked(router: Machine, menu: Menu) -> list[dict[str, str]] | list[Row]:
    """Return all rows of a menu for somebody who asks for a word or two of each."""
    if menu.path in COMPUTED:
        return COMPUTED[menu.path](router)
    return [Row(router, menu, item) for item in router.table(menu.path).items]


def find(router: Machine, menu: Menu, text: str) -> Item:
    """Return the row of an id, or of a name where rows have names.

    Raises:
        Trap: there is none.
    """
    for item in router.table(menu.path).items:
        if item.id == text.upper() or (menu.named and text and item.get("name") == text):
            return item
    raise no_such_item()


def targets(router: Machine, menu: Menu, args: dict[str, str]) -> Iterator[Item]:
    """Yield the rows a command is for, one by one: it stops at the first that isn't there."""
    if menu.single:
        yield router.table(menu.path).items[0]
        return
    given = [args.pop(name) for name in (".id", "numbers", "number") if name in args]
    if not given:
        raise Trap("missing value(s) of argument(s) numbers", ARGUMENT)
    for text in given[0].split(","):
        yield find(router, menu, text)


def add(router: Machine, actor: Actor, menu: Menu, request: Request) -> Reply:
    """Add a row, and answer its id."""
    if router.faults.refuses_add():
        raise Trap(router.faults.trap_text)
    args = dict(request.args)
    before = _place(router, menu, args)
    if "copy-from" in args:
        args = {**find(router, menu, args.pop("copy-from")).words, **args}
    words = validate.words(router, menu, args)
    marks = _lifetime(router, menu, words)
    full = validate.row(menu, _signed(router, actor, menu, words))
    guards.permit(router, actor, menu, "add", full)
    validate.single(menu, router.table(menu.path).items, full, 0)
    with changing(router, actor, menu, "add") as table:
        item = table.add(full, before, **marks)
        if menu.path == SCHEDULER:
            router.scheduler.added(item, words)
    return Reply(ret=item.id)


def _place(router: Machine, menu: Menu, args: dict[str, str]) -> int | None:
    if not menu.ordered or "place-before" not in args:
        return None
    try:
        item = find(router, menu, args.pop("place-before"))
    except Trap:
        raise failure("item referred by 'place-before' does not exist") from None
    guards.movable(router, menu, item, "place before")
    return item.number


def _lifetime(router: Machine, menu: Menu, words: dict[str, str]) -> dict[str, object]:
    marks: dict[str, object] = {"created": router.clock.now()}
    left = times.seconds(words.pop("timeout", "")) if menu.path.endswith("/address-list") else None
    if left:
        marks |= {"dynamic": True, "expires": router.clock.now() + left}
    return marks


def _signed(router: Machine, actor: Actor, menu: Menu, words: dict[str, str]) -> dict[str, str]:
    if menu.path not in guards.JOBS:
        return words
    local = router.local_time()
    known = {"owner": actor.name, "name": router.free_name(menu.path)}
    if menu.path == SCHEDULER:
        known["start-date"] = times.date(local, iso=router.switches.iso_dates)
        known["start-time"] = times.time_of_day(local)
    return known | words


def change(router: Machine, actor: Actor, menu: Menu, request: Request) -> Reply:
    """Set words of one row or several."""
    args = dict(request.args)
    with changing(router, actor, menu, request.verb) as table:
        for item in targets(router, menu, args):
            guards.movable(router, menu, item, "change")
            sent = {k: v for k, v in args.items() if k not in (".id", "numbers", "number")}
            words = validate.words(router, menu, sent)
            marks = _lifetime(router, menu, words)
            full = validate.row(menu, {**item.words, **words})
            guards.permit(router, actor, menu, "set", full)
            validate.single(menu, table.items, full, item.number)
            kept = {key: value for key, value in marks.items() if key != "created"}
            table.put(replace(item, words=full, **kept))  # type: ignore[arg-type]
            if menu.path == SCHEDULER:
                router.scheduler.changed(item, words)
    return Reply()


def remove(router: Machine, actor: Actor, menu: Menu, request: Request) -> Reply:
    """Remove rows; those before one that isn't there are gone nevertheless."""
    actor.needs(menu.policy)
    args = dict(request.args)
    with changing(router, actor, menu, "remove") as table:
        for item in targets(router, menu, args):
            guards.movable(router, menu, item, "remove")
            table.drop(item.number)
    return Reply()


def move(router: Machine, actor: Actor, menu: Menu, request: Request) -> Reply:
    """Move rows before another, or to the end."""
    actor.needs(menu.policy)
    args = dict(request.args)
    destination = args.pop("destination", "")
    with changing(router, actor, menu, "move") as table:
        items = list(targets(router, menu, args))
        before = find(router, menu, destination) if destination else None
        for item in [*items, *([before] if before else [])]:
            guards.movable(router, menu, item, "move")
        table.move([item.number for item in items], before.number if before else None)
    return Reply()


def _as_set(router: Machine, actor: Actor, menu: Menu, request: Request) -> Reply:
    args = dict(request.args)
    if request.verb == "unset":
        names = args.pop("value-name", "").split(",")
        args |= {f"!{name}": "" for name in names if name}
    elif request.verb in ("enable", "disable"):
        args["disabled"] = "yes" if request.verb == "disable" else "no"
    return change(router, actor, menu, replace(request, args=args))


GENERIC: dict[str, Command] = {
    "print": show,
    "getall": show,
    "add": add,
    "set": change,
    "remove": remove,
    "move": move,
    "unset": _as_set,
    "enable": _as_set,
    "disable": _as_set,
    "comment": _as_set,
}
