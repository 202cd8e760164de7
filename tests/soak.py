"""Runs the soak by named parts, and goes on where it was left: `python -m tests.soak --help`.

A part that has passed, at the same commit and with the same seed, is not run again. Every run is
recorded in `.soak/`, and the last of each part printed as a table for docs/evidence.md.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.fixtures.seed import SEED

FOLDER = Path(".soak")
RECORDS = FOLDER / "records.jsonl"
REPORT = FOLDER / "report.json"
HOUR = 3600
GRACE = 60
"""Seconds that a part which is stopped has to take its lab down."""
CHANGED = "+changes"


@dataclass(frozen=True, slots=True)
class Record:
    """One run of one part. The outcome is `passed` only if every test ran and passed."""

    part: str
    commit: str
    seed: int
    date: str
    seconds: float = 0
    outcome: str = "not finished"
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    noted: tuple[str, ...] = ()

    def row(self):
        """Return the row of the table."""
        counts = ", ".join(
            f"{number} {word}"
            for word in ("passed", "failed", "skipped")
            if (number := getattr(self, word))
        )
        minutes, seconds = divmod(round(self.seconds), 60)
        cells = (self.part, self.date, self.commit, self.seed, f"{minutes}:{seconds:02}", counts)
        said = "; ".join(self.noted).replace("|", "/")
        return "| " + " | ".join(map(str, (*cells, self.outcome, said))) + " |"


HEAD = """\
| part | date | commit | seed | min:s | tests | outcome | seen |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def commit():
    """Return what is run: a commit, and whether anything was changed since."""

    def git(*argv):
        return subprocess.run(("git", *argv), capture_output=True, text=True, check=False)

    head = git("rev-parse", "--short=12", "HEAD")
    if head.returncode:
        return f"unknown{CHANGED}"
    return head.stdout.strip() + (CHANGED if git("status", "--porcelain").stdout else "")


def pytest(*argv):
    """Return the command that runs pytest on the soak, with the plugin that knows the parts."""
    plugin = ("-p", "tests.fixtures.parts", "--soak-report", REPORT)
    return [sys.executable, "-m", "pytest", *plugin, "-m", "soak", *argv]


def parts():
    """Return every part by name, with how many tests it has."""
    done = subprocess.run(pytest("--collect-only"), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the soak's tests can't be collected:\n{done.stdout}{done.stderr}")
    return dict(sorted(json.loads(REPORT.read_text())["parts"].items()))


def records():
    """Return all that was recorded, oldest first."""
    lines = RECORDS.read_text().splitlines() if RECORDS.exists() else []
    return [Record(**json.loads(line)) for line in lines]


def passed(before, part, here, seed=SEED):
    """Return the run that makes another one unnecessary. Of a changed tree, there is none."""
    wanted = (part, here, seed, "passed")
    found = [r for r in before if (r.part, r.commit, r.seed, r.outcome) == wanted]
    return found[-1] if found and not here.endswith(CHANGED) else None


def stop(process):
    """End a run as Ctrl-C would, so that what it made is taken down; then whatever is left."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def play(part, log, limit):
    """Run a part; return its exit code, or None for one that was stopped at its limit."""
    argv = pytest("--soak-part", part, f"--hypothesis-seed={SEED}", "-s")
    env = {**os.environ, "KNOCKCTL_SOAK": "1", "KNOCKCTL_SEED": str(SEED)}
    REPORT.unlink(missing_ok=True)
    with log.open("w") as out:
        process = subprocess.Popen(
            argv, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            stop(process)
            return None
        except BaseException:
            stop(process)
            raise


def run(part, here, limit):
    """Run a part and record it, whatever becomes of it."""
    log = FOLDER / f"{part}.log"
    print(f"{part}: running, see {log}", flush=True)
    record = Record(part, here, SEED, f"{datetime.now(UTC):%Y-%m-%d}")
    begun = time.monotonic()
    try:
        code = play(part, log, limit)
        if REPORT.exists():
            seen = json.loads(REPORT.read_text())
            record = replace(record, **seen["outcomes"], noted=tuple(seen["noted"]))
        if code is not None:
            skipped = "skipped some" if record.skipped else "passed"
            record = replace(record, outcome="failed" if code else skipped)
    finally:
        record = replace(record, seconds=round(time.monotonic() - begun, 1))
        with RECORDS.open("a") as file:
            file.write(json.dumps(asdict(record)) + "\n")
    if record.outcome != "passed":
        print("".join(log.read_text(errors="replace").splitlines(keepends=True)[-40:]))
    print(f"{part}: {record.outcome}", flush=True)
    return record


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("part", nargs="*", help="all by default; 'list' names them")
    parser.add_argument("--fresh", action="store_true", help="run what has passed, too")
    parser.add_argument("--limit", type=float, default=HOUR, help="seconds that a part may take")
    return parser.parse_args()


def main():
    """Return 0 if every part that was asked for has passed, now or before."""
    wanted = arguments()
    FOLDER.mkdir(exist_ok=True)
    known, here, before = parts(), commit(), records()
    if wanted.part == ["list"]:
        for part, tests in known.items():
            print(
                f"{part}\t{tests} tests\t{'passed' if passed(before, part, here) else ''}".rstrip()
            )
        return 0
    if unknown := {*wanted.part} - known.keys():
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    print(f"commit {here}, seed {SEED}", flush=True)
    done = []
    for part in wanted.part or known:
        earlier = None if wanted.fresh else passed(before, part, here)
        if earlier:
            print(f"{part}: passed before")
        done.append(earlier or run(part, here, wanted.limit))
    print("\n".join((HEAD, *(record.row() for record in done))))
    return 0 if all(record.outcome == "passed" for record in done) else 1


if __name__ == "__main__":
    sys.exit(main())
