"""A small HTTP/1.1 listener: one thread a connection, kept open, with or without TLS."""

from __future__ import annotations

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from .answers import Answer, Request

Application = Callable[[Request], Answer]
IDLE_SECONDS = 75
LARGEST_BODY = 1 << 20


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: "Listener"

    def _serve(self) -> None:
        if "transfer-encoding" in self.headers:
            self.close_connection = True
            return self._send(Answer(411, b""))
        size = int(self.headers.get("content-length") or 0)
        if size > LARGEST_BODY:
            self.close_connection = True
            return self._send(Answer(413, b""))
        target = urlsplit(self.path)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        self._send(
            self.server.application(
                Request(
                    method=self.command,
                    path=unquote(target.path),
                    query=target.query,
                    headers=headers,
                    body=self.rfile.read(size),
                    peer=self.client_address[0],
                )
            )
        )

    def _send(self, answer: Answer) -> None:
        # One write for head and body: the two in separate packets cost a round trip.
        head = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('', ''))[0]}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        head.append(f"Content-Length: {len(answer.body)}")
        if self.close_connection:
            head.append("Connection: close")
        self.wfile.write(("\r\n".join(head) + "\r\n\r\n").encode() + answer.body)

    do_GET = do_POST = do_PUT = _serve

    def log_message(self, *_: object) -> None:
        """Requests are not logged here; decisions are, in the journal."""


class Listener(ThreadingHTTPServer):
    """Serves `application` on an address until `shutdown`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        application: Application,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.application = application
        self._tls: ssl.SSLContext | None = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
            self._tls.set_alpn_protocols(["http/1.1"])
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        # Here and not in the accept loop: a slow handshake holds up its own thread only.
        request.settimeout(IDLE_SECONDS)
        with self._tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        problem = sys.exc_info()[1]
        if not isinstance(problem, (OSError, ssl.SSLError)):
            print(f"{client_address}: {problem!r}", file=sys.stderr, flush=True)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(5,), daemon=True).start()
