"""A small RTSP camera: it sends a video once, over the connection that it is asked on, and then nothing more."""

import re
import socket
import socketserver
import threading
import time
from contextlib import suppress

from video.videos import SIZE, picture

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 32\r\na=control:track\r\n"


class Camera(socketserver.BaseRequestHandler):
    """Answers the requests of one client; `server.count` is the number of frames it sends."""

    def handle(self):
        lines = self.request.makefile("rb")
        while request := lines.readline().decode():
            headers = {}
            while (line := lines.readline().decode().strip()) and ":" in line:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            method, address, _ = request.split()
            extra, body = "", ""
            if method == "DESCRIBE":
                body, extra = SDP, f"Content-Type: application/sdp\r\nContent-Base: {address}/\r\n"
            if method == "SETUP":
                extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers.get('cseq', 0)}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n{extra}"
            self.request.sendall(f"{answer}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if method == "PLAY":
                with suppress(ConnectionError):  # nobody watches any longer
                    for packet in rtp_packets(self.server.count):
                        time.sleep(self.server.pause)
                        self.request.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
                if self.server.hangs_up:
                    return


def rtp_packets(count):
    """RTP packets of MPEG-2 video, as FFmpeg writes them."""
    import av

    packets = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        with av.open(f"rtp://127.0.0.1:{receiver.getsockname()[1]}", "w", format="rtp") as output:
            stream = output.add_stream("mpeg2video", rate=25)
            stream.height, stream.width = SIZE
            stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
            for index in range(count + 1):
                frame = av.VideoFrame.from_ndarray(picture(index + 1), format="rgb24") if index < count else None
                output.mux(stream.encode(frame))
                while True:
                    receiver.settimeout(0.02)
                    try:
                        packets.append(receiver.recv(65536))
                    except TimeoutError:
                        break
    return [packet for packet in packets if re.match(rb"\x80[\x20\xa0]", packet)]


class Server(socketserver.ThreadingTCPServer):
    """Cameras at `rtsp://127.0.0.1:PORT`, which wait for `pause` seconds before each packet."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, count, hangs_up=False, pause=0.0):
        super().__init__(("127.0.0.1", 0), Camera)
        self.count, self.hangs_up, self.pause = count, hangs_up, pause
        threading.Thread(target=self.serve_forever, daemon=True).start()
