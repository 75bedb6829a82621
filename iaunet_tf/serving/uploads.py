"""What is sent to the service, within bounds and in memory only."""

import contextlib
import io
import json

import anyio
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from iaunet_tf.data.decoding import FORMATS, naming
from iaunet_tf.errors import InputError

PIXELS = 64_000_000  # of a picture; decoded they are 192 MB
SIDE = 30_000  # pixels; the rows of a narrow and tall picture are made as wide as the network's input first
SCANS = 100  # of a JPEG, each of which goes over all of its pixels; usual are up to a dozen
PASSED = 16 * PIXELS  # pixels that all of them may go over
JSON = 1 << 20  # bytes of a request in JSON
WAIT = 60  # seconds that sending a body may take
SWALLOWED = 256 << 20  # bytes that are read and forgotten, so that the sender can read why


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request.

    Raises:
        HTTPException: it has more than `most` bytes (413), or takes too long (408).
    """
    content, size = bytearray(), 0
    try:
        with anyio.fail_after(WAIT):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= most:
                    content += chunk
                elif size > SWALLOWED:
                    break
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {WAIT} seconds") from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection was closed") from None  # which nobody reads
    if size > most:
        raise HTTPException(413, f"the body is larger than {most / 2**20:g} MiB; send less")
    return bytes(content)


async def forget(request: Request) -> None:
    """Reads the body of a request that is refused: the sender looks for an answer only after it."""
    with contextlib.suppress(HTTPException):
        await read_body(request, 0)


async def read_json(request: Request, *keys: str) -> tuple:
    """The values of a JSON object that has just these keys.

    Raises:
        HTTPException: the request is not declared as JSON (415), which a form of another page cannot do unasked.
        InputError: it is something else.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send JSON, as Content-Type: application/json")
    body = await read_body(request, JSON)
    wanted = " and ".join(keys)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError(f"the body is not JSON; send an object with {wanted}") from None
    if not isinstance(content, dict) or {*content} != {*keys}:
        raise InputError(f"the body must be a JSON object with {wanted}")
    return tuple(content[key] for key in keys)


def check_picture(content: bytes) -> None:
    """Refuses, by its header, what is not a picture, or would take too much memory or time to decode.

    Raises:
        InputError: the line says why.
    """
    if not content:
        raise InputError("there is no picture: send the content of an image file as the body")
    with naming(io.BytesIO()):
        width, height = Image.open(io.BytesIO(content), formats=FORMATS).size
    if width * height > PIXELS or max(width, height) > SIDE:
        most = f"{PIXELS // 10**6} million, and {SIDE} on a side"
        raise InputError(f"the picture has {width}x{height} pixels; at most {most}: send a smaller one")
    if content[:2] == b"\xff\xd8":
        scans = content.count(b"\xff\xda")
        if scans > SCANS or scans * width * height > PASSED:
            raise InputError(f"the picture is a JPEG of {scans} scans, which take long to decode; save it anew")
