"""The numbers that scores depend on besides the faces and the anchors."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SupportSize = Annotated[int, Field(ge=1)]
Tau = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Strength = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Guard = Annotated[float, Field(gt=-1, le=1)]


class Parameters(BaseModel):
    """Parameters of every method; those of Eq. 4 are the paper's by default. Never changes.

    Attributes:
        k: anchors in a support set, 1 or more.
        tau: inverse temperature of the similarities, above 0.
        strength: exponent of the summed densities, 0 or more; 1 is Eq. 4 and 0 leaves the cosine's order.
        cohort: anchors nearest to a face whose mean and spread as-norm takes, half of all anchors at most.
            300 is what speaker verification, where the method is at home, uses.
        guard: anchors at least this similar to a face are taken for its own person and left out; None leaves out none.
        norm_power: p in F / ||f||^p: by how much the density of a face falls with the length of what the backbone gave
            for it; 0 is the paper's, whose embeddings have none.
        typical_norm: the length that counts as 1, and stands for that of a face whose length is not known.
        pfe_strength: the strength of pfe+ida-r, whose similarity is the mutual likelihood.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    k: SupportSize = 10
    tau: Tau = 1.0
    strength: Strength = 1.0
    cohort: Annotated[int, Field(ge=1)] = 300
    guard: Guard | None = None
    norm_power: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    typical_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    pfe_strength: Strength = 1.0

    def changed(self, **values: float | None) -> "Parameters":
        """Return these parameters, some with other values.

        Raises:
            ValidationError: if a value is out of its range.
        """
        return Parameters.model_validate({**self.model_dump(), **values})


class StatedParameters(Parameters):
    """Parameters as a document states them beside other things: those of Eq. 4 are never left out."""

    k: SupportSize
    tau: Tau
    strength: Strength

    @property
    def parameters(self) -> Parameters:
        """The parameters alone."""
        return Parameters(**{name: getattr(self, name) for name in Parameters.model_fields})
