"""The raw tables of a Zendesk account: the records of its exports and the fields kept as columns.

Fields are named as Zendesk names them; what is not listed lands in `_extra`. How the exports are fetched belongs in
`ingestion/sources/zendesk.py`.
"""

from __future__ import annotations

from ingestion.source import RawTable, names

TICKETS = RawTable(
    "tickets",
    names(
        """id external_id subject description type priority status via requester_id submitter_id assignee_id group_id
        organization_id brand_id tags custom_fields satisfaction_rating created_at updated_at
        generated_timestamp"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
METRICS = RawTable(
    "ticket_metrics",
    names(
        """id ticket_id created_at updated_at replies reopens solved_at initially_assigned_at assigned_at
        reply_time_in_minutes first_resolution_time_in_minutes full_resolution_time_in_minutes"""
    ),
    ("id",),
    record_time="created_at",
)
USERS = RawTable(
    "users",
    names(
        """id name email phone role created_at updated_at external_id tags time_zone locale active suspended verified
        organization_id user_fields"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
RATINGS = RawTable(
    "satisfaction_ratings",
    names("id ticket_id requester_id assignee_id group_id score comment reason created_at updated_at"),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
ORGANIZATIONS = RawTable(
    "organizations",
    names(
        """id external_id name domain_names details notes group_id shared_tickets shared_comments tags
        organization_fields created_at updated_at deleted_at"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
METRIC_EVENTS = RawTable(
    "ticket_metric_events",
    names("id ticket_id metric instance_id type time status sla deleted"),
    ("id",),
    record_time="time",
    cursor="time",
)
CALLS = RawTable(
    "calls",
    names(
        """id created_at updated_at customer_id agent_id ticket_id call_group_id direction call_channel
        completion_status phone_number_id phone_number line line_id line_type default_group callback callback_source
        voicemail customer_requested_voicemail exceeded_queue_wait_time outside_business_hours overflowed overflowed_to
        duration wait_time time_to_answer talk_time hold_time wrap_up_time consultation_time ivr_time_spent ivr_hops
        ivr_action ivr_routed_to ivr_destination_group_name minutes_billed call_charge"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
LEGS = RawTable(
    "legs",
    names(
        """id created_at updated_at call_id agent_id user_id type completion_status available_via duration talk_time
        hold_time wrap_up_time consultation_time forwarded_to transferred_from transferred_to minutes_billed
        call_charge"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
DELETED_TICKETS = RawTable(
    "deleted_tickets",
    names("id subject description actor previous_state deleted_at"),
    ("id",),
    record_time="deleted_at",
)
TABLES = (TICKETS, METRICS, USERS, RATINGS, ORGANIZATIONS, METRIC_EVENTS, CALLS, LEGS, DELETED_TICKETS)
