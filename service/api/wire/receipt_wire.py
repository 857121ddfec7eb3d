"""What an answer has for whoever keeps it: the embeddings that were compared, and the service's signature."""

from typing import Literal

from pydantic import BaseModel, Field


class KeptEmbedding(BaseModel):
    """An embedding that was compared."""

    embedding: list[float] = Field(description="Of unit norm, to the last digit of a float32.")
    norm: float | None = Field(description="Length of what the backbone gave; null where it is not known.")


class EmbeddingsAnswer(BaseModel):
    """The embeddings that were compared: biometric data."""

    probe: KeptEmbedding
    reference: KeptEmbedding | list[KeptEmbedding | None] = Field(
        description="A list where the reference was one, null for a picture that could not be used."
    )


class DigestAnswer(BaseModel):
    """What a receipt says of an embedding."""

    sha256: str = Field(description="Of the values of unit norm as little-endian float32.")
    norm: float | None = Field(description="Length of what the backbone gave; null where it is not known.")


class DigestsAnswer(BaseModel):
    """What a receipt says of the embeddings that were compared."""

    probe: DigestAnswer
    reference: DigestAnswer | list[DigestAnswer | None] = Field(
        description="A list where the reference was one, null for a picture that could not be used."
    )


class ReceiptAnswer(BaseModel):
    """The service's signature over the answer, in the canonical form of RFC 8785, without `embeddings`."""

    format: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    key_id: str = Field(description="16 hex digits of the sha256 of the public key.")
    embeddings: DigestsAnswer
    signature: str = Field(description="In base64; over everything else in the answer but `embeddings`.")
