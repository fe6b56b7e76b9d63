"""The paths of schedules, flows and channels."""

from functools import partial

from workmill import App
from workmill.http.channels import follow_channel, publish_message
from workmill.http.flows import cancel_flow, list_flows, retry_flow, show_flow
from workmill.http.resource import Resource
from workmill.http.schedules import (
    delete_schedule,
    list_schedules,
    patch_schedule,
    put_schedule,
    show_schedule,
    start_schedule,
    stop_schedule,
    trigger_schedule,
)


def flow_resources(app: App) -> dict[str, Resource]:
    """Return what answers at each path."""
    return {
        "/v1/schedules": Resource(get=partial(list_schedules, app=app)),
        "/v1/schedules/{schedule}": Resource(
            get=partial(show_schedule, app=app),
            put=partial(put_schedule, app=app),
            patch=partial(patch_schedule, app=app),
            delete=partial(delete_schedule, app=app),
        ),
        "/v1/schedules/{schedule}/start": Resource(post=partial(start_schedule, app=app)),
        "/v1/schedules/{schedule}/stop": Resource(post=partial(stop_schedule, app=app)),
        "/v1/schedules/{schedule}/trigger": Resource(post=partial(trigger_schedule, app=app)),
        "/v1/flows": Resource(get=partial(list_flows, app=app)),
        "/v1/flows/{id}": Resource(get=partial(show_flow, app=app)),
        "/v1/flows/{id}/cancel": Resource(post=partial(cancel_flow, app=app)),
        "/v1/flows/{id}/retry": Resource(post=partial(retry_flow, app=app)),
        "/v1/channels/{channel}/messages": Resource(post=partial(publish_message, app=app)),
        "/v1/channels/{channel}/events": Resource(get=partial(follow_channel, app=app)),
    }
