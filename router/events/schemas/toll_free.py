"""Data of Toll-free events: verification of toll-free numbers.

Written by ``make schemas`` from ``twilio/toll_free.yaml``, which describes the fields: change that.

Source: Twilio, event type page "Verification" of toll-free in Event Streams (schemas
TollFree.VerificationEdit/2 and TollFree.VerificationExpired/2). Types whose fields could not be
read there have no Struct.
"""

import msgspec


class TollFreeVerification(msgspec.Struct, frozen=True, kw_only=True):
    """A request to verify a toll-free number."""

    accountsid: str | None = None
    parentaccountsid: str | None = None
    tollfreeverificationsid: str | None = None
    phonenumbersid: str | None = None
    customerprofilesid: str | None = None
    regulateditemsid: str | None = None
    trustproductsid: str | None = None
    processeddate: int | None = None
    verificationstatus: str | None = None
