"""Every way a change of a router can be interrupted ends in a known state.

The connection is cut, or power lost, at every line that is typed; then nobody comes back, or
somebody takes the change back or confirms it. No wires: a transaction takes milliseconds.
"""

import itertools
import re
import tempfile
from pathlib import Path

import pytest

from knockctl.change.job import Result
from knockctl_ios.twin.device.configure import read
from tests.fixtures.ios_crew import ADDRESS, ENTRIES, OBJECTS, OPERATORS, small
from tests.fixtures.ios_local import LocalOperator
from tests.ios.conftest import make

VERSIONS = ("15.7(3)M8", "17.9.4")
OTHER = small(
    *ENTRIES[:5],
    "permit udp any host 192.0.2.14 eq 1003",
    ENTRIES[-1],
    objects=OBJECTS.replace("1002", "1003"),
)
JOBS = {"deploy": ("deploy", small()), "change": ("deploy", OTHER), "remove": ("remove", None)}
DAY = 86400


@pytest.fixture
def folder():
    """A folder for a journal that is written thousands of times: in memory, where there is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


class Here:
    """A router that can be put back to where a job begins, and somebody at work on it."""

    def __init__(self, folder, version, kind):
        self.twin = make(
            version=version,
            addresses=((f"{ADDRESS}/24", "GigabitEthernet0/0"),),
            plane_logging=True,
        )
        self.twin.load(f"{OPERATORS}service sequence-numbers\n")
        self.ann = LocalOperator("ann", 22, folder / "ann.db", twin=self.twin)
        self.kind = kind
        if kind != "deploy":
            assert self.ann.run("deploy", small()).result is Result.CONFIRMED
        self._begin = self.twin.text()
        self.before = self.running()
        self.goal = None

    def begin(self):
        """Have the router as it was, whatever it has become since."""
        twin = self.twin
        twin.faults.end()
        if not twin.powered:
            twin.power_on()
        twin.archive.forget()
        twin.install(read(self._begin.splitlines(), twin.switches))
        twin.startup = self._begin

    def run(self, **more):
        return self.ann.run(*JOBS[self.kind], **more)

    def running(self):
        """What runs, whichever change wrote it."""
        return re.sub(r"(_kc_revision) \S+", r"\1", self.twin.text())

    def clean(self):
        """Nothing of a change is left beside what it changed, and what runs is saved."""
        twin = self.twin
        assert twin.archive.pending is None
        assert "_kc_pending" not in twin.text()
        assert "file prompt quiet" not in twin.text()
        assert not [name for name in twin.flash.files if "archive" not in name]
        assert twin.startup == twin.text()
        return True

    def settled(self, result):
        """Hold the router to be changed, cleanly, or as it was."""
        if result in (Result.CONFIRMED, Result.UNCHANGED):
            assert self.running() == self.goal
            return self.clean()
        assert self.running() == self.before
        assert self.twin.archive.pending is None
        return self.twin.startup == self._begin


def finish(here, said, way):
    """Do what an operator may do after a job that has ended as said; return how it ended then."""
    if said.result is Result.CONFIRMED:
        return said.result
    if way == "rollback":
        said = here.ann.run("rollback", to_change=said.change_id)
        if said.result is Result.FAILED:
            # A timer that was cut off before it had the change's name is nobody's: it runs out.
            assert "is not pending" in said.message
            here.twin.clock.advance(DAY)
        return said.result
    if way == "nobody":
        here.twin.clock.advance(DAY)
    if way == "confirm" or said.result is Result.PENDING:
        said = here.ann.run("confirm", to_change=said.change_id)
        # What was cut before all of it was there can't be confirmed: its time runs out.
        here.twin.clock.advance(DAY)
    return said.result


def every_line(here, fault, executes, ways):
    """Run the job with the fault at its first line, its second, … until it is never met.

    Yields, with the router as it is then, the line's number, the outcome, and a way to go on:
    all of them for each line, or, where ``ways`` are to be taken by turns, one.
    """
    here.begin()
    assert here.run().result is Result.CONFIRMED
    here.goal = here.running()
    faults = here.twin.faults
    for number in itertools.count(1):
        for way in ways(number):
            here.begin()
            faults.cut_executes = faults.power_executes = executes(number)
            setattr(faults, fault, number)
            said = here.run()
            if getattr(faults, fault) is not None:
                assert said.result is Result.CONFIRMED, said
                assert number > 20
                return
            faults.end()
            yield number, said, way


WAYS = ("nobody", "rollback", "confirm")
EXECUTES = {
    "carried out": (lambda _: True, lambda _: WAYS),
    "not carried out": (lambda _: False, lambda _: WAYS),
    "by turns": (lambda number: number % 2 == 0, lambda number: WAYS[number // 2 % 3 :][:1]),
}
QUICK = {("deploy", VERSIONS[0]), ("change", VERSIONS[1]), ("remove", VERSIONS[0])}
"""By turns. The rest, every way after each line, is soak."""


def cases(quick):
    return [
        pytest.param(
            kind,
            version,
            how,
            marks=[
                *([] if how == "by turns" and (kind, version) in quick else [pytest.mark.soak]),
                *([] if kind == "deploy" else [pytest.mark.no_cover]),
            ],
        )
        for kind in JOBS
        for version in VERSIONS
        for how in EXECUTES
    ]


@pytest.mark.parametrize(("kind", "version", "how"), cases(QUICK))
def test_cut_at_any_line(folder, kind, version, how):
    here = Here(folder, version, kind)
    seen = set()
    for number, said, way in every_line(here, "cut_at", *EXECUTES[how]):
        seen.add(said.result)
        result = finish(here, said, way)
        assert here.settled(result), (number, way, said, result)
    assert {Result.UNREACHABLE, Result.ROLLED_BACK, Result.CONFIRMED} <= seen


@pytest.mark.no_cover
@pytest.mark.parametrize(("kind", "version", "how"), cases({("deploy", VERSIONS[1])}))
def test_power_lost_at_any_line(folder, kind, version, how):
    """Whatever was not confirmed and saved is not there after the boot; the next job does it."""
    here = Here(folder, version, kind)
    for number, said, _ in every_line(here, "power_at", EXECUTES[how][0], lambda _: WAYS[:1]):
        saved = here.twin.startup
        here.twin.power_on()
        place = (number, said, here.twin.text())
        assert here.running() in (here.before, here.goal), place
        assert here.twin.text() == saved, place
        again = here.run()
        assert here.running() == here.goal, (place, again)
        assert again.result in (Result.CONFIRMED, Result.UNCHANGED), (place, again)
        assert here.clean(), (place, again)


@pytest.mark.soak
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", JOBS)
def test_power_lost_at_any_line_of_the_file(folder, kind, version):
    here = Here(folder, version, kind)
    for number in itertools.count(1):
        here.begin()
        here.twin.faults.power_at_line = number
        here.run()
        if here.twin.faults.power_at_line is not None:
            break
        here.twin.power_on()
        assert here.running() == here.before or here.twin.text() == here.twin.startup, number
        assert here.run().result in (Result.CONFIRMED, Result.UNCHANGED), number
        assert here.clean(), number
    assert number > 10


@pytest.mark.parametrize("version", VERSIONS)
def test_refused_at_any_line_of_configuration(folder, version):
    """The router takes back what it had of the file; the line is told, and nothing is saved."""
    here = Here(folder, version, "change")
    text = "% Object-group kc is in use"
    for number in itertools.count(1):
        here.begin()
        here.twin.faults.refuse_line, here.twin.faults.refuse_text = number, text
        said = here.run()
        if here.twin.faults.refuse_line is not None:
            assert said.result is Result.CONFIRMED
            break
        if said.result is Result.FAILED:
            assert text in said.message, (number, said)
            assert here.settled(said.result), (number, said)
        else:
            # All lines but the one that takes the change's name away.
            assert said.result is Result.PENDING, (number, said)
            assert here.ann.run("confirm").result is Result.CONFIRMED
    assert number > 10


LACKS = {
    "the archive is off": "archive\n no path flash:archive\n",
    "SCP is off": "no ip scp server enable\n",
    "bob has a change pending": "",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", JOBS)
def test_what_is_missing_is_named_before_anything_changes(folder, kind, version):
    here = Here(folder, version, kind)
    for lack, text in LACKS.items():
        here.begin()
        here.twin.load(text)
        if not text:
            here.twin.archive.arm("bob", 30)
        before, saved, timer = here.twin.text(), here.twin.startup, here.twin.archive.pending
        said = here.run()
        assert said.result is Result.FAILED, said
        assert lack in said.message
        assert "nothing was changed" in said.message
        assert (here.twin.text(), here.twin.startup) == (before, saved)
        assert here.twin.archive.pending is timer
