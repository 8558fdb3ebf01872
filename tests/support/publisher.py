"""A file server over real HTTP, with or without ranges, whose connections may break."""

from __future__ import annotations

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Publisher(ThreadingHTTPServer):
    """Serves ``files``. ``ranges``: supports ranges; ``marks``: sends ETags;
    ``heeds_if_range``: honours If-Range. ``breaks``: number of bytes after which the next
    responses end. ``asked``: (path, Range) of every request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.ranges, self.marks, self.heeds_if_range = True, True, True
        self.breaks: list[int] = []
        self.asked: list[tuple[str, str | None]] = []

    def publish(self, name: str, content: bytes) -> str:
        """Serve a file; return its URL."""
        self.files[f"/{name}"] = content
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        mark = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
        same = self.headers.get("If-Range") == mark or not self.server.heeds_if_range
        start = int(wanted[6:-1]) if wanted and self.server.ranges and same else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.server.marks:
            self.send_header("ETag", mark)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.server.breaks.pop(0) if self.server.breaks else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *_: object) -> None:
        pass
