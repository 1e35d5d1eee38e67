"""Builds the environment of destinations that deliver. No other module does."""

from collections.abc import Callable

from router.api.signed_links import link_signer
from router.destinations.contract import Environment, no_links
from router.events.masks import Masks
from router.settings.model import Settings


def build_environment(
    settings: Settings, now: Callable[[], float], on_template_error: Callable[[str], None]
) -> Environment:
    """Return the environment that the settings describe; without a store, which a worker adds.

    Args:
        settings: The settings.
        now: The wall clock: Unix time in seconds.
        on_template_error: Called with one line for each template that failed.
    """
    signer = link_signer(settings)
    return Environment(
        egress=settings.egress,
        now=now,
        on_template_error=on_template_error,
        links=no_links if signer is None else signer.links,
        proxy=settings.proxy,
        no_proxy=settings.no_proxy,
        masks=Masks(settings.masked_fields),
    )
