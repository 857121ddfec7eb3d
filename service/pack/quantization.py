"""What ``pack.toml`` says of a network that is served in 8 bits."""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from service.pack.strict import Strict

_MOST_TENSORS = 4096

TensorName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class Quantization(Strict):
    """In which range of values each activation of a network is rounded to a byte.

    Attributes:
        ranges: lowest and highest value by the activation's name in the network as it is stored.
    """

    ranges: dict[TensorName, tuple[Bound, Bound]] = Field(min_length=1, max_length=_MOST_TENSORS)

    @field_validator("ranges")
    @classmethod
    def _lowest_first(cls, value: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for name, (lowest, highest) in value.items():
            if not lowest < highest:
                raise ValueError(f"the range of {name} must begin below its end, and is {lowest:g} to {highest:g}")
        return value
