"""Run the Dockerfile's steps by hand, where no Docker engine is at hand.

    python3 deploy/check_image_steps.py [--variant cpu] [--python python3.12]

Every instruction is carried out in one temporary folder that stands for the image's root: COPY copies, RUN runs the
same command line with the image's paths moved into that folder, ENV and USER hold for what follows them. Then the
entry point is started as the image would start it, its health check is run until it succeeds, and SIGTERM must end it.
The list of what is in the image must name what is installed, and the labels must say what it is.

What this does not show: the base images, their Python and their system libraries (this machine's are used), the
accounts that groupadd and useradd make (the numeric id is used instead), a file system that is read-only throughout
(the files belong to another user instead), and anything of a GPU.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

REPOSITORY = Path(__file__).parents[1]
IMAGE_PATHS = re.compile(r"(?<![\w.-])/(opt|src|var/lib/ida-verify)\b")
START_LIMIT_S = 120
STOP_LIMIT_S = 30


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile as its keyword and the rest of its line."""
    text = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword:
            yield keyword.upper(), rest.strip()


def labels(rest: str, arguments: Mapping[str, str]) -> dict[str, str]:
    """Return what a LABEL instruction says, the build's arguments filled in."""
    pairs = (pair.partition("=") for pair in shlex.split(rest))
    return {name: re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], value) for name, _, value in pairs}


