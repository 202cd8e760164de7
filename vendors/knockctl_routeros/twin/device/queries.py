"""The API's queries: a stack of tests on one row. Source: MikroTik manual, API, Queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from knockctl_routeros.twin.device import times
from knockctl_routeros.twin.device.kinds import TRUTH
from knockctl_routeros.twin.device.traps import ARGUMENT, Trap

Row = Mapping[str, str]


def equal(left: str, right: str) -> bool:
    """Compare as printed; ``yes`` and ``true`` are the same, and so are ``no`` and ``false``."""
    return left == right or (left in TRUTH and TRUTH[left] == TRUTH.get(right))


def less(left: str, right: str) -> bool:
    """Compare numbers and durations by size, everything else as text."""
    first, second = times.seconds(left), times.seconds(right)
    return left < right if first is None or second is None else first < second


def matches(row: Row, queries: Sequence[str]) -> bool:
    """Tell whether a row passes all queries (words with their ``?``).

    Raises:
        Trap: an operator finds too little on the stack, or is none.
    """
    stack: list[bool] = []
    for query in queries:
        word = query.removeprefix("?")
        if word.startswith("#"):
            _operate(stack, word[1:])
        else:
            stack.append(_test(row, word))
    return all(stack)


def _test(row: Row, word: str) -> bool:
    if word.startswith("-"):
        return word[1:] not in row
    sign = word[0] if word[:1] in ("<", ">", "=") else "="
    name, has_value, value = word.removeprefix(sign).partition("=")
    if name not in row or not has_value:
        return name in row
    if sign == "=":
        return equal(row[name], value)
    return less(row[name], value) if sign == "<" else less(value, row[name])


def _operate(stack: list[bool], operators: str) -> None:
    try:
        for operator in _split(operators):
            if operator == "!":
                stack[-1] = not stack[-1]
            elif operator in ("&", "|"):
                second, first = stack.pop(), stack.pop()
                stack.append((first and second) if operator == "&" else (first or second))
            elif operator.endswith("."):
                stack[:] = [*stack[:-1], stack[-1 - int(operator[:-1] or 0)]]
            else:
                stack.append(stack[-1 - int(operator)])
    except (IndexError, ValueError):
        raise Trap("invalid query", ARGUMENT) from None


def _split(operators: str) -> list[str]:
    found: list[str] = []
    digits = ""
    for sign in operators:
        if sign.isdigit():
            digits += sign
            continue
        if sign == ".":
            found.append(f"{digits}.")
        else:
            found += [digits, sign] if digits else [sign]
        digits = ""
    return found + ([digits] if digits else [])
