"""The generated pages of the reference are those that the code gives: what exists is documented."""

import pytest
from support.reference_pages import GENERATED, ROOT


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_page_is_what_the_code_gives(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == GENERATED[path](), "run `make reference`"
