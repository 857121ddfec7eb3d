"""How an anchor bundle is built."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.anchors.steps import AnchorSteps
from models.degrade.copies import CopyPlan
from service.bundle.writer import refuse_existing
from service.scoring.methods import find_method
from service.scoring.parameters import Parameters

StoredType = Literal["float16", "float32"]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a bundle is built.

    Attributes:
        parameters: k, tau and strength of the bundle.
        default_method: the method of a request that names none.
        stored_type: type in which the embeddings are stored.
        seed: chooses the golden pairs.
        description: what the images are, in the builder's words.
        plan: which crops are made of each image.
        steps: what is done to the embeddings as a set.
    """

    parameters: Parameters = field(default_factory=Parameters)
    default_method: str = "ida-r"
    stored_type: StoredType = "float16"
    seed: int = 0
    description: str = ""
    plan: CopyPlan = field(default_factory=CopyPlan)
    steps: AnchorSteps = field(default_factory=AnchorSteps)

    @property
    def least(self) -> int:
        """Anchors that a bundle needs: k for a support set, two for a golden pair."""
        return max(self.parameters.k, 2)

    def check(self, out: Path) -> None:
        """Refuse at once what would fail only after every image was embedded.

        Raises:
            BundleExists: if the bundle's folder is there already.
            UnknownMethod: if the default method does not exist.
        """
        refuse_existing(out)
        find_method(self.default_method)
