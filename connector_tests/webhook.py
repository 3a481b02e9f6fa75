"""A webhook on this machine, for tests in which somebody is to be notified: it answers what it is told to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# (body, signature) -> the status to answer with
Take = Callable[[bytes, str], int]


@contextmanager
def webhook(take: Take) -> Iterator[str]:
    """Its address, while it listens."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(take(raw, self.headers["x-bwapi-signature-256"]))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhooks/basware"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
