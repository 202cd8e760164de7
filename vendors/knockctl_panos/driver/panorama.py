"""Pushing a device group from Panorama to its firewalls: our changes only, one result for each."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from knockctl.errors import CommandRefused, ConnectionCut, Unsupported
from knockctl_panos.driver.connection import Session
from knockctl_panos.driver.jobs import Jobs


def push(
    session: Session, jobs: Jobs, group: str, devices: tuple[str, ...], admin: str, said: str
) -> None:
    """Push once, to the devices named or to all of the group.

    Raises ``CommandRefused`` naming the firewalls that did not take it, and why.
    """
    chosen = "".join(f"<entry name={quoteattr(one)}/>" for one in devices)
    listed = f"<devices>{chosen}</devices>" if chosen else ""
    entry = f"<device-group><entry name={quoteattr(group)}>{listed}</entry></device-group>"
    words = f"{entry}<description>{escape(said)}</description>"
    limited = f"<admin><member>{escape(admin)}</member></admin>"
    try:
        number = _enqueue(session, jobs, words + limited)
    except Unsupported:
        # Limiting a push to one's own changes came with 10.2.
        number = _enqueue(session, jobs, words)
    job = jobs.follow(number, "push") if number else None
    if job is None:
        raise ConnectionCut(
            f"how the push to {group} ended is not known",
            hint="look at Panorama's tasks",
            where=session.where,
        )
    if not job.ok or any(not ok for _, ok, _ in job.devices):
        good = [name for name, ok, _ in job.devices if ok]
        reached = f" (done on {', '.join(good)})" if good else ""
        raise CommandRefused(
            f"the push to {group} (job {job.number}) failed: {job.said}{reached}",
            where=session.where,
        )


def _enqueue(session: Session, jobs: Jobs, words: str) -> str | None:
    cmd = f"<commit-all><shared-policy>{words}</shared-policy></commit-all>"
    root = session.raw("push", {"type": "commit", "action": "all", "cmd": cmd})
    return jobs.begun(root)
