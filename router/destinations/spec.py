"""A destination as the rules folder describes it, and the destination built from it."""

import msgspec

from router.destinations import kinds
from router.destinations.capture import (
    CaptureConfig,
    CaptureDestination,
    OnCapture,
    capture_instead_of,
)
from router.destinations.contract import Destination, DestinationConfig, Environment


class DestinationSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A destination as the rules folder describes it."""

    name: str
    kind: str
    """A key of ``KINDS``."""
    config: DestinationConfig | None
    """Its configuration. If variables are missing, it has placeholders that reach no receiver, or
    is None if no placeholder is valid."""
    missing_variables: tuple[str, ...] = ()
    """Variables without a value, because of which it only captures. Empty in a configuration that
    was loaded to deliver."""


def make_destination(
    spec: DestinationSpec, environment: Environment, on_capture: OnCapture | None = None
) -> Destination:
    """Return the destination of a spec, not yet open.

    Args:
        spec: The spec. A destination with missing variables captures instead of sending.
        environment: Shared by all destinations of the process.
        on_capture: Called with each captured delivery.
    """
    if spec.config is None:
        return CaptureDestination(spec.name, CaptureConfig(), environment, on_capture=on_capture)
    if isinstance(spec.config, CaptureConfig):
        return CaptureDestination(spec.name, spec.config, environment, on_capture=on_capture)
    destination = kinds.build(spec.name, spec.config, environment)
    if spec.missing_variables:
        return capture_instead_of(destination, environment, on_capture)
    return destination
