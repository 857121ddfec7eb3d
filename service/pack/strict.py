"""What the documents of packs and of their parts are parsed by."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen model that refuses a field it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
