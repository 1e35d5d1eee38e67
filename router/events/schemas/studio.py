"""Data of Studio events: executions of flows and their steps.

Written by ``make schemas`` from ``twilio/studio.yaml``, which describes the fields: change that.

Source: Twilio, event type page "Flow" of Event Streams (schema Studio.FlowExecutionEvent/2) and
"Execution Step Resource"; the fields of Studio.FlowStepEvent/1 from the field list that Elastic's
Twilio integration derived from the schema.
"""

import msgspec


class FlowExecution(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``Studio.FlowExecutionEvent/2``: an execution of a flow."""

    execution_sid: str
    account_sid: str
    flow_sid: str
    contact_channel_address: str
    status: str
    ended_reason: str | None = None
    date_created: str
    date_updated: str | None = None
    started_by: str
    flow_revision: int


class FlowStep(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``Studio.FlowStepEvent/1``: a step of an execution."""

    step_sid: str | None = None
    execution_sid: str | None = None
    account_sid: str | None = None
    flow_sid: str | None = None
    parent_step_sid: str | None = None
    name: str | None = None
    transitioned_from: str | None = None
    transitioned_to: str | None = None
    date_created: str | None = None
