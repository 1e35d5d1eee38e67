"""Each decoder that gets bytes of strangers, on inputs from a seed; `make fuzz` goes on for longer.

FUZZ_INPUTS and FUZZ_SEED say how many and which; a failure names both.
"""

import os

import pytest
from support.fuzz_targets import TARGETS, mutations

INPUTS = int(os.environ.get("FUZZ_INPUTS", "150"))
SEED = int(os.environ.get("FUZZ_SEED", "20261129"))


@pytest.mark.fault_row(39)
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_is_an_error_that_the_decoder_does_not_document(target: str) -> None:
    """Reverts: 500 for a Content-Type that is not UTF-8, and for a Host that is no host."""
    for data in mutations(target, SEED, INPUTS):
        try:
            TARGETS[target](data)
        except Exception as error:
            error.add_note(f"seed {SEED}, input {data!r}")
            raise
