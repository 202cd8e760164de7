"""Scripts that run: of a name, of a job, of a file that is imported."""

from __future__ import annotations

from collections.abc import Iterator

from knockctl_routeros.twin.device.console import Console, parse
from knockctl_routeros.twin.device.machine import Machine
from knockctl_routeros.twin.device.process import Process
from knockctl_routeros.twin.device.requests import Actor
from knockctl_routeros.twin.device.store import Item
from knockctl_routeros.twin.device.traps import Trap, not_permitted

SCRIPTS = "/system/script"


def steps(router: Machine, actor: Actor, source: str) -> Iterator[float]:
    """Read a script and run it; an error is logged before it is raised.

    Raises:
        Trap: what went wrong.
    """
    try:
        yield from Console(router, actor).run(parse(router, source))
    except Trap as trap:
        router.say("script,error", trap.message)
        raise


def of_script(router: Machine, actor: Actor, script: Item) -> Process:
    """Start a script of the menu, with its own policies, which the actor has to have.

    Raises:
        Trap: the actor lacks a policy of the script.
    """
    policies = frozenset(script.get("policy").split(","))
    if script.get("dont-require-permissions") != "true" and not policies <= actor.policies:
        raise not_permitted()
    router.ran(SCRIPTS, script.number)
    own = Actor(script.get("owner"), policies, actor.session)
    return router.start(Process(router.clock, steps(router, own, script.get("source"))))


def run_job(router: Machine, job: Item) -> None:
    """Run a job now: the script its on-event names, or on-event as a script."""
    router.ran("/system/scheduler", job.number)
    actor = Actor(job.get("owner"), frozenset(job.get("policy").split(",")))
    event = job.get("on-event")
    named = (item for item in router.table(SCRIPTS).items if item.get("name") == event.strip())
    script = next(named, None)
    try:
        if script is not None:
            process = of_script(router, actor, script)
        else:
            process = router.start(Process(router.clock, steps(router, actor, event)))
        process.then(lambda: _report(router, job, process.trap))
    except Trap as trap:
        _report(router, job, trap)


def _report(router: Machine, job: Item, trap: Trap | None) -> None:
    if trap is not None:
        name = job.get("name")
        text = f"executing script from scheduler ({name}) failed, please check it manually"
        router.say("script,error", f"{text}: {trap.message}")
