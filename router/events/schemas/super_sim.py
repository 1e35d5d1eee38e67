"""Data of Super SIM events: connections of Super SIMs.

Written by ``make schemas`` from ``twilio/super_sim.yaml``, which describes the fields: change that.

Source: Twilio, event type page "Super SIM" of Event Streams (schema SuperSim.ConnectionEvent/2),
which calls the types discontinued; the types of the other fields from the field list that
Elastic's Twilio integration derived from the schema.
"""

from typing import Any

import msgspec


class CellularNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A cellular network."""

    mcc: str | None = None
    mnc: str | None = None
    sid: str | None = None
    friendly_name: str | None = None


class ConnectionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``SuperSim.ConnectionEvent/2``: an event of a connection.

    Data usage is present for data sessions.
    """

    event_sid: str
    event_type: str
    account_sid: str
    sim_sid: str
    sim_iccid: str
    sim_unique_name: str | None = None
    fleet_sid: str | None = None
    timestamp: str
    network: CellularNetwork | None = None
    location: Any = None
    error: Any = None
    imsi: str | None = None
    imei: str | None = None
    apn: str | None = None
    ip_address: str | None = None
    rat_type: str | None = None
    data_modifier: str | None = None
    data_session_sid: str | None = None
    data_session_start_time: str | None = None
    data_session_end_time: str | None = None
    data_session_update_start_time: str | None = None
    data_session_update_end_time: str | None = None
    data_upload: int | None = None
    data_download: int | None = None
    data_total: int | None = None
    data_session_data_upload: int | None = None
    data_session_data_download: int | None = None
    data_session_data_total: int | None = None
