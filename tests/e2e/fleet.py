"""Replicas of the service as processes on one store, and a proxy in front of them."""

import json
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("ida-verify")
TOKEN = "a-token-for-tests-alone"
START_SECONDS = 60.0
_PROXY = REPOSITORY / "deploy" / "proxy" / "ida-verify.conf.template"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def until(condition: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> Any:
    """Return what a condition gives once that is true.

    Raises:
        AssertionError: saying what was waited for, if it does not come true in time.
    """
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


def ask(url: str, *, verb: str = "GET", body: bytes | dict | None = None, timeout: float = 30) -> tuple[int, Any]:
    """Return the status and the document that a URL answers with; status 0 where nobody answers."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    kind = "application/json" if isinstance(body, dict) else "application/octet-stream"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
    try:
        with _DIRECT.open(urllib.request.Request(url, content, headers, method=verb), timeout=timeout) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else None
    except OSError:
        return 0, None


@dataclass
class Replica:
    """One process of the service."""

    name: str
    port: int
    environment: dict[str, str]
    log: Path
    address_space: int | None = None
    process: subprocess.Popen[bytes] | None = None
    host: str = "127.0.0.1"
    program: tuple[str | Path, ...] = (PROGRAM,)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [*self.program, "serve", "--host", self.host, "--port", str(self.port)]
            if self.address_space is not None:
                command = ["prlimit", f"--as={self.address_space}", "--", *command]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def readiness(self) -> dict[str, Any] | None:
        status, document = ask(f"{self.url}/readyz", timeout=2)
        return document if status == 200 else None

    def generation(self) -> int:
        found = self.readiness()
        return -1 if found is None else found["generation"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(40)


@dataclass
class Fleet:
    """Several replicas, and a proxy where one is wanted."""

    folder: Path
    replicas: list[Replica] = field(default_factory=list)
    proxy: subprocess.Popen[bytes] | None = None
    proxy_port: int = 0
    program: Path = PROGRAM
    address_space: int | None = None
    """Bytes of address space that each replica may have; None for no limit."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy_port}" if self.proxy else self.replicas[0].url

    def add(self, store: str, home: Path, **settings: str) -> Replica:
        """Make a replica, with a cache of its own; it is not started yet."""
        name = f"replica-{len(self.replicas)}"
        if "://" not in store:
            Path(store).mkdir(parents=True, exist_ok=True)
        # The pack is kept: it is the one of the bundles that are made here (`bundles.pipeline_of`).
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDA_") or name == "IDA_PACK"}
        environment = {
            **kept,
            "IDA_HOME": str(home),
            "IDA_STORE": store,
            "IDA_CACHE": str(self.folder / name),
            "IDA_REPLICA": name,
            "IDA_ADMIN_TOKEN": TOKEN,
            "IDA_WATCH_INTERVAL": "0.5",
            "IDA_LOG_LEVEL": "warning",
            "OMP_NUM_THREADS": "1",
            **settings,
        }
        replica = Replica(name, free_port(), environment, self.folder / f"{name}.log", self.address_space)
        self.replicas.append(replica)
        return replica

    def start(self) -> None:
        """Start all replicas and wait until they are ready."""
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            until(replica.readiness, f"{replica.name} is ready")

    def start_proxy(self, *, backend: str = "replicas", resolver: str = "127.0.0.1") -> None:
        """Start nginx with the configuration that is deployed, in front of the replicas.

        What lies in the folder ``included`` stands for what the container includes into its server.

        Args:
            backend: whom it asks: the replicas by their ports and in turns, or name:port, which is looked up.
            resolver: address of the DNS server that knows that name.
        """
        self.proxy_port = free_port()
        values = {
            "IDA_PROXY_PORT": f"127.0.0.1:{self.proxy_port}",
            "IDA_BACKEND": backend,
            "IDA_RESOLVER": resolver,
        }
        site = string.Template(_PROXY.read_text("utf-8")).safe_substitute(values)
        servers = "\n".join(f"server {replica.host}:{replica.port} max_fails=0;" for replica in self.replicas)
        text = (
            f"{'user root;' if os.geteuid() == 0 else ''} worker_processes 1; daemon off;\n"
            f"pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log warn;\n"
            "events { worker_connections 512; }\n"
            f"http {{ upstream replicas {{ {servers} keepalive 16; }}\n"
            + "".join(
                f"{kind}_temp_path {self.folder}/nginx-{kind};\n"
                for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            + site.replace("/dev/stdout", f"{self.folder}/access.log").replace(
                "/etc/nginx/ida-verify/", f"{self.folder}/included/"
            )
            + "}"
        )
        configuration = self.folder / "nginx.conf"
        configuration.write_text(text)
        self.proxy = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", configuration])
        until(lambda: ask(f"{self.url}/healthz", timeout=2)[0] == 200, "the proxy answers")

    def activate(self, bundle_id: str, *, at: int = 0, **document: Any) -> tuple[int, Any]:
        """Ask one replica to activate a bundle, which need not be calibrated."""
        return ask(
            f"{self.replicas[at].url}/admin/anchor-sets/active",
            verb="PUT",
            body={"id": bundle_id, "allow_uncalibrated": True, **document},
            timeout=120,
        )

    def follow(self, generation: int, seconds: float = START_SECONDS) -> float:
        """Wait until every replica serves a generation; return after how many seconds."""
        began = time.monotonic()
        for replica in self.replicas:
            until(lambda replica=replica: replica.generation() >= generation, f"{replica.name} follows", seconds)
        return time.monotonic() - began

    def close(self) -> None:
        """Stop everything."""
        for replica in self.replicas:
            if replica.process is not None and replica.process.poll() is None:
                replica.process.terminate()
        for replica in self.replicas:
            if replica.process is not None:
                replica.process.wait(40)
        if self.proxy is not None:
            self.proxy.send_signal(signal.SIGTERM)
            self.proxy.wait(20)
