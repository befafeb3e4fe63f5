"""Videos for tests, and servers on 127.0.0.1 that stream them."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from tests.detectors import scene


def moving(number, size_wh=(96, 64)):
    """Frames with a red square that moves 4 pixels to the right each time."""
    return [scene(size_wh, red=(4 * i, 20, 4 * i + 20, 40)) for i in range(number)]


def write_video(path, frames, fps=12.5):
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter_fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def multipart(frames):
    """Motion JPEG as cameras send it: the type, and one part of bytes per frame."""
    parts = []
    for frame in frames:
        data = jpeg(frame)
        head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
        parts.append(f"{head}\r\n\r\n".encode() + data + b"\r\n")
    return "multipart/x-mixed-replace; boundary=cut", parts
