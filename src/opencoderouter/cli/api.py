"""One call to the API of a running router."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from opencoderouter.cli.failure import Failure

_TIMEOUT = 30.0  # stopping a server may take its time


class NoRouter(Failure):
    """Nothing answers at the address, or what answers is not a router."""


def call(base: str, path: str, method: str = "GET") -> Any:  # noqa: ANN401 - JSON
    """Return the decoded answer; no proxy of the environment stands between.

    Raises NoRouter, and Failure with the router's own words when it refuses.
    """
    if not base.startswith(("http://", "https://")):
        raise Failure(f"--router {base}: must be an http:// or https:// URL", 2)
    request = Request(base + path, method=method)  # noqa: S310 - the scheme was looked at
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=_TIMEOUT) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise _refusal(base, error) from None
    except (URLError, OSError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        hint = "`ocr-router serve` starts one"
        raise NoRouter(f"{base}: no router answers ({reason}); {hint}") from None
    except ValueError:
        raise NoRouter(f"{base}: what answers there is not a router") from None


def _refusal(base: str, error: HTTPError) -> Failure:
    try:
        body = json.load(error)
        candidates = "".join(f"\n  {row['project_path']}" for row in body.get("candidates", []))
        return Failure(f"{body['detail']} {body['hint']}{candidates}")
    except (ValueError, KeyError, TypeError, AttributeError):
        return NoRouter(f"{base}: what answers there is not a router (status {error.code})")
