"""One call to the API of a running router."""

from __future__ import annotations

import errno
import json
import os
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.files import refused
from opencoderouter.core.printable import printable
from opencoderouter.kernel.reasons import reason as why

if TYPE_CHECKING:
    from opencoderouter.core.model import Listener
    from opencoderouter.settings import Settings

_NEAR = "localhost"
_OWN_TLS = "Give --tls-cert FILE: the certificate that the router was started with."
_END = "-----END CERTIFICATE-----"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Who comes through somebody is not let in freely: only what is shown counts.
_THROUGH = {"Via": "1.1 ocr-router"}


class NoRouter(Failure):
    """Nothing answers at the address, or what answers is not a router."""


@dataclass(frozen=True, slots=True)
class Router:
    """A router to be asked at ``base``, a URL without a slash at its end.

    It is shown ``secret``. Of ``certificate``, a file, the first is the only one that is trusted.
    ``patience`` is in seconds. ``here``: it is this machine's, whatever its address. ``owner`` is
    the uid that it has, if it is this machine's.
    """

    base: str
    secret: str | None = field(default=None, repr=False)
    certificate: Path | None = None
    patience: float = 30.0  # stopping a server may take its time
    here: bool = False
    owner: int = field(default_factory=os.getuid)


def own_router(settings: Settings) -> Router:
    """Return the router of this machine. Raises Failure when its port is another user's."""
    if not _belongs(settings.port, os.getuid()):
        hint = "`--router URL` asks it all the same"
        raise Failure(f"--port {settings.port}: another user listens there; {hint}")
    host = _host(settings.port)
    secret = _token() or _password(settings, is_free=host == _NEAR)
    base = f"{settings.scheme}://{host}:{settings.port}"
    return Router(base, secret, settings.tls_cert, here=True)


def router_at(url: str, owner: int | None = None) -> Router:
    """Return the router that the user named, which is ours where it is this machine's.

    ``owner`` is another one's uid. Raises Failure when it is no address.
    """
    owner = os.getuid() if owner is None else owner
    base = url.rstrip("/")
    try:
        parts = urlsplit(base)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise Failure(f"--router {base}: must be an http:// or https:// URL", 2) from None
    if "@" in parts.netloc:  # not told: others may look on, or read the log
        raise Failure("--router: no password can stand in it; put it into OCR_TOKEN", 2)
    if _is_here(parts.hostname or "") and not _belongs(port, owner):
        return Router(base)  # whoever listens there does not get to know a secret of ours
    return Router(base, _token(), owner=owner)


def uid_of(user: str) -> int:
    """Return the uid of a name or a number. Raises Failure."""
    import pwd

    try:
        return int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
    except KeyError:
        raise Failure(f"--router-user {printable(user)}: there is no such user", 2) from None


def takes(router: Router, secret: str) -> bool:
    """Tell whether a router lets in who shows ``secret``.

    Raises NoRouter, and Failure when it does not say.
    """
    said = _call(replace(router, secret=secret), "/api/health", "GET", _THROUGH)
    if not isinstance(said, dict) or "healthy" not in said:
        raise NoRouter(f"{router.base}: what answers there is not a router")
    return "version" in said


def call(router: Router, path: str, method: str = "GET") -> Any:  # noqa: ANN401 - JSON
    """Return the decoded answer; no proxy of the environment stands between.

    Raises NoRouter, and Failure with the router's own words when it refuses.
    """
    return _call(router, path, method, {})


def call_as_stranger(router: Router, path: str) -> Any:  # noqa: ANN401 - JSON
    """Return what somebody from elsewhere gets who shows no secret. Raises as ``call``."""
    return _call(replace(router, secret=None), path, "GET", _THROUGH)


