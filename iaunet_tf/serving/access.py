"""Who may ask: pages of this service only, and on other addresses only who knows the token."""

import asyncio
import hmac
import ipaddress
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from iaunet_tf.errors import InputError
from iaunet_tf.serving.pages import page
from iaunet_tf.serving.uploads import read_body

LEAST = 16  # characters of a token
OPEN = ("/login", "/style.css", "/icon.svg")  # what is shown to whom has not said the token yet
PAGES = ("/", "/api")
FORM = 4096  # bytes of a login
PAUSE = 1.0  # seconds after a wrong token
HEADERS = {
    # Nothing from elsewhere, no scripts or styles inside pages; blob: is the picture that was just chosen.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # with none, browsers send forms of these pages as if from nowhere
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",  # unless an answer says otherwise
}


def check_token(token: str) -> str:
    """A token, unless it could be guessed or cannot be sent in a header."""
    if len(token) < LEAST or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"the token must be at least {LEAST} ASCII characters without spaces, such as openssl rand -hex 16 prints"
        )
    return token


def is_local(host: str) -> bool:
    """Whether an address is of this machine alone, whoever resolves it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Session:
    """Who has said the token: programs in each request, as `Authorization: Bearer TOKEN`; people once, for which their
    browser gets a cookie. `token` None lets in everybody."""

    def __init__(self, token: str | None):
        self.token = token
        digest = hmac.digest((token or "").encode(), b"iaunet serve", "sha256").hex()
        # Browsers send cookies to all ports of a host, on which other galleries may have other tokens.
        self._name, self._value = f"iaunet_{digest[:8]}", digest[8:]

    def known(self, request: Request) -> bool:
        """Whether a request comes from somebody who has said the token."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return _same(token, self.token)
        return _same(request.cookies.get(self._name, ""), self._value)

    def routes(self) -> list[Route]:
        """The page on which people say the token; none without one."""
        if self.token is None:
            return []
        return [Route("/login", self._login, methods=["GET", "POST"]), Route("/logout", self._logout, methods=["POST"])]

    async def _login(self, request):
        if request.method != "POST":
            return page("login.html")
        body = await read_body(request, FORM)
        if not _same(parse_qs(body.decode("latin-1")).get("token", [""])[0].strip(), self.token):
            await asyncio.sleep(PAUSE)
            return page("login.html", 403, wrong=True)
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(self._name, self._value, httponly=True, samesite="strict", secure=secure)
        return answer

    async def _logout(self, request):
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self._name)
        return answer


class Access:
    """Lets an application answer whom it may answer, and adds to its answers what browsers may do with them.

    What a page of elsewhere makes a browser send is refused by its `Origin`. Without a token, so is what asks for
    another name than this machine's: a page of elsewhere could have its own name pointed here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, session: Session):
        self._app, self._session = app, session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in own if pair[0] not in given)]
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        host, origin = request.headers.get("host", "").lower(), request.headers.get("origin")
        try:
            name, source = urlsplit(f"//{host}").hostname, urlsplit(origin or "").netloc.lower()
        except ValueError:
            return _error(400, "the Host or the Origin of the request is no address")
        # Not request.url.path, which a forged Host can be part of.
        token, path = self._session.token, request.scope["path"]
        if token is None and not is_local(name or ""):
            return _error(403, f"Host {host:.80}: without a token, only 127.0.0.1 and localhost are answered")
        if origin is not None and request.method not in ("GET", "HEAD") and source != host:
            return _error(403, f"Origin {origin:.80}: pages of elsewhere may not ask")
        if token is None or path in OPEN or self._session.known(request):
            return None
        if path in PAGES and "authorization" not in request.headers:
            return RedirectResponse("/login", 303)
        return _error(401, "say the token, as Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"})


def _same(given, wanted):
    """Whether two texts are the same, in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _error(status, reason, headers=None):
    return JSONResponse({"error": str(InputError(reason))}, status, headers)
