"""Runs a program and tells where it connected, what it looked up and what it wrote, native code included (strace)."""

import ipaddress
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CALLS = (
    "connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat,truncate,mknod,mknodat"
)
_DNS_PORT = 53
_CALL = re.compile(r"^\d+ +(?P<call>\w+)\((?P<rest>.*)$")
_ADDRESS = re.compile(
    r'sin6?_port=htons\((?P<port>\d+)\).*?(?:inet_addr\("(?P<four>[^"]+)"\)|inet_pton\(AF_INET6, "(?P<six>[^"]+)")'
)
# A file is named by a path, or by a folder's descriptor, of which strace gives the path, and a path from there.
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?"(?P<path>(?:[^"\\]|\\.)*)"')
_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")


@dataclass(frozen=True)
class Watched:
    """What a program did.

    Attributes:
        connections: (address, port) of every socket that left this machine, or asked for a name.
        written: files and folders that it made, opened for writing, or gave another name.
    """

    connections: list[tuple[str, int]]
    written: list[Path]

    def written_outside(self, *folders: Path) -> list[Path]:
        """Return what was written neither in one of these folders nor to a device."""
        inside = [*(folder.resolve() for folder in folders), Path("/dev"), Path("/proc")]
        return [path for path in self.written if not any(path.is_relative_to(folder) for folder in inside)]


def start_watched(command: Sequence[str], environment: Mapping[str, str], *, record: Path, cwd: Path, **options):
    """Start a program under strace, which writes to the file ``record``; it ends when the program does."""
    watch = ["strace", "--follow-forks", "--seccomp-bpf", "--decode-fds=path", "--string-limit=4096", "-o", str(record)]
    return subprocess.Popen([*watch, f"--trace={_CALLS}", *command], env=environment, cwd=cwd, **options)


def read_record(record: Path) -> Watched:
    """Return what a program did that has ended."""
    connections, written = [], []
    for line in record.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if found is None or re.search(r"\) += -1 E", line):
            continue
        call, rest = found["call"], found["rest"]
        if call in {"connect", "sendto", "sendmsg", "sendmmsg"}:
            for address in _ADDRESS.finditer(rest):
                host, port = address["four"] or address["six"], int(address["port"])
                if port == _DNS_PORT or not ipaddress.ip_address(host).is_loopback:
                    connections.append((host, port))
        elif not call.startswith("open") or _WRITING.search(rest):
            written += [Path(path["folder"] or "/", path["path"]).resolve() for path in _PATH.finditer(rest)]
    return Watched(connections, written)