def _call(router: Router, path: str, method: str, headers: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    base = router.base
    shown = {"Authorization": f"Bearer {router.secret}"} if router.secret else {}
    try:
        request = Request(base + path, headers=headers | shown, method=method)  # noqa: S310 - see router_at
        with build_opener(*_handlers(router)).open(request, timeout=router.patience) as answer:
            return json.load(answer)
    except HTTPError as error:
        with error:
            raise _refusal(router, error) from None
    except (URLError, OSError, HTTPException) as error:
        raise _silence(router, error.reason if isinstance(error, URLError) else error) from None
    except ValueError:  # no JSON, or no URL
        raise NoRouter(f"{base}: what answers there is not a router") from None


def _silence(router: Router, reason: object) -> NoRouter:
    """Return why nothing was answered, and what to do."""
    text = why(reason)
    if not isinstance(reason, ssl.SSLCertVerificationError):
        hint = "`ocr-router serve` starts one"
        return NoRouter(f"{router.base}: no router answers ({text}); {hint}")
    hint = "name a file with it, or with who has signed it: SSL_CERT_FILE=FILE"
    if router.certificate is not None:
        hint = f"it is not the one of --tls-cert {router.certificate}"
    return NoRouter(f"{router.base}: its certificate is not trusted ({text}); {hint}")


class _Stay(HTTPRedirectHandler):
    """Goes nowhere else: a secret is for the router that it was meant for."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def _handlers(router: Router) -> list[BaseHandler]:
    handlers: list[BaseHandler] = [ProxyHandler({}), _Stay()]
    if router.certificate is not None:
        handlers.append(HTTPSHandler(context=trusting(router.certificate)))
    elif must_be_proven(router):
        handlers.append(_ToOwner(router.owner))
    return handlers


class _Proven(HTTPConnection):
    """A connection of this machine on which nothing is said unless the owner listens there.

    A port that was looked at before may be somebody else's by now.
    """

    def __init__(self, host: str, *, owner: int, timeout: float) -> None:
        super().__init__(host, timeout=timeout)
        self._owner = owner

    def connect(self) -> None:
        """Connect, and look who it is. Raises OSError when it is not the owner."""
        super().connect()
        if not leads_to(self._owner, *self.sock.getpeername()[:2]):
            self.close()
            raise OSError(errno.EPERM, "another user listens there")


class _ToOwner(HTTPHandler):
    def __init__(self, owner: int) -> None:
        super().__init__()
        self._owner = owner

    def http_open(self, request: Request) -> Any:  # noqa: ANN401 - as urllib has it
        return self.do_open(partial(_Proven, owner=self._owner), request)


def must_be_proven(router: Router) -> bool:
    """Tell whether each connection is to be looked at (``leads_to``) before a word is said."""
    near = router.here or _is_here(urlsplit(router.base).hostname or "")
    return near and router.secret is not None and router.certificate is None


def leads_to(uid: int, address: str, port: int) -> bool:
    """Tell whether this user listens at the other end of a connection of this machine."""
    from opencoderouter.kernel.peers import peers

    kernel = peers()
    if kernel is None:  # it cannot be told
        return True
    owner = kernel.listener(address, port)
    return owner is not None and owner.uid == uid


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a context that trusts one certificate, whatever name it has: the port is ours.

    Raises Failure.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        first = certificate.read_text(encoding="ascii").partition(_END)[0]
        context.load_verify_locations(cadata=first + _END)
    except OSError as error:  # also what is no certificate
        raise Failure(f"--tls-cert {certificate}: {error.strerror}", 2) from None
    except ValueError:
        raise Failure(f"--tls-cert {certificate}: is no certificate (PEM)", 2) from None
    return context


def _refusal(router: Router, error: HTTPError) -> Failure:
    if error.code == 401:  # noqa: PLR2004 - HTTP
        asked = "does not take this password or token" if router.secret else "asks who you are"
        hint = "put a token (`ocr-router token create NAME`) or its password into OCR_TOKEN"
        return Failure(f"{router.base}: the router {asked}; {hint}")
    try:
        body = json.load(error)
        paths = [printable(row["project_path"]) for row in body.get("candidates", [])]
        hint = _OWN_TLS if router.here and "HTTPS" in body["detail"] else body["hint"]
        words = printable(f"{body['detail']} {hint}")
        return Failure("\n  ".join([words, *paths]))
    except (ValueError, KeyError, TypeError, AttributeError):
        status = f"status {error.code}"
        return NoRouter(f"{router.base}: what answers there is not a router ({status})")


def _token() -> str | None:
    return os.environ.get("OCR_TOKEN") or None


def _password(settings: Settings, *, is_free: bool) -> str | None:
    """Return what the router asks also its own user for, where it does.

    ``is_free``: who comes this way could be let in without.
    """
    from opencoderouter.kernel.namespaces import tells_users_apart

    if settings.auth == "off" or (is_free and settings.auth == "auto" and tells_users_apart()):
        return None
    try:
        return settings.sources.effective()
    except OSError as error:
        raise refused(error, settings) from None


def _is_here(host: str) -> bool:
    from opencoderouter.core.hosts import is_near

    return is_near(host)


def _belongs(port: int, owner: int) -> bool:
    """Tell whether this user, and nobody else, listens on ``port``: others are not believed."""
    return {item.uid for item in _listening(port)} <= {owner}


def _host(port: int) -> str:
    """Return by which host what listens on ``port`` is reached: an address if it has only some."""
    from opencoderouter.core.hosts import is_near

    found = sorted({item.target for item in _listening(port)})
    if not found or any(map(is_near, found)):
        return _NEAR
    return f"[{found[0]}]" if ":" in found[0] else found[0]


def _listening(port: int) -> Iterable[Listener]:
    """Return who listens on ``port``; nobody where the kernel does not say."""
    from opencoderouter.kernel.sockets import kernel_listeners

    listeners = kernel_listeners()
    return [item for item in listeners() if item.port == port] if listeners else []
