"""Every setting of the service, each an environment variable with the prefix ``IDA_``.

This module and ``settings_in_force`` alone read the environment.
"""

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal, Self, get_args

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.choices import DamagedImages, Device, FacePolicy, Gates, GpuEngine, LivenessPolicy, Peer, QualityPolicy
from service.errors import SettingsInvalid
from service.faults import faults
from service.scoring.parameters import Strength, SupportSize, Tau

AnchorSearch = Literal["on", "off"]
Joining = Literal["auto", "on", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]

DEFAULT_BUNDLE = Path(__file__).parent / "bundle" / "default"
SHIPPED_BUNDLE = Path("default")
"""In the place of a bundle's folder: ``DEFAULT_BUNDLE``. ``./default`` is a folder of that name."""
NO_BUNDLE = Path("none")
"""In the place of a bundle's folder: none, so that cosine alone is served until an anchor set is activated."""
DEFAULT_PACK = "opencv-sface"


PREFIX = "IDA_"
"""Of every setting's environment variable."""

# One slash is enough, since people mistype.
_URL_BUT_FILE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*:/")


_OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# As browsers send it.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class Settings(BaseSettings):
    """Frozen settings; an unknown value or one out of range is an error at start-up."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # it may be a secret
    )

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("ida-verify", appauthor=False)),
        description="Folder that holds the pulled model packs; the platform's data folder by default.",
    )
    pack: str = Field(default=DEFAULT_PACK, description="Name of the model pack to serve.")
    bundle: Path = Field(
        default=DEFAULT_BUNDLE,
        description="Folder of the anchor set that is served while none was activated: generation 0; by default the "
        "one shipped for the pack, and where there is none, cosine alone is served. default: the one "
        "shipped; none: cosine alone.",
    )
    store: str = Field(
        default="",
        description="Where anchor sets and activations are kept: a folder, which must be there, or a URL such as "
        "s3://bucket/prefix, gs:// or az:// with the store's own variables (AWS_ACCESS_KEY_ID and so on); "
        "the folder store in IDA_HOME by default.",
    )
    cache: Path | None = Field(
        default=None,
        description="Folder of local copies of the anchor sets served last, and of the embeddings that the tools keep; "
        "cache in IDA_HOME by default.",
    )
    watch_interval: float = Field(
        default=5, ge=0.05, le=3600, description="Seconds between two looks at the store for a newer activation."
    )
    watch_jitter: float = Field(
        default=0.2, ge=0, le=1, description="Share of the interval by which a look may come earlier or later."
    )
    replica: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._:-]{0,128}$",
        description="This replica's name in the store; its host's name and port by default.",
    )
    revision: str = Field(
        default="unknown",
        pattern=r"^[A-Za-z0-9._+-]{1,64}$",
        description="Revision of the code, as `/info`, `ida_build_info` and `ida-verify --version` tell it beside the "
        "version; images carry it from the build argument REVISION.",
    )
    admin_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Token of the admin API, of 16 characters or more; without one it is off.",
    )
    admin_token_file: Path | None = Field(
        default=None,
        description="File of tokens of the admin API, one a line: name:token, name:read:token or name:write:token; "
        "or one bare token.",
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="File of the callers' keys, which `ida-verify keys new` makes: each request then needs one, as "
        "Authorization: Bearer KEY. Without it anybody is answered.",
    )
    audit_log: str = Field(
        default="",
        max_length=4096,
        description="Where a line of JSON is written for each pair that is scored and each face that is embedded, "
        "before it is answered: a file, or stdout. Without it there is no audit log.",
    )
    audit_log_bytes: int = Field(
        default=100 * 1024**2,
        ge=1024,
        description="Size at which that file is turned over: it becomes NAME.1, that NAME.2 and so on.",
    )
    audit_log_files: int = Field(
        default=10, ge=2, le=10_000, description="How many of those files are kept, with the one that is written now."
    )
    audit_digest_key_file: Path | None = Field(
        default=None,
        description="File of a secret of 32 bytes or more: the audit log then holds digests of the inputs, keyed by "
        "it. Without it there are none.",
    )
    cors_origins: str = Field(
        default="",
        max_length=4096,
        description="Origins whose pages may ask from a browser, such as https://shop.example,https://bank.example. "
        "By default none may.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="File of the certificate to show, PEM with the chain behind it: HTTPS is spoken then, on both "
        "ports. Read again when it changes.",
    )
    tls_key: Path | None = Field(default=None, description="File of its private key, PEM, not encrypted.")
    tls_client_ca: Path | None = Field(
        default=None,
        description="File of certificates, PEM: whoever asks on the main port must show a certificate that one of "
        "these signed.",
    )
    bundle_keys: Path | None = Field(
        default=None,
        description="File of a public key, or folder of .pub files: only anchor sets that one of these signed are "
        "taken. Without it they need no signature.",
    )
    receipt_key_file: Path | None = Field(
        default=None,
        description="File of a private key (`ida-verify anchors keygen`) by which the answers of /verify are signed; "
        "without it they are not.",
    )
    admin_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="A port of its own for the admin API and /metrics, which then are not on the main one.",
    )
    max_bundle_bytes: int = Field(
        default=2 * 1024**3,
        ge=1024,
        description="Largest anchor set that may be uploaded, packed or unpacked, in bytes.",
    )
    retention_count: int = Field(
        default=5, ge=1, description="How many of the anchor sets active last cannot be deleted."
    )
    retention_seconds: int = Field(
        default=3600, ge=0, description="For how long an anchor set cannot be deleted after it was pushed or active."
    )
    drain_seconds: float = Field(
        default=0,
        ge=0,
        le=600,
        description="Seconds for which a service that was told to stop still answers, and /readyz says that it drains.",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    device: Device = Field(
        default="cpu", description="Where the models run: cpu or cuda. A device that is missing is a start-up error."
    )
    gpu_engine: GpuEngine = Field(
        default="cuda",
        description="What runs the models on a GPU: cuda, cuda-graphs (one captured graph for each size of batch) or "
        "tensorrt (builds its engines at the first start, minutes, and keeps them in IDA_CACHE).",
    )
    join_requests: Joining = Field(
        default="auto",
        description="Whether faces of several requests share a run of the backbone: on, off, or auto (on a GPU).",
    )
    batch_buckets: str = Field(
        default="",
        pattern=r"^([1-9][0-9]{0,3}(,[1-9][0-9]{0,3}){0,15})?$",
        description="The only sizes of batches, such as 1,4,16; a batch is filled up to the next. By default any up to "
        "4 on a CPU, and 1,2,4,8,16,32,64 on a GPU.",
    )
    batch_delay_ms: float = Field(
        default=2,
        ge=0,
        le=1000,
        description="Milliseconds for which a run waits at most for other requests, where the last runs had several; "
        "a lone caller never waits.",
    )
    anchor_device: Device = Field(
        default="cpu", description="Where the anchor index lives: cpu or cuda (needs faiss-gpu)."
    )
    anchor_search: AnchorSearch = Field(
        default="on",
        description="on, or off: then neither anchors nor index stay in memory, and cosine and ida-l alone are served; "
        "the anchor set needs an SSR head.",
    )
    density_cache: int = Field(
        default=10_000,
        ge=0,
        le=10_000_000,
        description="Faces whose densities are kept while the anchor set is served, so that one that comes again is "
        "not searched again; some 700 bytes each, 0 for none. The metric ida_density_lookups_total says whether it "
        "is worth it.",
    )
    agreement_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of ida-l traffic whose densities are also searched, to watch how far the two agree; 0 for "
        "none.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Threads of one run of a network; 0: in the service the CPUs over the workers, 1 as a rule; in the "
        "tools all CPUs.",
    )
    workers: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Requests that compute at the same time; 0: the CPUs that this process may use, its container's "
        "quota included.",
    )
    queue: int = Field(
        default=32, ge=0, le=100_000, description="Requests that may wait for a worker; who comes beyond gets 429."
    )
    deadline_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Seconds within which a request must arrive and be answered, unless its header X-Deadline-Seconds "
        "says fewer.",
    )
    max_connections: int = Field(
        default=512,
        ge=1,
        le=100_000,
        description="Connections at the same time; beyond it the one idle for longest is closed. Fewer where the "
        "process may not open so many descriptors.",
    )
    header_seconds: float = Field(
        default=10, gt=0, le=600, description="Seconds within which a request's headers must arrive."
    )
    max_bodies: int = Field(
        default=128, ge=1, le=100_000, description="Requests whose bodies are held in memory at the same time."
    )
    max_body_bytes: int = Field(
        default=256 * 1024 * 1024, ge=1024, description="Bytes of all those bodies together; who comes beyond gets 429."
    )
    max_batch: int = Field(default=64, ge=1, le=4096, description="Most pairs or faces of one batch.")
    max_embedding_pairs: int = Field(
        default=4096, ge=1, le=65_536, description="Most pairs of embeddings of one batch in bytes."
    )
    k: SupportSize | None = Field(
        default=None,
        description="Support set size; the anchor set's own by default. With a k or tau that its SSR head was not "
        "trained for, ida-l is not served.",
    )
    tau: Tau | None = Field(default=None, description="Tau of Eq. 4; the anchor set's own by default.")
    strength: Strength | None = Field(
        default=None,
        description="Strength a of the density term; the anchor set's own by default (1: the paper).",
    )
    operating_point: str = Field(
        default="fmr_1e-4",
        max_length=64,
        description="Operating point of a request that names none. If it is set, an anchor set without it is refused; "
        "if it is set empty, such a request gets no decision.",
    )
    face_policy: FacePolicy = Field(
        default="prominent",
        description="Which of several faces is compared: prominent (by score, size and place together), "
        "largest, most_central or reject.",
    )
    quality_policy: QualityPolicy = Field(
        default="decide",
        description="What becomes of a pair with a face beyond the limits of the calibrated people: report (it is "
        "decided all the same), gate (422 low_quality) or decide (inconclusive in place of match, and no rate).",
    )
    liveness_policy: LivenessPolicy = Field(
        default="off",
        description="Whether the liveness part looks at photographs for presentation attacks: off, report (told with "
        "the face) or require (inconclusive in place of match where the probe is not shown to be live). A request may "
        "ask for a stricter one.",
    )
    min_face_pixels: int = Field(
        default=Gates.min_face_pixels,
        ge=1,
        description="Smallest face that is embedded: the shorter side of its box, in pixels.",
    )
    max_image_bytes: int = Field(
        default=Gates.max_image_bytes,
        ge=1024,
        description="Largest image file accepted, in bytes, checked before decoding.",
    )
    max_image_pixels: int = Field(
        default=Gates.max_image_pixels,
        ge=112 * 112,
        le=170_000_000,
        description="Largest image accepted, in pixels, checked before decoding: of a JPEG as cameras write it.",
    )
    max_full_image_pixels: int = Field(
        default=Gates.max_full_image_pixels,
        ge=112 * 112,
        le=85_000_000,  # above 89 million Pillow warns
        description="Largest image that is held whole while it is decoded, in pixels: any but a JPEG of one scan that "
        "is not CMYK. A PNG of 16-bit colours, an AVIF in one piece and a HEIC of more than 8 bits may have half.",
    )
    max_image_side: int = Field(
        default=Gates.max_image_side,
        ge=112,
        le=32_000,  # of which OpenCV can still cut a patch
        description="Longest width or height of an image, in pixels.",
    )
    damaged_images: DamagedImages = Field(
        default=Gates.damaged_images,
        description="What becomes of a JPEG with damaged data, of which libjpeg warns: refuse (image_undecodable), or "
        "accept what it still shows, which may be scored as another face.",
    )
    log_level: LogLevel = Field(
        default="info", description="Least level that is logged: debug, info, warning or error."
    )
    log_pairs: bool = Field(
        default=False,
        description="Whether each scored pair is logged: score and measures of both faces, numbers alone, for "
        "`ida-verify drift`.",
    )
    page: Literal["on", "off"] = Field(
        default="on",
        description="The page at / on which people compare two pictures in their browser: on, or off. It is never on "
        "the port of IDA_ADMIN_PORT.",
    )
    compat: str = Field(
        default="",
        max_length=256,
        description="Whose requests are answered in their own shape besides, under /compat/NAME: of deepface, "
        "compreface, facepp, localai and oip, several separated by commas. See service/COMPAT.md.",
    )

    @field_validator(
        *("home", "bundle", "cache", "admin_token_file", "bundle_keys", "receipt_key_file"),
        *("api_keys_file", "audit_digest_key_file", "tls_certificate", "tls_key", "tls_client_ca"),
    )
    @classmethod
    def _expand_user(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()

    @field_validator("bundle", mode="before")
    @classmethod
    def _name_shipped(cls, value: object) -> object:
        return DEFAULT_BUNDLE if value == str(SHIPPED_BUNDLE) else value

    @field_validator("store")
    @classmethod
    def _is_no_broken_url(cls, value: str) -> str:
        if _URL_BUT_FILE.match(value) and re.search(r"[\s\"'<>]", value):
            raise ValueError("spaces, quotes, < and > cannot stand in a URL, percent-encode them")
        return value

    @model_validator(mode="after")
    def _one_source_of_tokens(self) -> Self:
        if self.admin_token is not None and self.admin_token_file is not None:
            raise ValueError("IDA_ADMIN_TOKEN and IDA_ADMIN_TOKEN_FILE are both set, give one of them")
        return self

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in filter(None, value.split(",")):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    "separate origins by commas, each scheme://host or scheme://host:port in small letters, without a "
                    "path; * is none"
                )
        return value

    @field_validator("compat")
    @classmethod
    def _are_peers(cls, value: str) -> str:
        names = [name.strip() for name in value.split(",") if name.strip()]
        if not set(names) <= set(get_args(Peer)):
            raise ValueError(f"separate names by commas, each one of {', '.join(get_args(Peer))}")
        return ",".join(dict.fromkeys(names))

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("IDA_TLS_CERTIFICATE and IDA_TLS_KEY go together, give both")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("IDA_TLS_CLIENT_CA takes IDA_TLS_CERTIFICATE and IDA_TLS_KEY too")
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins whose pages may ask from a browser."""
        return tuple(filter(None, self.cors_origins.split(",")))

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Whose requests are answered in their own shape."""
        asked = self.compat.split(",")
        return tuple(name for name in get_args(Peer) if name in asked)

    @property
    def gates(self) -> Gates:
        """What a picture must pass to be embedded."""
        return Gates(**{gate.name: getattr(self, gate.name) for gate in fields(Gates)})

    @property
    def buckets(self) -> tuple[int, ...]:
        """The only sizes of batches, ascending; none for the device's own."""
        return tuple(sorted({int(size) for size in self.batch_buckets.split(",") if size}))

    @property
    def joins_requests(self) -> bool:
        """Whether faces of several requests share a run."""
        return self.join_requests == "on" or (self.join_requests == "auto" and self.device == "cuda")

    @property
    def store_location(self) -> str:
        """Folder or URL of the store."""
        return self.store or str(self.home / "store")

    @property
    def replica_name(self) -> str:
        """This replica's name in the store."""
        return self.replica or f"{socket.gethostname()}:{self.port}"

    @property
    def cache_folder(self) -> Path:
        """Where local copies of bundles lie."""
        return self.home / "cache" if self.cache is None else self.cache


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; keyword arguments that are not None win over it.

    Raises:
        SettingsInvalid: naming each variable that cannot be used and why.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        reasons = faults(error, most=len(Settings.model_fields), place=_variable)
        raise SettingsInvalid(f"{reasons}. Correct or unset these environment variables.") from error


def traces_are_asked_for() -> bool:
    """Return whether OpenTelemetry's own variables ask for traces.

    Raises:
        SettingsInvalid: if they ask for a way of sending them that is not there.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if exporter not in ("", "none", "otlp"):
        raise SettingsInvalid(f"OTEL_TRACES_EXPORTER: {exporter[:40]!r} is not there; otlp and none are.")
    if exporter == "none" or not (exporter or any(os.environ.get(name) for name in _OTLP_ENDPOINTS)):
        return False
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if os.environ.get(name, "http/protobuf") != "http/protobuf":
            raise SettingsInvalid(f"{name}: http/protobuf alone is there; point to the collector's port for it (4318).")
    return True


def _variable(place: Sequence[int | str]) -> str:
    return f"IDA_{'_'.join(map(str, place)).upper()}" if place else ""
