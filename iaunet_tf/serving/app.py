"""The service: a page to search in, and the same as JSON."""

import asyncio
from asyncio import Future
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from iaunet_tf.errors import InputError
from iaunet_tf.gallery import Gallery
from iaunet_tf.gallery.entries import check_name
from iaunet_tf.gallery.limits import usual_limit
from iaunet_tf.gallery.thumbnails import thumbnail
from iaunet_tf.inference import Embedder
from iaunet_tf.inference.inputs import picture_pixels
from iaunet_tf.serving import pages
from iaunet_tf.serving.access import Access, Session
from iaunet_tf.serving.answers import About, change_answer, entry_answer, search_answer
from iaunet_tf.serving.changes import Changes, NotThere
from iaunet_tf.serving.openapi import document
from iaunet_tf.serving.questions import check_keys, read_question
from iaunet_tf.serving.uploads import PIXELS, check_picture, forget, read_body, read_json
from iaunet_tf.serving.work import Busy, Places, Threads, Together

PATH = 1000  # entries of an identity that are listed
IDS = 10_000  # entries and identities that one request changes
AT_ONCE = 64  # queries of a search
WAITING = 64  # searches that may be under way, and four times as many other requests
PATIENCE = 0.5  # seconds for counting, before what was counted last is the answer
SEEN = "private, max-age=600"  # thumbnails: in the browser of who saw them, for a while


