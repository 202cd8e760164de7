"""Commands that belong to one menu, or to the root."""

from __future__ import annotations

from collections.abc import Callable

from knockctl_routeros.twin.device import jobs, kinds
from knockctl_routeros.twin.device.commands import find
from knockctl_routeros.twin.device.console import parse
from knockctl_routeros.twin.device.export import exported
from knockctl_routeros.twin.device.kinds import TRUTH
from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.process import Process
from knockctl_routeros.twin.device.requests import Actor, Reply, Request
from knockctl_routeros.twin.device.traps import ARGUMENT, MISSING, Trap

FILES = "/file"
IMPORT_FLAGS = ("file-name", "verbose", "dry-run")
EXPORT_FLAGS = ("file", "compact", "terse", "verbose")
Special = Callable[[Machine, Actor, Request], Reply]


def _safe_mode(router: Machine, actor: Actor, request: Request) -> Reply:
    if not router.switches.has_safe_mode:
        raise Trap("no such command prefix", MISSING)
    actor.needs("write")
    if request.verb == "take":
        router.history.take(actor.session)
    elif request.verb == "release":
        router.history.release()
    else:
        router.unroll(actor.session)
    return Reply()


def _run(router: Machine, actor: Actor, request: Request) -> Reply:
    name = next((request.args[n] for n in (".id", "number", "numbers") if n in request.args), "")
    menu = router.menus["/system/script"]
    return Reply(process=jobs.of_script(router, actor, find(router, menu, name)))


def _step_back(router: Machine, actor: Actor, request: Request) -> Reply:
    actor.needs("write")
    router.changed(router.history.undo() if request.verb == "undo" else router.history.redo())
    return Reply()


def _export(router: Machine, actor: Actor, request: Request) -> Reply:
    actor.needs("read")
    asking = "show-sensitive" if router.switches.since(7) else "hide-sensitive"
    _only(request, (*EXPORT_FLAGS, asking))
    shown = asking == "show-sensitive" if asking in request.args else None
    if shown:
        actor.needs("sensitive")
    name = request.args.get("file")
    if name:
        actor.needs("ftp")
        text = exported(router, request.path, sensitive=shown)
        write_file(router, name if name.endswith(".rsc") else f"{name}.rsc", text)
    return Reply()


def _import(router: Machine, actor: Actor, request: Request) -> Reply:
    actor.needs("write")
    _only(request, IMPORT_FLAGS)
    dry = TRUTH.get(request.args.get("dry-run", "no")) == "true" or (
        request.args.get("dry-run") == ""
    )
    if "dry-run" in request.args and not router.switches.since(7, 16):
        raise Trap("unknown parameter dry-run", ARGUMENT)
    item = find(router, router.menus[FILES], request.args.get("file-name", ""))
    source = item.get("contents")
    parse(router, source)
    if dry:
        return Reply()
    return Reply(process=router.start(Process(router.clock, jobs.steps(router, actor, source))))


def _read(router: Machine, actor: Actor, request: Request) -> Reply:
    if not router.switches.since(7, 13):
        raise Trap("no such command", MISSING)
    actor.needs("read")
    _only(request, ("file", "offset", "chunk-size"))
    item = find(router, router.menus[FILES], request.args.get("file", ""))
    whole = kinds.number(0, 1 << 31)
    start = int(whole(router, "offset", request.args.get("offset", "0")))
    size = int(whole(router, "chunk-size", request.args.get("chunk-size", "32768")))
    contents = item.get("contents").encode(errors="surrogateescape")
    data = contents[start : start + min(size, 32768)].decode(errors="surrogateescape")
    return Reply([{"data": data}] if data else [])


def _reboot(router: Machine, actor: Actor, _: Request) -> Reply:
    actor.needs("reboot")
    router.clock.call_at(router.clock.now(), router.reboot)
    return Reply()


def _log(router: Machine, _: Actor, request: Request) -> Reply:
    text = request.args.get("message") or request.args.get("number", "")
    router.say(f"script,{request.verb}", text)
    return Reply()


def _only(request: Request, known: tuple[str, ...]) -> None:
    for name in request.args:
        if name not in known:
            raise Trap(f"unknown parameter {name}", ARGUMENT)


def write_file(router: Machine, name: str, contents: str) -> None:
    """Make a file, or put new contents in it."""
    table = router.table(FILES)
    table.keep(lambda item: item.get("name") != name)
    words = {"name": name, "contents": contents, "type": "script"}
    table.add(words, created=router.clock.now())


SPECIAL: dict[tuple[str, str], Special] = {
    ("/safe-mode", "take"): _safe_mode,
    ("/safe-mode", "release"): _safe_mode,
    ("/safe-mode", "unroll"): _safe_mode,
    ("/system/script", "run"): _run,
    ("/file", "read"): _read,
    ("", "undo"): _step_back,
    ("", "redo"): _step_back,
    ("", "import"): _import,
    ("/system", "reboot"): _reboot,
    **{("/log", level): _log for level in ("info", "warning", "error", "debug")},
}
SUBMENUS: dict[str, Special] = {"export": _export}
"""Commands that every menu, and the root, has."""
