"""Serves a gallery until it is told to stop."""

import errno
import logging
import socket

import uvicorn

from iaunet_tf.errors import InputError, reason_of
from iaunet_tf.serving.app import Service

STOPPING = 5  # seconds in which answers may be finished


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; 0 is any free port.

    Raises:
        InputError: the address is not this machine's, or the port is taken or not allowed.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except socket.gaierror as error:
        raise InputError(f"--host {host:.80}: no such address ({reason_of(error)})") from None
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: f"--port {port}: is taken on {host}; choose another",
            errno.EACCES: f"--port {port}: may not be used; choose one from 1024 on",
            errno.EADDRNOTAVAIL: f"--host {host:.80}: is no address of this machine; 0.0.0.0 is all of them",
        }
        raise InputError(reasons.get(error.errno or 0, f"{host}:{port}: {reason_of(error)}")) from None


def address_of(listening: socket.socket) -> str:
    """The address of a page, such as `http://127.0.0.1:8000`."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves on sockets that listen: `run(sockets=[...])` returns when a signal has stopped it, which is raised again
    then, or by its attribute `should_exit`."""

    def __init__(self, service: Service):
        super().__init__(
            uvicorn.Config(
                service.app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,  # faults of the program go to standard error
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=STOPPING,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves."""
        # What is cut off at the end is no fault.
        log, going_on = logging.getLogger("uvicorn.error"), lambda record: not self.should_exit
        log.addFilter(going_on)
        try:
            super().run(sockets)
        finally:
            log.removeFilter(going_on)