class Service:
    """Answers requests from a gallery.

    Args:
        gallery: an open gallery of the network.
        embed: the network.
        threshold: the distance that holds where a search names none; by default that which was measured.
        token: without which nothing is answered.
        upload: bytes that a picture may have.
        waiting: searches that may be under way at once; further ones are refused.

    Attributes:
        app: the ASGI application.
    """

    def __init__(
        self,
        gallery: Gallery,
        embed: Embedder,
        threshold: float | None = None,
        token: str | None = None,
        upload: int = 10 << 20,
        waiting: int = WAITING,
    ):
        self._gallery, self._network, self._upload = gallery, embed, upload
        self._usual = usual_limit(embed, threshold)
        self._about = About(gallery, embed, self._usual, upload, PIXELS)
        self._changes = Changes(gallery)
        # One picture is decoded at a time, for the memory that it takes.
        self._decoding, self._asking, self._counting, self._drawing = (Threads(count) for count in (1, 4, 1, 2))
        self._embedding, self._finding = Together(self._embed, embed.batch_size), Together(self._find, AT_ONCE)
        self._searches, self._others = Places(waiting), Places(4 * waiting)
        self.app = self._application(Session(token))

    def close(self) -> None:
        """Waits for what is being done."""
        for threads in (self._decoding, self._embedding, self._finding, self._asking, self._counting, self._drawing):
            threads.close()

    def _application(self, session) -> ASGIApp:
        gallery_name = Path(self._gallery.uri).name
        described = document(self._upload, session.token is not None)

        async def start(request):
            return pages.page("search.html", gallery=gallery_name, token=session.token is not None)

        async def api(request):
            return pages.page("api.html", api=described, address=str(request.base_url).rstrip("/"))

        async def openapi(request):
            return JSONResponse(described)

        posts = {"search": self._search, "merge": self._merge, "assign": self._assign, "undo": self._undo}
        gets = {"/api/info": self._info, "/api/identity": self._identity, "/thumbnail": self._thumbnail}
        routes = [
            Route("/", start),
            Route("/api", api),
            Route("/openapi.json", openapi),
            *(Route(f"/api/{path}", endpoint, methods=["POST"]) for path, endpoint in posts.items()),
            *(Route(path, endpoint) for path, endpoint in gets.items()),
            *pages.routes(),
            *session.routes(),
        ]
        handlers: dict = {HTTPException: _refused, InputError: _mistaken, NotThere: _missing, Exception: _failed}
        return Access(Starlette(routes=routes, exception_handlers=handlers), session)

    async def _search(self, request):
        try:
            with self._searches.take():
                content = await read_body(request, self._upload)
                question = read_question(request.query_params, self._network, self._usual)
                pixels = await self._decoding(self._pixels, content)
                vector = await self._embedding(pixels)
                hits = await _of_gallery(self._finding(vector, question.filters))
        except Busy:
            await forget(request)
            raise
        return JSONResponse(search_answer(hits, question.limit))

    def _pixels(self, content):
        """The network's picture `(H, W, 3)`."""
        check_picture(content)
        expected = self._network.metadata
        return picture_pixels(content, (expected.height, expected.width), expected.interpolation)

    def _embed(self, pictures, _):
        return self._network([[each] for each in pictures] if self._network.metadata.video else pictures)

    def _find(self, vectors, filters):
        return self._gallery.search(np.stack(vectors), **dict(filters))

    async def _info(self, request):
        check_keys(request.query_params, ())
        with self._others.take():
            counting = asyncio.ensure_future(self._ask(self._about, threads=self._counting))
            if last := self._about.last:
                await asyncio.wait([counting], timeout=PATIENCE)
                if not counting.done():
                    counting.add_done_callback(Future.exception)  # which somebody who asks later is told
                    return JSONResponse(last)
            return JSONResponse(await counting)

    async def _identity(self, request):
        name = _one(request, "name", "identity")
        with self._others.take():
            entries = await self._ask(self._gallery.entries, identities=[name])
        if not entries:
            raise NotThere(f"there are no entries of {name:.80}")
        # Those of unknown time come first.
        timed = [entry for entry in entries if entry.time is not None]
        listed = [*timed, *entries[: len(entries) - len(timed)]][:PATH]
        return JSONResponse({"identity": name, "count": len(entries), "entries": [*map(entry_answer, listed)]})

    async def _merge(self, request):
        identities, into = await read_json(request, "identities", "into")
        names = _names("identities", "identity", identities)
        return await self._change(self._changes.merge, names, check_name("identity", into))

    async def _assign(self, request):
        ids, identity = await read_json(request, "ids", "identity")
        identity = None if identity is None else check_name("identity", identity)
        return await self._change(self._changes.assign, _names("ids", "id", ids), identity)

    async def _change(self, work, *arguments):
        with self._others.take():
            return JSONResponse(change_answer(await self._ask(work, *arguments)))

    async def _undo(self, request):
        (id,) = await read_json(request, "change")
        if not isinstance(id, str):
            raise InputError("change must be the text that a change has returned")
        with self._others.take():
            change, count = await self._ask(self._changes.undo, id)
        return JSONResponse({"changed": count, "kept": change.count - count})

    async def _thumbnail(self, request):
        id = _one(request, "id", "id")
        with self._others.take():
            entries = await self._ask(self._gallery.entries, ids=[id])
            if not entries:
                raise NotThere(f"there is no entry {id:.80}")
            content = await self._drawing(thumbnail, entries[0])
        if content is None:  # its file is gone, or is a video
            return pages.asset("icon.svg")
        return Response(content, media_type="image/jpeg", headers={"cache-control": SEEN})

    async def _ask(self, work, *arguments, threads=None, **options):
        return await _of_gallery((threads or self._asking)(work, *arguments, **options))


async def _of_gallery(answer):
    """What the gallery answers. All that could be wrong with a question was checked, so that what fails then is the
    gallery."""
    try:
        return await answer
    except InputError as error:
        raise HTTPException(503, str(error), {"retry-after": "5"}) from None


def _one(request, key, what):
    """The name that is the only parameter of a request."""
    check_keys(request.query_params, (key,))
    return check_name(what, request.query_params.get(key, ""))


def _names(key, what, given):
    if not isinstance(given, list) or not 0 < len(given) <= IDS:
        raise InputError(f"{key} must be a list of 1 to {IDS} names")
    return list(dict.fromkeys(check_name(what, name) for name in given))


async def _refused(request: Request, error: HTTPException):
    reason = f"{request.scope['path']:.80}: {error.detail}" if error.status_code in (404, 405) else error.detail
    return JSONResponse({"error": str(InputError(reason))}, error.status_code, error.headers)


async def _mistaken(request: Request, error: InputError):
    return JSONResponse({"error": str(error)}, 400)


async def _missing(request: Request, error: NotThere):
    return JSONResponse({"error": str(InputError(error))}, 404)


async def _failed(request: Request, error: Exception):
    return JSONResponse({"error": "the service has failed; its terminal says more"}, 500)
