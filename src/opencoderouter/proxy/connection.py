"""A client's connection: aiohttp's server protocol, with our answers to what is not HTTP."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy

from opencoderouter.proxy.errors import error
from opencoderouter.proxy.wire import BUFFER, FIELD, FIELDS, LINE

log = logging.getLogger(__name__)

_LINGER = 2.0  # seconds in which a client that still sends can read why nobody listens


class Connection(web.RequestHandler):
    """Like aiohttp's, but malformed requests get an answer in our form, and no traceback."""

    __slots__ = ()

    def __init__(self, manager: web.Server) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp checks for it
            auto_decompress=False,
            lingering_time=_LINGER,
            max_line_size=LINE,
            max_field_size=FIELD,
            max_headers=FIELDS,
            read_bufsize=BUFFER,
        )

    def data_received(self, data: bytes) -> None:
        """Take in bytes. A body that breaks off in nonsense is told to whoever reads it."""
        super().data_received(data)
        request = self._current_request
        if request is None or request.content.is_eof() or not self._messages:
            return
        if not isinstance(self._messages[-1][0], RawRequestMessage):
            request.content.set_exception(web.RequestPayloadError("malformed"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be understood, or answered. Closes the connection."""
        if status == 500:  # noqa: PLR2004 - aiohttp's own word for a handler that raised
            log.error("failed before the gate peer=%s", request.remote, exc_info=exc)
            hint = "This is a defect of the router; its log says more."
            response = error(request, 500, "internal_error", "The router failed to answer.", hint)
        else:
            log.info("malformed request peer=%s reason=%s", request.remote, type(exc).__name__)
            response = _refusal(request, exc, message or "")
        nameless = _Nameless(status=response.status, headers=response.headers, body=response.body)
        nameless.force_close()
        return nameless

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the rest of an answer. After the last one the client hears so at once.

        What it still sends is read for a moment: closing over it would take the answer back.
        """
        done = await super().finish_response(request, resp, start_time)
        if not done[0].keep_alive and self.transport and self.transport.can_write_eof():
            self.transport.write_eof()
        return done

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as aiohttp has it
        """Log what aiohttp did not expect. A malformed body that nobody wanted is no such thing."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            log.info("malformed body")
        else:
            super().log_exception(*args, **kw)

    def close_idle(self) -> None:
        """Close unless a request is being answered."""
        if self._waiter is not None:
            self.force_close()


class _Nameless(web.Response):
    """Leaves out which software answers: the application's signal is not sent before the gate."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


def _refusal(request: web.BaseRequest, exc: BaseException | None, message: str) -> web.Response:
    if isinstance(exc, LineTooLong) and exc.args[1] == LINE:
        detail = f"The request target has more than {LINE} octets."
        return error(request, 414, "target_too_long", detail, "Send a shorter one.")
    if isinstance(exc, LineTooLong) or message.startswith("Too many headers"):
        detail = f"A header field has more than {FIELD} octets, or there are more than {FIELDS}."
        return error(request, 431, "fields_too_large", detail, "Send fewer or shorter ones.")
    detail = "This is not a well-formed HTTP/1.1 request."
    return error(request, 400, "bad_request", detail, "Percent-encode what is not ASCII.")


def unasked(manager: web.Server) -> None:
    """Have requests with ``Expect: 100-continue`` come without aiohttp asking for the body.

    It would do so before the gate has seen them. The raw fields still have ``Expect``.
    """
    inner = manager.request_factory

    def make(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if "Expect" in message.headers:
            kept = CIMultiDict(message.headers)
            del kept["Expect"]
            message = message._replace(headers=CIMultiDictProxy(kept))
        return inner(message, payload, protocol, writer, task)

    manager.request_factory = make
