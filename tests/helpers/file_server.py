"""A server of files on 127.0.0.1, with ranges, that can break off."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Files(BaseHTTPRequestHandler):
    """Serves `server.files`, with ranges; `server.cut` bytes, then breaks off."""

    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        wanted, start = self.headers.get("Range"), 0
        if wanted and self.server.has_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = self.server.cut or len(content)
        self.server.cut = None
        self.wfile.write(content[start:end])

    def log_message(self, *_):
        pass


def make_server():
    """`files`: path -> content; `ranges`: the Range headers received so far."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.files, server.ranges, server.cut, server.has_ranges = {}, [], None, True
    server.url = f"http://127.0.0.1:{server.server_port}"
    return server
