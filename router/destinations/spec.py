"""A destination as the rules folder describes it, and the destination made from it."""

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
    """Where variables are missing, made with stand-ins that reach nobody, or None where none of
    them fits."""
    missing_variables: tuple[str, ...] = ()
    """What keeps it from being used. Empty unless they were to be kept."""


def make_destination(
    spec: DestinationSpec, environment: Environment, on_capture: OnCapture | None = None
) -> Destination:
    """The destination as configured; one without its credentials captures instead.

    Only a configuration that was loaded with missing variables kept has such.
    """
    if spec.config is None:
        return CaptureDestination(spec.name, CaptureConfig(), environment)
    destination = kinds.build(spec.name, spec.config, environment)
    if spec.missing_variables or isinstance(destination, CaptureDestination):
        return capture_instead_of(destination, environment, on_capture)
    return destination
