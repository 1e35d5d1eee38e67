"""Data of A2P events: registration of brands, campaigns and numbers for application-to-person messaging.

Written by ``make schemas`` from ``twilio/a2p.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Brand Registration" (schemas A2P.BrandRegistrationFailure/3,
A2P.BrandRegistered/2), "Brand Registration 2FA Email", "Brand Registration Sharing", "Campaign
Registration" (A2P.CampaignRegistrationApproved/2), "Suspended Campaign Registration", "Number
Registration" and "Number Deregistration" of Event Streams. Types whose fields could not be read
there have no Struct.
"""

import msgspec


class RegistrationError(msgspec.Struct, frozen=True, kw_only=True):
    """A reason why a registration failed."""

    registrationerrorcode: int | None = None
    registrationerrordescription: str | None = None
    registrationerrorurl: str | None = None
    registrationerrorfields: list[str] | None = None


class BrandRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """The registration of a brand."""

    accountsid: str | None = None
    brandsid: str | None = None
    brandstatus: str | None = None
    externalbrandid: str | None = None
    brandscore: int | None = None
    vettingscore: int | None = None
    identitystatus: str | None = None
    brandfeedback: str | None = None
    brandvettingoutcome: str | None = None
    createddate: int | None = None
    updateddate: int | None = None
    brandregistrationerrors: list[RegistrationError] | None = None


class BrandSharing(msgspec.Struct, frozen=True, kw_only=True):
    """A brand that is shared with another account."""

    accountsid: str | None = None
    brandsid: str | None = None


class CampaignRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """The registration of a campaign."""

    accountsid: str | None = None
    brandsid: str | None = None
    campaignsid: str | None = None
    messagingservicesid: str | None = None
    externalcampaignid: str | None = None
    a2pusecase: str | None = None
    campaignregistrationstatus: str | None = None
    createddate: int | None = None
    updateddate: int | None = None
    timestamp: int | None = None
    errorcode: int | None = None


class NumberRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """The registration or deregistration of a number."""

    id: str | None = None
    phonenumber: str | None = None
    phonenumbersid: str | None = None
    accountsid: str | None = None
    campaignsid: str | None = None
    messagingservicesid: str | None = None
    externalstatus: str | None = None
    failurereason: str | None = None
    timestamp: int | None = None
    updateddate: int | None = None
