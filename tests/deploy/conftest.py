"""What the tests of deployments share."""

from collections.abc import Iterator

import pytest
from support.helm import ALL_VALUES, EACH, Helm, Object, running_helm
from support.helm_path import WITHOUT_HELM, helm_folder


@pytest.fixture(scope="session")
def helm() -> Iterator[Helm]:
    """Helm's library. Tests that need it are skipped without."""
    if helm_folder() is None:
        pytest.skip(WITHOUT_HELM)
    with running_helm() as helm:
        yield helm


@pytest.fixture(params=EACH)
def objects(helm: Helm, request: pytest.FixtureRequest) -> list[Object]:
    """The objects of a release with the least values, and with those of each example."""
    return helm.objects(ALL_VALUES[request.param])
