"""Many devices: every result is kept, in order, whatever happens to the others."""

import threading
from dataclasses import dataclass

import pytest

from knockctl.fleet.run import run_all, worst


@dataclass
class Result:
    name: str
    exit_code: int = 0


def test_results_keep_the_order_of_the_jobs_and_failures_hide_nothing():
    seen = []

    def work(job):
        if job == "b":
            raise RuntimeError(job)
        return Result(job)

    results = run_all(
        ["a", "b", "c"],
        work,
        lambda job, error: Result(f"{job} {error}", 4),
        workers=2,
        done=lambda result: seen.append(result.name),
    )
    assert [result.name for result in results] == ["a", "b b", "c"]
    assert sorted(seen) == ["a", "b b", "c"]


def test_no_more_run_at_once_than_workers():
    running, most, lock = 0, 0, threading.Lock()

    def work(job):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        return Result(job)

    run_all([str(n) for n in range(20)], work, lambda job, _: Result(job), workers=3)
    assert most <= 3


def test_the_worst_exit_code_counts():
    assert worst([]) == worst([0, 0]) == 0
    for codes, expected in (
        ([3, 8], 8),
        ([8, 5], 5),
        ([5, 7], 7),
        ([7, 6], 6),
        ([6, 4], 4),
        ([4, 1, 3], 1),
    ):
        assert worst([0, *codes]) == expected


def test_interrupted_what_waits_is_told_to_end_and_reported():
    begun, stop, seen = threading.Event(), threading.Event(), []

    def work(job):
        if job == "quick":
            assert begun.wait(20)
            return Result(job)
        begun.set()
        assert stop.wait(20)
        return Result(f"{job} stopped")

    def done(result):
        seen.append(result.name)
        if result.name == "quick":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(
            ["quick", "waiting", "never begun"],
            work,
            lambda job, _: Result(job),
            workers=1 + 1,
            done=done,
            interrupted=stop.set,
        )
    assert seen[0] == "quick"
    assert "waiting stopped" in seen
