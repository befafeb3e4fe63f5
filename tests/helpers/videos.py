"""Videos for tests, and servers on 127.0.0.1 that stream them."""

import socketserver
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from tests.helpers.detectors import scene


def moving(number, size_wh=(96, 64)):
    """Frames with a red square that moves 4 pixels to the right each time."""
    return [scene(size_wh, red=(4 * i, 20, 4 * i + 20, 40)) for i in range(number)]


def write_video(path, frames, fps=12.5):
    height, width = frames[0].shape[:2]
    codes = {".avi": "MJPG", ".ts": "mpg2"}
    code = cv2.VideoWriter_fourcc(*codes.get(path.suffix, "mp4v"))
    writer = cv2.VideoWriter(str(path), code, fps, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def read_video(path):
    """Frames (N, H, W, 3) RGB and frames per second."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        is_there, frame = capture.read()
        if not is_there:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    return np.array(frames), capture.get(cv2.CAP_PROP_FPS)


def jpeg(frame):
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr)[1].tobytes()


@contextmanager
def serve(content_type, parts, cut=False):
    """An address that sends parts (bytes) and closes; `cut`: amid the last one."""
    parts = list(parts)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            if content_type == "video/mp4":
                self.send_header("Content-Length", str(sum(map(len, parts))))
            self.end_headers()
            for part in parts[:-1]:
                self.wfile.write(part)
            self.wfile.write(parts[-1][: len(parts[-1]) // 2] if cut else parts[-1])

        def log_message(self, *_):
            pass

    with _serving(ThreadingHTTPServer, Handler) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _serving(server, handler):
    """The port on 127.0.0.1 at which it answers, in threads of its own."""
    with server(("127.0.0.1", 0), handler) as started:
        started.daemon_threads = True
        threading.Thread(target=started.serve_forever, daemon=True).start()
        try:
            yield started.server_address[1]
        finally:
            started.shutdown()


def multipart(frames):
    """Motion JPEG as cameras send it: the type, and one part of bytes per frame."""
    parts = []
    for frame in frames:
        data = jpeg(frame)
        head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
        parts.append(f"{head}\r\n\r\n".encode() + data + b"\r\n")
    return "multipart/x-mixed-replace; boundary=cut", parts


TS_PACKET = 188  # bytes, ISO 13818-1
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\n"


@contextmanager
def serve_rtsp(stream):
    """An rtsp:// address that plays an MPEG transport stream (bytes) and closes.

    RFC 2326 with RTP in its own connection (sec. 10.12), RFC 2250 for what is in it.
    """

    class Camera(socketserver.StreamRequestHandler):
        def handle(self):
            while lines := self.read_request():
                verb = lines[0].split()[0]
                body = SDP if verb == "DESCRIBE" else ""
                answer = [line for line in lines if line.startswith("CSeq:")]
                answer += ["Session: 1", f"Content-Length: {len(body)}"]
                answer += ["Content-Type: application/sdp"] * bool(body)
                if verb == "SETUP":
                    answer += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
                text = "\r\n".join(["RTSP/1.0 200 OK", *answer, "", body])
                self.wfile.write(text.encode())
                if verb == "PLAY":
                    return self.play()

        def read_request(self):
            return list(iter(lambda: self.rfile.readline().decode().strip(), ""))

        def play(self):
            size = 7 * TS_PACKET
            for number, at in enumerate(range(0, len(stream), size)):
                part = stream[at : at + size]
                head = struct.pack(">BBHII", 0x80, 33, number, 3600 * number, 1)
                length = len(head) + len(part)
                self.wfile.write(struct.pack(">cBH", b"$", 0, length) + head + part)

    with _serving(socketserver.ThreadingTCPServer, Camera) as port:
        yield f"rtsp://127.0.0.1:{port}"
