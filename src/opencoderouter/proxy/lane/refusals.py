"""What the lane says no with."""

from __future__ import annotations

from opencoderouter.core.refusals import Refuse

MALFORMED = Refuse(
    400,
    "bad_request",
    "This is not a well-formed HTTP/1.1 request.",
    "Send a known method, and percent-encode what is not ASCII.",
)
NOT_TLS = Refuse(
    400, "bad_request", "This port speaks HTTP without TLS.", "Ask by http://, not https://."
)
NOT_PLAIN = Refuse(400, "bad_request", "This port speaks HTTPS.", "Ask by https://, not http://.")
UNKNOWN_CODING = Refuse(
    501,
    "unknown_transfer_coding",
    "The only transfer coding that is understood here is `chunked`.",
    "Send the body as it is.",
)
UNKNOWN_VERSION = Refuse(
    505, "version_not_supported", "This is a server for HTTP/1.1.", "Ask in HTTP/1.1."
)
MALFORMED_BODY = Refuse(
    400,
    "bad_request",
    "The body of the request is not what its head says.",
    "Send a well-formed body.",
)
DEFECT = Refuse(
    500,
    "internal_error",
    "The router failed to answer.",
    "This is a defect of the router; its log says more.",
)
OVERLOADED = Refuse(
    503,
    "overloaded",
    "The router has no open files left for this.",
    "Ask again in a moment, or raise the limit (`ulimit -n`) and restart it.",
)
LATE = Refuse(
    408,
    "request_timeout",
    "The head of the request did not come in time.",
    "Send it in one go; `--header-timeout` is how long the router waits.",
)
TOO_MANY_WEBSOCKETS = Refuse(
    503,
    "too_many_websockets",
    "There are as many open WebSockets as `--max-websockets` allows.",
    "Close some, or try again later.",
)
CROWDED = {
    "connections": Refuse(
        503,
        "overloaded",
        "There are as many connections as `--max-connections` allows.",
        "Try again in a moment.",
    ),
    "per_address": Refuse(
        503,
        "too_many_connections",
        "This address has as many connections as `--max-connections-per-address` allows.",
        "Close some, or try again in a moment.",
    ),
    "unauthenticated": Refuse(
        503,
        "too_many_connections",
        "Too many connections of this address have not shown yet that they may come in.",
        "Try again in a moment.",
    ),
}


def no_answer(slug: str) -> Refuse:
    """Say that the server of a project has not answered."""
    return Refuse(
        502,
        "no_answer",
        f"The server of project {slug!r} gave no answer.",
        "It may have just stopped. Ask again in a moment, or see `ocr-router ls`.",
    )
