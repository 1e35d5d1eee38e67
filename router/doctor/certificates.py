"""Judges for how long a certificate is valid (pure)."""

from typing import Final

from router.doctor.doctor_check import DoctorCheck, SectionChecks
from router.quantities import duration

_DAY: Final = 86_400.0
_SOON: Final = 14 * _DAY
"""Authorities that renew by themselves do so earlier, at a third of the lifetime at the latest."""
_URGENT: Final = 3 * _DAY


def is_soon(seconds: float) -> bool:
    """Return whether a certificate that is valid for so long should have been renewed by now."""
    return seconds < _SOON


def certificate_check(
    section: SectionChecks, name: str, subject: str, seconds: float
) -> DoctorCheck:
    """Return the check of a certificate.

    Args:
        section: Makes the check.
        name: Its name.
        subject: Whose certificate it is: ``the certificate of redis:6379``.
        seconds: For how long it is still valid.
    """
    message = f"{subject} expires in {duration(seconds)}"
    fix = "renew it, and see why that was not done by itself"
    if seconds < _URGENT:
        return section.problem(name, message, fix)
    return section.warning(name, message, fix) if is_soon(seconds) else section.ok(name, message)
