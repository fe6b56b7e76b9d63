"""The operations on schedules, flows and channels, as OpenAPI has them."""

from workmill.http import channels, flows, problem, schedules, stream
from workmill.http.operation import (
    BODY_PROBLEMS,
    IF_MATCH,
    LAST_EVENT_ID,
    Operation,
    answer,
    in_path,
    in_query,
    json_body,
)
from workmill.http.parameters import AFTER
from workmill.http.problem import Document
from workmill.http.schemas import reference

_NAME: Document = {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}
_SCHEDULE = in_path("schedule", _NAME, "The schedule's name.")
_CHANNEL = in_path("channel", _NAME, "The channel's name.")
_FLOW = in_path("id", {"type": "string", "format": "uuid"}, "The flow's id.")
_ETAG: Document = {"ETag": {"description": "The schedule's edition.", "required": True, "schema": {"type": "string"}}}
_LOCATION: Document = {"description": "Where it is.", "required": True, "schema": {"type": "string"}}
_CONDITIONS = (problem.PRECONDITION_FAILED, problem.PRECONDITION_REQUIRED)


def _schedule(description: str, **headers: Document) -> Document:
    return answer(description, reference("Schedule"), headers={**_ETAG, **headers})


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies of these operations."""
    return {**schedules.body_schemas(), **flows.body_schemas(), **channels.body_schemas()}


def flow_operations() -> list[tuple[str, str, Operation]]:
    """Return the operations by path and method."""
    return [
        ("/v1/schedules", "get", _LIST_SCHEDULES),
        ("/v1/schedules/{schedule}", "get", _GET_SCHEDULE),
        ("/v1/schedules/{schedule}", "put", _PUT_SCHEDULE),
        ("/v1/schedules/{schedule}", "patch", _PATCH_SCHEDULE),
        ("/v1/schedules/{schedule}", "delete", _DELETE_SCHEDULE),
        ("/v1/schedules/{schedule}/start", "post", _START_SCHEDULE),
        ("/v1/schedules/{schedule}/stop", "post", _STOP_SCHEDULE),
        ("/v1/schedules/{schedule}/trigger", "post", _TRIGGER_SCHEDULE),
        ("/v1/flows", "get", _LIST_FLOWS),
        ("/v1/flows/{id}", "get", _GET_FLOW),
        ("/v1/flows/{id}/cancel", "post", _CANCEL_FLOW),
        ("/v1/flows/{id}/retry", "post", _RETRY_FLOW),
        ("/v1/channels/{channel}/messages", "post", _PUBLISH_MESSAGE),
        ("/v1/channels/{channel}/events", "get", _FOLLOW_CHANNEL),
    ]


_LIST_SCHEDULES = Operation(
    id="list_schedules",
    summary="List the schedules by name, with their next times.",
    tag="schedules",
    parameters=in_query(schedules.FILTERS),
    answers={"200": answer("One page of schedules.", reference("SchedulePage"))},
    problems=[problem.INVALID_CURSOR],
)
_GET_SCHEDULE = Operation(
    id="get_schedule",
    summary="Show a schedule, its next times and what became of its last jobs.",
    tag="schedules",
    parameters=[_SCHEDULE],
    answers={"200": _schedule("The schedule.")},
    problems=[problem.SCHEDULE_NOT_FOUND],
)
_PUT_SCHEDULE = Operation(
    id="put_schedule",
    summary="Make a schedule or, with If-Match, replace what one does.",
    tag="schedules",
    parameters=[_SCHEDULE, IF_MATCH],
    body=json_body("NewSchedule", is_required=True),
    answers={"200": _schedule("The schedule."), "201": _schedule("The new schedule.", Location=_LOCATION)},
    problems=[*BODY_PROBLEMS, problem.SCHEDULE_NOT_FOUND, *_CONDITIONS],
)
_PATCH_SCHEDULE = Operation(
    id="patch_schedule",
    summary="Change part of what a schedule does; what is not given stays.",
    tag="schedules",
    parameters=[_SCHEDULE, IF_MATCH],
    body=json_body("ScheduleEdit", is_required=False),
    answers={"200": _schedule("The schedule.")},
    problems=[*BODY_PROBLEMS, problem.SCHEDULE_NOT_FOUND, *_CONDITIONS],
)
_DELETE_SCHEDULE = Operation(
    id="delete_schedule",
    summary="Stop and forget a schedule; its jobs stay.",
    tag="schedules",
    parameters=[_SCHEDULE],
    answers={"204": {"description": "It is gone."}},
    problems=[problem.SCHEDULE_NOT_FOUND],
)
_START_SCHEDULE = Operation(
    id="start_schedule",
    summary="Let a schedule go on; of many who ask at once, one succeeds.",
    tag="schedules",
    parameters=[_SCHEDULE],
    body=json_body("ScheduleStart", is_required=False),
    answers={"200": _schedule("The schedule, which goes on.")},
    problems=[*BODY_PROBLEMS, problem.SCHEDULE_NOT_FOUND, problem.SCHEDULE_ACTIVE],
)
_STOP_SCHEDULE = Operation(
    id="stop_schedule",
    summary="Stop a schedule at once; safe to repeat.",
    tag="schedules",
    parameters=[_SCHEDULE],
    body=json_body("ScheduleStop", is_required=False),
    answers={"200": _schedule("The schedule, which makes no more jobs.")},
    problems=[*BODY_PROBLEMS, problem.SCHEDULE_NOT_FOUND],
)
_TRIGGER_SCHEDULE = Operation(
    id="trigger_schedule",
    summary="Have a schedule make a job now.",
    tag="schedules",
    parameters=[_SCHEDULE],
    body=json_body("ScheduleTrigger", is_required=False),
    answers={"202": answer("The job.", reference("Job"), headers={"Location": _LOCATION})},
    problems=[*BODY_PROBLEMS, problem.SCHEDULE_NOT_FOUND, problem.SCHEDULE_BUSY],
)
_LIST_FLOWS = Operation(
    id="list_flows",
    summary="List the flows, those begun last first.",
    tag="flows",
    parameters=in_query(flows.FILTERS),
    answers={"200": answer("One page of flows.", reference("FlowPage"))},
    problems=[problem.INVALID_CURSOR],
)
_GET_FLOW = Operation(
    id="get_flow",
    summary="Show how a flow stands, its jobs and who follows whom.",
    tag="flows",
    parameters=[_FLOW],
    answers={"200": answer("The flow.", reference("FlowGraph"))},
    problems=[problem.FLOW_NOT_FOUND],
)
_CANCEL_FLOW = Operation(
    id="cancel_flow",
    summary="Cancel every job of a flow that has not ended; safe to repeat.",
    tag="flows",
    parameters=[_FLOW],
    body=json_body("FlowCancellation", is_required=False),
    answers={"200": answer("The flow.", reference("FlowGraph"))},
    problems=[*BODY_PROBLEMS, problem.FLOW_NOT_FOUND],
)
_RETRY_FLOW = Operation(
    id="retry_flow",
    summary="Run again what did not succeed in a flow, as a new flow.",
    tag="flows",
    parameters=[_FLOW],
    body=json_body("FlowRepetition", is_required=False),
    answers={"202": answer("The new flow.", reference("FlowGraph"), headers={"Location": _LOCATION})},
    problems=[*BODY_PROBLEMS, problem.FLOW_NOT_FOUND, problem.FLOW_STATE, problem.PARENT_NOT_FOUND],
)
_PUBLISH_MESSAGE = Operation(
    id="publish_message",
    summary="Publish a message, with a job for each durable subscription.",
    tag="channels",
    parameters=[_CHANNEL],
    body=json_body("Publication", is_required=False),
    answers={"201": answer("The message.", reference("Message"))},
    problems=[*BODY_PROBLEMS, problem.QUEUE_FULL],
)
_FOLLOW_CHANNEL = Operation(
    id="follow_channel",
    summary="Hear what is published on a channel by server-sent events.",
    tag="channels",
    parameters=[_CHANNEL, *in_query([AFTER]), LAST_EVENT_ID],
    answers={
        "200": {
            "description": "What is published from now on, or behind the last event seen.",
            "content": {
                stream.MEDIA_TYPE: {
                    "schema": {"description": "Events `open` and `message` with a cursor as id, the message as data."}
                }
            },
        }
    },
    problems=[problem.NOT_ACCEPTABLE, problem.INVALID_CURSOR],
)
