"""One call to the API of a running router."""

from __future__ import annotations

import json
import os
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from opencoderouter.cli.failure import Failure
from opencoderouter.core.printable import printable

_TIMEOUT = 30.0  # stopping a server may take its time


class NoRouter(Failure):
    """Nothing answers at the address, or what answers is not a router."""


def call(base: str, path: str, method: str = "GET") -> Any:  # noqa: ANN401 - JSON
    """Return the decoded answer; no proxy of the environment stands between.

    Raises NoRouter, and Failure with the router's own words when it refuses.
    """
    if not base.startswith(("http://", "https://")):
        raise Failure(f"--router {base}: must be an http:// or https:// URL", 2)
    try:
        request = Request(base + path, method=method)  # noqa: S310 - the scheme was looked at
        with build_opener(ProxyHandler({})).open(request, timeout=_TIMEOUT) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise _refusal(base, error) from None
    except (URLError, OSError, HTTPException) as error:
        reason = printable(str(error.reason if isinstance(error, URLError) else error))
        hint = "`ocr-router serve` starts one"
        raise NoRouter(f"{base}: no router answers ({reason}); {hint}") from None
    except ValueError:  # no JSON, or no URL
        raise NoRouter(f"{base}: what answers there is not a router") from None


def _refusal(base: str, error: HTTPError) -> Failure:
    try:
        body = json.load(error)
        paths = [printable(row["project_path"]) for row in body.get("candidates", [])]
        words = printable(f"{body['detail']} {body['hint']}")
        return Failure("\n  ".join([words, *paths]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return NoRouter(f"{base}: what answers there is not a router (status {error.code})")


def is_ours(port: int) -> bool:
    """Tell whether this user, and nobody else, listens on ``port``: others are not believed."""
    from opencoderouter.kernel.sockets import kernel_listeners

    listeners = kernel_listeners()
    if listeners is None:
        return True
    return {item.uid for item in listeners() if item.port == port} <= {os.getuid()}
