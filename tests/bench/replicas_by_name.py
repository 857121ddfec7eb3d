"""A DNS server of one name, so that nginx finds replicas here as it finds them in a network of containers."""

import socket
import struct
import threading
from collections.abc import Callable

NAME = "replicas.test"
_ANSWER = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4)  # the question's name; A, IN, to be kept for 1 s, 4 bytes
_IPV4 = 1


class NameServer:
    """Answers each question for an IPv4 address with the addresses that a function gives then."""

    def __init__(self, addresses: Callable[[], list[str]]) -> None:
        """Start to answer, in a thread of its own."""
        self._addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, sender = self._socket.recvfrom(512)
            except OSError:
                return
            end = question.index(b"\0", 12) + 5  # behind the name: its end, and the type and class asked for
            kind = struct.unpack(">H", question[end - 4 : end - 2])[0]
            found = self._addresses() if kind == _IPV4 else []
            header = question[:2] + struct.pack(">HHHHH", 0x8580, 1, len(found), 0, 0)
            answers = b"".join(_ANSWER + socket.inet_aton(address) for address in found)
            self._socket.sendto(header + question[12:end] + answers, sender)
