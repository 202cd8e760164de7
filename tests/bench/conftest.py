"""What the benchmarks share: how time is taken, and one line for each figure."""

import statistics
import time

import pytest


def timed(work):
    """Return the seconds one call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def interleaved(runs, **contenders):
    """Run the contenders in turn, so that a busy machine is unfair to none; return medians."""
    seconds = {name: [] for name in contenders}
    for _ in range(runs):
        for name, work in contenders.items():
            seconds[name].append(timed(work))
    return {name: statistics.median(values) for name, values in seconds.items()}


def least(runs, work):
    """Return the least CPU seconds one call took: of a machine that others share, the truest."""
    seconds = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)


@pytest.fixture
def figure(capsys):
    """Print a figure past pytest's capture."""

    def show(line):
        with capsys.disabled():
            print(f"\n  {line}", end="")

    return show
