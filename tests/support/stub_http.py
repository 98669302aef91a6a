"""A server of raw sockets that misbehaves on request: it answers bytes, breaks off, or resets.

Each connection reads whole requests and hands every one to the script, which may write to the socket
whatever it likes. What was received is kept in `requests`.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 10.0
HEADERS_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """A request as it arrived; `connection` counts the connections, so that reuse can be seen."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


Script = Callable[[socket.socket, Received], None]


@dataclass
class Stub:
    """The running server."""

    host: str
    port: int
    script: Script
    before_body: Callable[[socket.socket], None] | None = None
    """Called once the headers are read and before the body is: for servers that answer or leave early."""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    @property
    def posts(self) -> int:
        return sum(request.method == "POST" for request in self.requests)


def http(
    status: int,
    body: bytes | str = b"",
    *,
    content_type: str | None = "application/json",
    claimed_length: int | None = None,
    **headers: str,
) -> bytes:
    """Return an answer as bytes. `claimed_length` makes its Content-Length lie."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {claimed_length or len(content)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + HEADERS_END + content


def answering(answer: bytes) -> Script:
    """Answer and keep the connection open."""
    return lambda connection, _: connection.sendall(answer)


def breaking_off(answer: bytes) -> Script:
    """Answer and close, whatever the answer's length promised."""

    def script(connection: socket.socket, _: Received) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def reset(connection: socket.socket, _: Received | None = None) -> None:
    """Drop the connection with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def close(connection: socket.socket, _: Received | None = None) -> None:
    """Close without a word."""
    connection.shutdown(socket.SHUT_RDWR)


def silence(connection: socket.socket, _: Received) -> None:
    """Say nothing until the client gives up."""
    with contextlib.suppress(OSError):
        connection.recv(1)


def refuse_early(answer: bytes) -> Callable[[socket.socket], None]:
    """Answer before the body is read, and let the client finish: what a reverse proxy does to a large upload."""

    def answer_early(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    return answer_early


@contextlib.contextmanager
def stub_server(script: Script, *, before_body: Callable[[socket.socket], None] | None = None) -> Iterator[Stub]:
    """Run a stub on a free loopback port and wait for its threads at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    host, port = listener.getsockname()[:2]
    stub = Stub(host, port, script, before_body)
    accepting = threading.Thread(target=_accept, args=(listener, stub), daemon=True)
    accepting.start()
    try:
        yield stub
    finally:
        stub.closing.set()
        with contextlib.suppress(OSError):
            # Wakes the accept call.
            socket.create_connection((host, port), timeout=1).close()
        accepting.join(TIMEOUT_SECONDS)
        listener.close()


def _accept(listener: socket.socket, stub: Stub) -> None:
    serving: list[tuple[threading.Thread, socket.socket]] = []
    while True:
        connection, _ = listener.accept()
        if stub.closing.is_set():
            connection.close()
            break
        stub.connections += 1
        connection.settimeout(TIMEOUT_SECONDS)
        thread = threading.Thread(target=_serve, args=(connection, stub, stub.connections), daemon=True)
        thread.start()
        serving.append((thread, connection))
    for thread, connection in serving:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        thread.join(TIMEOUT_SECONDS)
        connection.close()


def _serve(connection: socket.socket, stub: Stub, number: int) -> None:
    buffered = b""
    with contextlib.suppress(OSError):
        while True:
            while HEADERS_END not in buffered:
                buffered += (received := connection.recv(65536))
                if not received:
                    return
            head, _, buffered = buffered.partition(HEADERS_END)
            method, path, headers = _parsed(head.decode("latin-1"))
            if stub.before_body is not None:
                stub.requests.append(Received(method, path, headers, b"", number))
                stub.before_body(connection)
                return
            if headers.get("expect", "").lower() == "100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue" + HEADERS_END)
            length = int(headers.get("content-length", 0))
            buffered = _read_to(connection, buffered, length)
            request = Received(method, path, headers, buffered[:length], number)
            buffered = buffered[length:]
            stub.requests.append(request)
            stub.script(connection, request)


def _parsed(head: str) -> tuple[str, str, Mapping[str, str]]:
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    fields = (line.partition(":") for line in lines)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in fields}


def _read_to(connection: socket.socket, buffered: bytes, length: int) -> bytes:
    while len(buffered) < length:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionError("the client left in the middle of its body")
        buffered += chunk
    return buffered
