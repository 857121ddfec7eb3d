"""A recipe of degradations: a TOML file of operations in their order."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from models.bounded import parse_toml, read_bounded
from models.degrade.misplacement import Drift, Misplace
from models.degrade.operations import ImageOperation, VariantName
from models.degrade.photograph import Photograph
from models.tool_errors import RecipeInvalid
from service.arrays import Floats32
from service.faults import faults

DEFAULT_RECIPE = "default"
NO_RECIPE = "none"
RECIPE_BYTES = 256 * 1024

Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AnyOperation = Annotated[ImageOperation | Misplace | Drift, Field(discriminator="kind")]


class Recipe(BaseModel):
    """What is done to a photograph to make a degraded copy of it.

    Attributes:
        format: version of the file's form.
        name: what the recipe is called.
        description: what it is for.
        variants: kinds of copies by name, each with its share of them; none where all copies are of one kind.
        operations: in their order: those on the photograph, then at most one ``misplace``, then at most one ``drift``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: str = ""
    variants: dict[VariantName, Share] = {}
    operations: tuple[AnyOperation, ...] = ()

    @model_validator(mode="after")
    def _order_holds(self) -> "Recipe":
        stages = [1 if isinstance(o, Misplace) else 2 if isinstance(o, Drift) else 0 for o in self.operations]
        if stages != sorted(stages) or stages.count(1) > 1 or stages.count(2) > 1:
            raise ValueError("operations on the photograph come first, then at most one misplace, then one drift")
        return self

    @model_validator(mode="after")
    def _variants_are_known(self) -> "Recipe":
        for operation in self.operations:
            for name in operation.variants:
                if name not in self.variants:
                    there_are = ", ".join(self.variants) or "none"
                    raise ValueError(f"{operation.kind} is for the variant {name}, and the recipe's are: {there_are}")
        return self

    def degrade(self, photograph: Photograph, key: tuple[int, ...]) -> Photograph:
        """Return a degraded copy of a photograph, its box misplaced where the recipe says so.

        Args:
            photograph: as it is.
            key: what the copy's randomness follows from; equal keys give equal copies.
        """
        for operation, generator in self._drawn(key):
            if not isinstance(operation, Drift):
                photograph = operation.apply(photograph, generator)
        return photograph

    def drift(self, landmarks: Floats32, key: tuple[int, ...]) -> Floats32:
        """Return the landmarks (5, 2) of the copy of the same key, moved where the recipe says so."""
        for operation, generator in self._drawn(key):
            if isinstance(operation, Drift):
                landmarks = operation.move(landmarks, generator)
        return landmarks

    def as_json(self) -> dict[str, JsonValue]:
        """Return the recipe for a record of what was done."""
        said: dict[str, JsonValue] = self.model_dump(mode="json")
        return said

    def _drawn(self, key: tuple[int, ...]) -> Iterator[tuple[AnyOperation, np.random.Generator]]:
        """Give the operations that chance lets happen, each with its own stream."""
        variant = self._variant(key)
        seen: Counter[str] = Counter()
        for operation in self.operations:
            # Named by kind and occurrence: adding another operation leaves the draws of this one as they were.
            stream = _digest(f"{operation.kind}/{seen[operation.kind]}")
            seen[operation.kind] += 1
            generator = np.random.default_rng((*key, stream))
            if generator.random() < operation.probability and (not operation.variants or variant in operation.variants):
                yield operation, generator

    def _variant(self, key: tuple[int, ...]) -> str | None:
        """Return the kind of a copy, drawn by the shares."""
        if not self.variants:
            return None
        shares = np.array(list(self.variants.values()))
        drawn = np.random.default_rng((*key, _digest("variant"))).random()
        # The last one's end is 1 but for rounding, and random() may come close to it.
        place = min(int(np.searchsorted(np.cumsum(shares / shares.sum()), drawn, side="right")), len(shares) - 1)
        return list(self.variants)[place]


def copy_key(seed: int, name: str, copy: int) -> tuple[int, ...]:
    """Return what a copy's randomness follows from: the seed, the photograph's name and the copy's number."""
    return seed, _digest(name), copy


def find_recipe(name: str) -> Recipe | None:
    """Return the recipe of a name or a file: ``default`` is the shipped one, ``none`` is None.

    Raises:
        RecipeInvalid: if there is no such file, or it is no recipe, naming the field.
    """
    if name == NO_RECIPE:
        return None
    if name == DEFAULT_RECIPE:
        return parse_recipe(files(__package__).joinpath("default.toml").read_bytes(), "the default recipe")
    path = Path(name)
    try:
        return parse_recipe(read_bounded(path, RECIPE_BYTES), str(path))
    except ValueError as error:
        raise RecipeInvalid(f"{name} is no recipe: {error}.") from error
    except OSError as error:
        raise RecipeInvalid(
            f"The recipe {name} cannot be read ({error.strerror}): give a TOML file, '{DEFAULT_RECIPE}' or "
            f"'{NO_RECIPE}'."
        ) from error


def parse_recipe(content: bytes, where: str) -> Recipe:
    """Return the recipe that a TOML file holds.

    Raises:
        RecipeInvalid: if it holds none, naming the field.
    """
    try:
        return Recipe.model_validate(parse_toml(content))
    except ValidationError as error:
        raise RecipeInvalid(f"{where} is no recipe: {faults(error)}.") from error
    except ValueError as error:
        raise RecipeInvalid(f"{where} is no TOML file: {error}.") from error


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")
