"""The quality of a face as it goes over the wire; its fields are the components that are measured."""

from typing import Any

from pydantic import BaseModel, Field, create_model

from service.faces.quality.components import COMPONENTS

_FIELDS: dict[str, Any] = {
    component.name: (float | None, Field(description=component.meaning)) for component in COMPONENTS
}

QualityComponentsAnswer = create_model(
    "QualityComponentsAnswer",
    __doc__="Components after ISO/IEC 29794-5, 0 to 100 each, higher is better; null where one cannot be measured.",
    **_FIELDS,
)


class QualityAnswer(BaseModel):
    """How good a picture of a face is."""

    unified: float | None = Field(
        description="0 to 100, from the embedding's norm: 75 is a median picture of the people that the anchor set was "
        "calibrated on, 25 the poorest of a hundred. Null where it was calibrated without its people's norms."
    )
    components: QualityComponentsAnswer | None = Field(description="Null with detail=basic.")