@dataclass
class Image:
    """The image so far: its root folder, and what ARG, ENV, WORKDIR, USER and the exec forms said."""

    root: Path
    variant: str
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = Path("/")
    user: int | None = None
    programs: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def moved(self, text: str) -> str:
        """Return a command line or value with the image's paths moved into the root folder."""
        return IMAGE_PATHS.sub(rf"{self.root}/\1", text)

    def start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        """Start a program as the image's user, in its environment."""
        return subprocess.Popen(
            arguments,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
        )

    def carry_out(self, keyword: str, rest: str) -> None:
        """Carry out one instruction."""
        print(f"== {keyword} {rest}", flush=True)
        match keyword:
            case "FROM":
                # The machine's environment says how pip reaches its index.
                ours = ("IDA_", "PYTHON", "VIRTUAL_ENV")
                self.environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
                self.folder, self.user = self.root, None
            case "ARG":
                name, _, value = rest.partition("=")
                self.environment[name] = self.variant if name == "VARIANT" else value
            case "ENV":
                for pair in shlex.split(rest):
                    name, _, value = pair.partition("=")
                    self.environment[name] = self.moved(Template(value).safe_substitute(self.environment))
            case "WORKDIR":
                self.folder = Path(self.moved(rest))
                self.folder.mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(rest)
            case "RUN":
                self._run(re.sub(r"--mount=\S+\s+", "", rest))
            case "USER":
                self._become(int(rest.partition(":")[0]))
            case "ENTRYPOINT" | "CMD" | "HEALTHCHECK":
                self.programs[keyword] = json.loads(rest[rest.index("[") :])
            case "LABEL":
                self.labels |= labels(rest, self.environment)
            case "EXPOSE":
                pass
            case _:
                raise SystemExit(f"{keyword} is an instruction that this script does not know.")

    def _copy(self, rest: str) -> None:
        if rest.startswith("--from="):
            return  # all stages share the root folder, and each file has the same path in all of them
        *sources, destination = rest.split()
        for source in sources:
            target = self.folder / destination
            if (REPOSITORY / source).is_dir():
                shutil.copytree(REPOSITORY / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(REPOSITORY / source, target)

    def _run(self, line: str) -> None:
        if line.startswith("groupadd"):
            print("   left out: it would add an account to this machine")
            return
        if line.startswith("install -d -o") and os.geteuid() != 0:
            line = re.sub(r"-[og] \d+ ", "", line)  # only root can give files away
        status = self.start(["/bin/sh", "-c", self.moved(line)]).wait()
        if status != 0:
            raise SystemExit(f"RUN {line} ended with status {status}.")

    def _become(self, user: int) -> None:
        if os.geteuid() != 0:
            print("   left out: only root can become another user")
            return
        self.user = user
        # An interpreter in a home folder, as pyenv's is, may be closed to every other user.
        if self.start([f"{self.root}/opt/ida-verify/venv/bin/python3", "-c", ""]).wait() != 0:
            raise SystemExit(f"User {user} cannot run this Python. Name one that every user can, as /usr/bin/python3.")

    def check_bill_of_materials(self) -> None:
        """Compare the image's list of packages (CycloneDX) with the packages that its Python has.

        Raises:
            SystemExit: if one is missing in it, or has another version.
        """
        bill = json.loads((self.root / "opt/ida-verify/sbom.cdx.json").read_text("utf-8"))
        if bill.get("bomFormat") != "CycloneDX":
            raise SystemExit("sbom.cdx.json is no CycloneDX document.")
        listed = {(entry["name"].lower(), entry["version"]) for entry in bill["components"]}
        listed.add((bill["metadata"]["component"]["name"].lower(), bill["metadata"]["component"]["version"]))
        script = "import importlib.metadata as m; [print(d.name.lower(), d.version) for d in m.distributions()]"
        command = [f"{self.root}/opt/ida-verify/venv/bin/python3", "-c", script]
        told = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", env={}).stdout
        missing = {(name, version) for name, version in map(str.split, told.splitlines())} - listed
        if missing:
            raise SystemExit(f"sbom.cdx.json does not list {sorted(missing)}.")
        print(f"   sbom.cdx.json lists all {len(told.splitlines())} packages", flush=True)

    def check_labels(self) -> None:
        """Compare the labels with what was built.

        Raises:
            SystemExit: if the version is not the installed one's, or no list of packages is where they say.
        """
        script = "import importlib.metadata as m; print(m.version('ida-verify'))"
        command = [f"{self.root}/opt/ida-verify/venv/bin/python3", "-c", script]
        installed = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", env={}).stdout.strip()
        version = self.labels["org.opencontainers.image.version"]
        if version != f"{installed}-{self.variant}":
            raise SystemExit(f"The label says version {version}, and {installed} for {self.variant} is installed.")
        if not Path(self.moved(self.labels["io.ida-verify.sbom"])).is_file():
            raise SystemExit("The label io.ida-verify.sbom names no file of the image.")
        print(f"   labelled {version}", flush=True)

    def serve(self) -> None:
        """Start the entry point, wait until the health check succeeds, and stop it.

        Raises:
            SystemExit: if it does not become healthy, or does not end when told to.
        """
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.environment |= {"IDA_HOST": "127.0.0.1", "IDA_PORT": str(port)}
        command = self.programs["ENTRYPOINT"] + self.programs["CMD"]
        health_check = ["/bin/sh", "-c", f"{shlex.join(self.programs['HEALTHCHECK'])} 2>/dev/null"]
        print(f"== {shlex.join(command)} (port {port})", flush=True)
        began = time.monotonic()
        service = self.start(command)
        try:
            while self.start(health_check).wait() != 0:
                if service.poll() is not None or time.monotonic() - began > START_LIMIT_S:
                    raise SystemExit("The service did not become healthy.")
                time.sleep(0.5)
            print(f"   healthy after {time.monotonic() - began:.1f} s", flush=True)
            service.send_signal(signal.SIGTERM)
            status = service.wait(timeout=STOP_LIMIT_S)
            if status not in (0, -signal.SIGTERM):
                raise SystemExit(f"The service ended with status {status}.")
        finally:
            if service.poll() is None:
                service.kill()
                service.wait()


def main() -> None:
    """Build, check and serve in a temporary folder, which is removed afterwards."""
    parser = argparse.ArgumentParser(description="Run the Dockerfile's steps by hand.")
    parser.add_argument("--variant", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--python", default="python3", help="stands for the base image's python3")
    arguments = parser.parse_args()
    base = subprocess.run(
        [arguments.python, "-c", "import sys; print(sys.base_prefix)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    os.environ["PATH"] = f"{base}/bin:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="ida-verify-image-") as folder:
        root = Path(folder).resolve()
        root.chmod(0o755)  # the image's user must be able to enter it
        image = Image(root, arguments.variant)
        for keyword, rest in instructions((REPOSITORY / "Dockerfile").read_text("utf-8")):
            image.carry_out(keyword, rest)
        image.check_bill_of_materials()
        image.check_labels()
        image.serve()
    print("Every step of the Dockerfile succeeded.")


if __name__ == "__main__":
    main()
