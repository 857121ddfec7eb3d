"""What strangers may send to a service: each attack is a function that sends it and says how it was answered.

All are bounded in bytes, number and time, and go to addresses of this machine alone.
"""

import base64
import contextlib
import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

MIB = 1024 * 1024
_SECONDS = 60.0
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Target:
    """Where attacks go.

    Attributes:
        proxy: port of the proxy.
        replicas: ports of the replicas behind it.
        pictures: hostile pictures by name.
        photographs: two honest ones.
        batch: how many hostile pictures stand in a batch of them.
    """

    proxy: int
    replicas: list[int]
    pictures: dict[str, bytes]
    photographs: tuple[bytes, bytes]
    batch: int = 64
    answers: Counter[str] = field(default_factory=Counter)


def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> str:
    """Return the status and the code of an answer, or how the connection ended."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    if answer.status == 200:
        items = json.loads(content).get("items")
        if not items:
            return "200"
        return f"200 of {dict(Counter(str(item['status']) for item in items))}"
    with contextlib.suppress(ValueError):
        return f"{answer.status} {json.loads(content)['code']}"
    return f"{answer.status} without a document"


def _repeated(unit: bytes, size: int, head: bytes, tail: bytes) -> bytes:
    return head + b",".join([unit] * (size // (len(unit) + 1))) + tail


def documents(target: Target) -> Counter[str]:
    """JSON of many small values: empty objects, numbers, unknown keys."""
    bodies = [
        ("/verify/batch", _repeated(b"{}", 3 * MIB, b'{"pairs":[', b"]}")),
        ("/verify/batch", _repeated(b"{}", 12 * MIB, b'{"pairs":[', b"]}")),
        ("/embed", _repeated(b"1", 40 * MIB, b'{"embedding":[', b"]}")),
        ("/verify", _repeated(b'"a":1', 12 * MIB, b"{", b"}")),
        ("/verify", b"[" * 12 * MIB),
    ]
    return Counter(post(target.proxy, path, body, _JSON) for path, body in bodies for _ in range(2))


def pictures(target: Target) -> Counter[str]:
    """Each hostile picture as a probe, two at a time."""

    def send(picture: bytes) -> str:
        boundary = b"an-unlikely-boundary"
        parts = [
            b'Content-Disposition: form-data; name="%s"; filename="x"\r\n\r\n%s' % (name, content)
            for name, content in ((b"probe", picture), (b"reference", target.photographs[1]))
        ]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
        return post(target.proxy, "/verify", body, kind)

    with ThreadPoolExecutor(2) as pool:
        return Counter(pool.map(send, target.pictures.values()))


def batches_of_pictures(target: Target) -> Counter[str]:
    """Batches of many times the same kind of small hostile picture, each a little different."""
    found: Counter[str] = Counter()
    small = {name: data for name, data in target.pictures.items() if len(data) < 300_000}
    for data in list(small.values())[:: max(1, len(small) // 6)]:
        faces = [{"image": base64.b64encode(data + bytes([number])).decode()} for number in range(target.batch)]
        found[post(target.proxy, "/embed/batch", json.dumps({"faces": faces}).encode(), _JSON)] += 1
    return found


def honest_batches(target: Target) -> Counter[str]:
    """Two batches of 64 pairs of photographs side by side."""
    one, other = (base64.b64encode(photograph).decode() for photograph in target.photographs)
    # Bytes behind the end of a JPEG make it another photograph to whoever compares files.
    padded = [base64.b64encode(target.photographs[0] + bytes([number])).decode() for number in range(64)]
    pairs = [{"probe": {"image": image}, "reference": {"image": other}} for image in padded]
    body = json.dumps({"pairs": [{"probe": {"image": one}, "reference": {"image": other}}, *pairs[1:]]}).encode()
    with ThreadPoolExecutor(2) as pool:
        return Counter(pool.map(lambda _: post(target.proxy, "/verify/batch", body, _JSON), range(2)))


def _flood(name: str, port: int, content: bytes, unit: bytes, most: int) -> str:
    """Send a beginning and then a unit again and again; return after how many MiB it was ended."""
    sent = 0
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(content)
        while sent < most:
            connection.sendall(unit)
            sent += len(unit)
    return f"{name} ended it after {'less than 8' if sent < 8 * MIB else sent // MIB} MiB"


def headers(target: Target) -> Counter[str]:
    """A header of 300 MiB, endless headers, endless trailers, chunks of a byte; to a replica and to the proxy."""
    head = b"POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    chunked = head + b"transfer-encoding: chunked\r\n\r\n"
    found: Counter[str] = Counter()
    for name, port in (("a replica", target.replicas[0]), ("the proxy", target.proxy)):
        found[_flood(name, port, head + b"x: ", b"a" * MIB, 300 * MIB)] += 1
        found[_flood(name, port, head, b"x: y\r\n" * 10_000, 300 * MIB)] += 1
    found[_flood("a replica", target.replicas[0], chunked + b"0\r\n", b"x: y\r\n" * 10_000, 300 * MIB)] += 1
    found[_flood("a replica", target.replicas[0], chunked, b"1\r\n[\r\n" * 10_000, 300 * MIB)] += 1
    return found


def idle(target: Target, seconds: float = 15) -> Counter[str]:
    """Connections that send nothing, or half a header, at every replica and the proxy; they are closed or displaced."""
    with contextlib.ExitStack() as stack:
        connections = []
        for port in (*target.replicas, target.proxy):
            for number in range(150):
                with contextlib.suppress(OSError):
                    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
                    connection.sendall(b"" if number % 2 else b"GET /healthz HTT")
                    connections.append(connection)
        end = time.monotonic() + seconds
        return Counter(_state(connection, end) for connection in connections)


def _state(connection: socket.socket, end: float) -> str:
    connection.settimeout(max(0.05, end - time.monotonic()))
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return "left open"
    except OSError:
        pass
    return "closed"


def unfinished(target: Target, seconds: float = 8) -> Counter[str]:
    """Batches that announce 150 MiB, send 20 MiB and stop; to one replica."""
    announced = (
        b"POST /verify/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    end = time.monotonic() + seconds

    def send(_: int) -> str:
        place = "127.0.0.1", target.replicas[0]
        with contextlib.suppress(OSError), socket.create_connection(place, timeout=seconds) as connection:
            connection.sendall(announced % (150 * MIB))
            for _ in range(20):
                connection.sendall(b"a" * MIB)
            return f"stopped, {_state(connection, end)}"
        return "ended while it sent"

    with ThreadPoolExecutor(12) as pool:
        return Counter(pool.map(send, range(12)))


def hang_ups(target: Target) -> Counter[str]:
    """Requests whose clients go away as soon as they were sent."""
    one, other = (base64.b64encode(photograph).decode() for photograph in target.photographs)
    body = json.dumps({"probe": {"image": one}, "reference": {"image": other}}).encode()
    head = b"POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    for number in range(120):
        port = target.replicas[number % len(target.replicas)]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head + body)
    return Counter({"sent and left": 120})


def wrong_tokens(target: Target) -> Counter[str]:
    """Guesses at the administrators' token."""
    found: Counter[str] = Counter()
    for number in range(60):
        connection = http.client.HTTPConnection("127.0.0.1", target.replicas[0], timeout=20)
        connection.request("GET", "/admin/anchor-sets", headers={"Authorization": f"Bearer guess-number-{number:04}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        found[str(answer.status)] += 1
    return found


ATTACKS: dict[str, Callable[[Target], Counter[str]]] = {
    "documents of many small values": documents,
    "hostile pictures": pictures,
    "batches of hostile pictures": batches_of_pictures,
    "two batches of 64 pairs": honest_batches,
    "headers without end": headers,
    "idle connections": idle,
    "unfinished batches": unfinished,
    "clients that hang up": hang_ups,
    "guessed tokens": wrong_tokens,
}


def all_at_once(target: Target, names: Iterable[str]) -> dict[str, Counter[str]]:
    """Run attacks side by side, and say how each was answered."""
    found: dict[str, Counter[str]] = {}

    def run(name: str) -> None:
        found[name] = ATTACKS[name](target)

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
