"""Data of TaskRouter events: tasks, reservations, workers, queues and workflows.

Written by ``make schemas`` from ``twilio/task_router.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Task", "Reservation", "Worker", "Task Queue" and "Workflow" of
Event Streams (schema TaskRouter.WDSEvent/4); "TaskRouter Events reference" and "Task Resource";
the types of the payload's fields from the field list that Elastic's Twilio integration derived
from the schema (version 1 and 2), and from public receivers of these events.
"""

from typing import Any, Literal

import msgspec


class WorkspacePayload(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an event. A field is present if it concerns the event."""

    sid: str | None = None
    eventtype: str | None = None
    event_description: str | None = None
    account_sid: str | None = None
    timestamp: str | None = None
    resource_type: str | None = None
    resource_sid: str | None = None
    workspace_sid: str | None = None
    operating_unit_sid: str | None = None
    workspace_name: str | None = None
    task_sid: str | None = None
    task_attributes: str | None = None
    task_age: int | None = None
    task_age_in_queue: int | None = None
    task_date_created: str | None = None
    task_priority: int | None = None
    task_assignment_status: (
        Literal[
            "pending", "reserved", "assigned", "wrapping", "completed", "canceled", "transferring"
        ]
        | None
    ) = None
    task_completed_reason: str | None = None
    task_canceled_reason: str | None = None
    task_re_evaluated_reason: str | None = None
    task_routing_target: str | None = None
    task_timeout: int | None = None
    task_virtual_start_time: str | None = None
    task_add_on_attributes: str | None = None
    task_version: int | None = None
    task_channel_sid: str | None = None
    task_channel_unique_name: str | None = None
    task_queue_sid: str | None = None
    task_queue_name: str | None = None
    task_queue_entered_date: str | None = None
    task_queue_target_expression: str | None = None
    task_transfer_sid: str | None = None
    transfer_mode: str | None = None
    transfer_type: str | None = None
    transfer_to: str | None = None
    transfer_status: str | None = None
    transfer_started: str | None = None
    transfer_failed_reason: str | None = None
    transfer_initiating_worker_sid: str | None = None
    transfer_initiating_reservation_sid: str | None = None
    previous_task_priority: int | None = None
    previous_task_queue_sid: str | None = None
    previous_task_queue_name: str | None = None
    target_changed_reason: str | None = None
    reason: str | None = None
    reservation_sid: str | None = None
    reservation_status: str | None = None
    reservation_timeout: int | None = None
    reservation_reason_code: int | None = None
    reservation_version: int | None = None
    worker_sid: str | None = None
    worker_name: str | None = None
    worker_available: bool | None = None
    worker_version: int | None = None
    worker_attributes: str | None = None
    worker_activity_sid: str | None = None
    worker_activity_name: str | None = None
    worker_previous_activity_sid: str | None = None
    worker_previous_activity_name: str | None = None
    worker_time_in_previous_activity: int | None = None
    worker_time_in_previous_activity_ms: int | None = None
    worker_channel_available: Any = None
    worker_channel_available_capacity: int | None = None
    worker_channel_capacity: int | None = None
    worker_channel_consumed_capacity: float | None = None
    worker_channel_previous_capacity: int | None = None
    worker_channel_task_count: int | None = None
    workflow_sid: str | None = None
    workflow_name: str | None = None
    workflow_filter_name: str | None = None
    workflow_filter_expression: str | None = None
    workflow_filter_target_name: str | None = None
    workflow_filter_target_expression: str | None = None


class WorkspaceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``TaskRouter.WDSEvent/4``.

    An event of a workspace; all types share one schema, and the payload has what concerns the
    type.
    """

    sid: str | None = None
    name: str | None = None
    account_sid: str | None = None
    account_friendly_name: str | None = None
    parent_account_sid: str | None = None
    parent_friendly_name: str | None = None
    timestamp: str | None = None
    level: str | None = None
    group: str | None = None
    product_name: str | None = None
    publisher: str | None = None
    publisher_metadata: str | None = None
    payload_type: str | None = None
    payload: WorkspacePayload | None = None
