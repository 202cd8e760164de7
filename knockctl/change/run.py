"""One job on one device, whatever kind it is."""

from __future__ import annotations

from knockctl.change.job import Job, Outcome
from knockctl.change.protocol import Transaction
from knockctl.change.recovery import confirm_pending, roll_back_pending
from knockctl.change.services import Services


def run(job: Job, services: Services) -> Outcome:
    """Run one transaction on one device and say what came of it."""
    if job.kind == "confirm":
        return confirm_pending(job, services)
    if job.kind == "rollback" and job.to_revision is None:
        finished = roll_back_pending(job, services)
        if finished:
            return finished
    return Transaction(job, services).run()
