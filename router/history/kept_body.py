"""The part of an event's body that history stores: cut, then masked."""

from router.configuration.model import ActiveConfiguration, Configuration
from router.events.masks import Masks
from router.history.kept_fields import NOTHING_KEPT, KeptFields, fields_of_rules
from router.settings.choices import KeptBody


class BodyKeeper:
    """Cuts and masks bodies.

    Args:
        kept: The part that is kept.
        masks: The fields that are masked.
        active: The rules of which the fields are kept, for ``KeptBody.FIELDS``.
    """

    def __init__(self, kept: KeptBody, masks: Masks, active: ActiveConfiguration) -> None:
        self.kept = kept
        self._masks = masks
        self._active = active
        self._is_plain = kept is KeptBody.FULL and not masks
        self._cut_for: Configuration | None = None
        self._fields = NOTHING_KEPT

    def keep(self, body: bytes) -> tuple[bytes, bool]:
        """Return what is stored of a body, and whether some of it is masked."""
        if self._is_plain:
            return body, False
        if self.kept is not KeptBody.FULL:
            body = self._kept_fields().of_body(body)
        return self._masks.applied_to(body)

    def _kept_fields(self) -> KeptFields:
        if self.kept is KeptBody.NONE:
            return NOTHING_KEPT
        configuration = self._active.configuration
        if configuration is not self._cut_for:
            read = fields_of_rules(configuration.rules, configuration.silences)
            self._fields, self._cut_for = KeptFields(read), configuration
        return self._fields
