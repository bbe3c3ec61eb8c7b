"""`/v1/stripecli/sessions`: how Stripe's command line begins to listen. Stripe does not publish it."""

import json

from sandbox.box import box
from sandbox.errors import InvalidRequest
from sandbox.listening import FILTERS, PATH, REQUEST_LOGS, WEBHOOKS
from sandbox.routing import Call, unpublished_endpoint
from sandbox.types import API_VERSION, Obj
from sandbox.validation import Choice, Listed, Text, needed

RECONNECT_AFTER = 86_400  # seconds until the command line takes a fresh connection


@unpublished_endpoint(
    "POST",
    "/v1/stripecli/sessions",
    device_name=needed(Text()),
    filters=Text(),
    forward_connect_to_url=Text(),
    forward_thin_connect_to_url=Text(),
    forward_thin_to_url=Text(),
    forward_to_url=Text(),
    websocket_features=needed(Listed(each=Choice(options=(WEBHOOKS, REQUEST_LOGS)), least=1, most=1)),
)
def open_session(call: Call) -> Obj:
    account, params = call.account, call.params
    session = box().listeners.open(
        account,
        device=params["device_name"],
        feature=params["websocket_features"][0],
        filters=read_filters(params.get("filters", "{}")),
    )
    return {
        "default_version": API_VERSION,
        "display_connect_filter_warning": False,
        "latest_version": API_VERSION,
        "reconnect_delay": RECONNECT_AFTER,
        "secret": session.secret,
        "websocket_authorized_feature": session.feature,
        "websocket_id": session.id,
        "websocket_url": f"{account.base_url.replace('http', 'ws', 1)}{PATH}{session.id}",
    }


def read_filters(text: str) -> dict[str, list[str]]:
    """name → allowed values. Raises Stripe's 400 for anything else, and for filters that are not modelled."""
    try:
        filters = json.loads(text)
    except ValueError:
        filters = None
    if not isinstance(filters, dict) or not all(
        name in FILTERS and isinstance(allowed, list) for name, allowed in filters.items()
    ):
        raise InvalidRequest("Invalid filters", param="filters")
    return {name: [str(value) for value in allowed] for name, allowed in filters.items()}
