"""The metrics of a process without a server of its own, over HTTP: one page, read-only, for who may look."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from pydantic import SecretStr

from pipeline.errors import EnvironmentFault
from pipeline.metrics import may_look

PATH = "/metrics"
NEVER_SECONDS = 3_600.0
"""Between looks whether to stop, which nobody asks for: the process ends, and the thread with it."""
SLOW_SECONDS = 10.0


def serve_metrics(registry: CollectorRegistry, address: str, port: int, token: SecretStr | None) -> int:
    """Serve them from a thread until the process ends, and return the port; raises `EnvironmentFault`.

    Port 0 serves nothing.
    """
    if not port:
        return 0
    secret = token.get_secret_value() if token else None
    try:
        server = ThreadingHTTPServer((address, port), _page(registry, secret))
    except OSError as error:
        raise EnvironmentFault(
            f"The metrics cannot be served at {address}:{port}: {error.strerror}.",
            hint="Set CALLSHEET_WORKER_METRICS_PORT or CALLSHEET_SWEEPER_METRICS_PORT to a port that is free.",
        ) from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(NEVER_SECONDS,), name="metrics", daemon=True).start()
    return server.server_port


def _page(registry: CollectorRegistry, token: str | None) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        server_version = "callsheet"
        sys_version = ""
        timeout = SLOW_SECONDS

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path.partition("?")[0] != PATH:
                self._answer(404, b"There is one page: /metrics.\n", "text/plain")
            elif not may_look(token, headers, self.client_address[0]):
                self._answer(401, b"Send CALLSHEET_METRICS_TOKEN as a bearer token.\n", "text/plain")
            else:
                self._answer(200, generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4)

        def log_message(self, *_: object) -> None:
            """Leave the log to what matters."""

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Page
