"""Every setting of the service, each an environment variable with the prefix ``IDA_``.

This is the only module that reads the environment.
"""

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.errors import SettingsInvalid

Device = Literal["cpu", "cuda"]
FacePolicy = Literal["largest", "most_central", "reject"]
AnchorSearch = Literal["on", "off"]
LogLevel = Literal["debug", "info", "warning", "error"]

DEFAULT_BUNDLE = Path(__file__).parent / "bundle" / "default"
DEFAULT_PACK = "faceplugin-mobilefacenet"


class Settings(BaseSettings):
    """Frozen settings; an unknown value or one out of range is an error at start-up."""

    model_config = SettingsConfigDict(env_prefix="IDA_", frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("ida-verify", appauthor=False)),
        description="Folder that holds the pulled model packs; the platform's data folder by default.",
    )
    pack: str = Field(default=DEFAULT_PACK, description="Name of the model pack to serve.")
    bundle: Path = Field(default=DEFAULT_BUNDLE, description="Folder of the anchor bundle to serve.")
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on.")
    device: Device = Field(
        default="cpu", description="Where the models run: cpu or cuda. A device that is missing is a start-up error."
    )
    anchor_device: Device = Field(
        default="cpu", description="Where the anchor index lives: cpu or cuda (needs faiss-gpu)."
    )
    anchor_search: AnchorSearch = Field(
        default="on",
        description="on, or off: then neither anchors nor index stay in memory, and cosine and ida-l alone are served.",
    )
    agreement_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Share of ida-l traffic whose densities are also searched, to watch how far the two agree.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Threads of one backbone run; 0 takes the number of CPUs this process may use.",
    )
    workers: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Requests that compute at the same time; 0 takes the number of CPUs this process may use.",
    )
    k: int | None = Field(default=None, ge=1, description="Support set size; the bundle's own (10) by default.")
    tau: float | None = Field(default=None, gt=0, le=100, description="Tau of Eq. 4; the bundle's own (1) by default.")
    strength: float | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Strength a of the density term; the bundle's own by default (1: the paper).",
    )
    face_policy: FacePolicy = Field(
        default="largest", description="Which of several faces is compared: largest, most_central or reject."
    )
    min_face_pixels: int = Field(
        default=20, ge=1, description="Smallest face that is embedded: the shorter side of its box, in pixels."
    )
    max_image_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1024, description="Largest image file accepted, in bytes, checked before decoding."
    )
    max_image_pixels: int = Field(
        default=40_000_000, ge=112 * 112, description="Largest image accepted, in pixels, checked before decoding."
    )
    log_level: LogLevel = Field(
        default="info", description="Least level that is logged: debug, info, warning or error."
    )

    @field_validator("home", "bundle")
    @classmethod
    def _expand_user(cls, value: Path) -> Path:
        return value.expanduser()


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; keyword arguments that are not None win over it.

    Raises:
        SettingsInvalid: naming each variable that cannot be used and why.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        reasons = "; ".join(
            f"IDA_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in error.errors()
        )
        raise SettingsInvalid(f"{reasons}. Correct or unset these environment variables.") from error
