"""The model of an IOS router against its conformance cases, and mutants of it."""

import pytest

from knockctl_ios import semantics
from tests.fixtures.ios_cases import cases

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    found = list(case.verdicts(case.model(semantics)))
    assert found == [sent.verdict for sent in case.packets], case.fact
