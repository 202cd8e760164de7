"""Running one function over many devices, in any ``concurrent.futures`` executor.

One device's failure, of whatever kind, never hides another's result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import Protocol, TypeVar

J = TypeVar("J")
R = TypeVar("R", bound="HasExitCode")

# Over a fleet the worst counts; the order is the design's, section 9.
WORST_FIRST = (1, 4, 6, 7, 5, 8, 3)


class HasExitCode(Protocol):
    """Anything that knows which exit code it would give alone."""

    @property
    def exit_code(self) -> int:
        """The exit code."""


def run_all(
    jobs: Sequence[J],
    work: Callable[[J], R],
    failed: Callable[[J, BaseException], R],
    *,
    workers: int,
    done: Callable[[R], None] = lambda _: None,
    executor: Executor | None = None,
    interrupted: Callable[[], None] = lambda: None,
) -> list[R]:
    """Run every job and return the results in the order of the jobs.

    ``done`` is called here, in the caller's thread, as each result comes in. ``failed`` makes
    a result of an exception that ``work`` should not have let through. ``interrupted`` is
    called on Ctrl-C: it tells work that waits to come to its end, which is then reported.
    """
    pool = executor or ThreadPoolExecutor(max(1, min(workers, len(jobs))))
    results: dict[int, R] = {}
    with pool:
        futures: dict[Future[R], int] = {
            pool.submit(work, job): number for number, job in enumerate(jobs)
        }

        def report(future: Future[R]) -> None:
            number = futures[future]
            error = future.exception()
            results[number] = failed(jobs[number], error) if error else future.result()
            done(results[number])

        try:
            for future in as_completed(futures):
                report(future)
        except BaseException:
            # Interrupted: what has begun ends in a known state, what has not does not begin.
            begun = [future for future in futures if not future.cancel()]
            interrupted()
            for future in as_completed(begun):
                if futures[future] not in results:
                    report(future)
            raise
    return [results[number] for number in range(len(jobs))]


def worst(codes: Iterable[int]) -> int:
    """Return the exit code that speaks for all of them."""
    given = set(codes)
    return next((code for code in WORST_FIRST if code in given), 0)
