"""What foreign rules do to the policies of a device: asked once, said the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from knockctl.automaton.machine import Chained
from knockctl.change.case import Case
from knockctl.contract import Running
from knockctl.policy.redaction import redact
from knockctl.verify import exposures
from knockctl.verify.findings import Finding


class Foreign(BaseModel):
    """One thing that foreign rules do to the policies, as people and programs are told it."""

    model_config = ConfigDict(frozen=True)

    code: str
    """What ``--accept`` names: bound to the rules, wherever they stand."""
    kind: str
    """``exposed knock-lost service-shut lockout-lost reset-lost stray-lost unknown``."""
    text: str
    certain: bool
    """False: whether it happens hangs on something that the rules alone don't tell."""
    blocks: bool
    """Whether it is a difference, and stops a deploy until it is accepted."""


def ask(case: Case, running: Running[Any]) -> tuple[Foreign, ...]:
    """Put the quick question to the machine of all that runs, for every family it has."""
    found: dict[str, Finding] = {}
    for family in running.families:
        claim = case.claim(running.model, family, whole=True, late=False)
        program = cast("Chained", running.model).program(family)
        for one in exposures.find(claim, program):
            found.setdefault(one.code, one)
    ranked = sorted(found.values(), key=lambda one: not one.blocks)
    return tuple(_told(one) for one in ranked)


def _told(one: Finding) -> Foreign:
    return Foreign(
        code=one.code,
        kind=one.kind.value,
        text=redact(str(one)),
        certain=one.certain,
        blocks=one.blocks,
    )


def open_questions(found: Iterable[Foreign], accepted: frozenset[str]) -> Sequence[Foreign]:
    """Return what stops a deploy: what blocks and nobody has accepted."""
    return [one for one in found if one.blocks and one.code not in accepted]
