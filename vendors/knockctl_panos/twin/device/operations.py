"""``type=op``: finding the command; and those about jobs and restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import answers, markup
from knockctl_panos.twin.device.accounts import Actor
from knockctl_panos.twin.device.answers import Answer
from knockctl_panos.twin.device.appliance import Appliance
from knockctl_panos.twin.device.refusals import INVALID_COMMAND, Refusal


@dataclass(frozen=True)
class Asked:
    """An operational command: who asks, for which vsys, and the element it has come down to."""

    device: Appliance
    actor: Actor
    vsys: str
    node: Element


Handler = Callable[[Asked], Answer]
COMMANDS: dict[str, Handler] = {}
"""By the words that lead to them."""
CHANGING = ("request", "clear", "revert", "load", "save", "delete", "set")


def command(words: str) -> Callable[[Handler], Handler]:
    """Register what answers a command."""

    def register(handler: Handler) -> Handler:
        COMMANDS[words] = handler
        return handler

    return register


def request(device: Appliance, actor: Actor, cmd: str, vsys: str) -> Answer:
    """Answer ``type=op``.

    Raises:
        Refusal: not allowed, unknown, or as the command refuses.
    """
    root = markup.read(cmd)
    if root.tag in CHANGING:
        actor.may("operate")
    node, words = root, root.tag
    while words not in COMMANDS:
        inner = next(iter(node), None)
        if inner is None:
            raise Refusal(INVALID_COMMAND, f"{words.replace(' ', ' -> ')} is unexpected")
        node, words = inner, f"{words} {inner.tag}"
    return COMMANDS[words](Asked(device, actor, vsys, node))


@command("show jobs all")
def jobs_all(asked: Asked) -> Answer:
    """List all jobs, newest first."""
    table = asked.device.jobs
    return answers.result(*(table.printed(job) for job in reversed(table.table.values())))


@command("show jobs processed")
def jobs_processed(asked: Asked) -> Answer:
    """List the jobs that have ended."""
    table = asked.device.jobs
    done = [job for job in table.table.values() if job.status == "FIN"]
    return answers.result(*(table.printed(job) for job in reversed(done)))


@command("show jobs pending")
def jobs_pending(asked: Asked) -> Answer:
    """List the jobs that wait."""
    table = asked.device.jobs
    waiting = [job for job in table.table.values() if job.status == "PEND"]
    return answers.result(*(table.printed(job) for job in waiting))


@command("show jobs id")
def job_by_id(asked: Asked) -> Answer:
    """Print one job."""
    table = asked.device.jobs
    return answers.result(table.printed(table.find(markup.text_of(asked.node))))


@command("request restart system")
def restart(asked: Asked) -> Answer:
    """Reboot a second later, whatever is under way."""
    asked.device.clock.call_at(asked.device.clock.now() + 1, asked.device.reboot)
    return answers.text("Command succeeded with no output")


@command("request multi-config enabled")
def enable_multi_config(asked: Asked) -> Answer:
    """Take many changes in one request from now on, where the version can."""
    if not asked.device.switches.since(10):
        raise Refusal(INVALID_COMMAND, "request -> multi-config is unexpected")
    asked.device.multi_config = True
    return answers.text("Multi-config enabled")
