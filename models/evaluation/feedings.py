"""The ways in which a backbone may want its crops: colour orders and scales that networks are trained with."""

from dataclasses import dataclass

from service.pack import BackboneFile, Colour, Preprocessing

# torchvision's means and deviations of ImageNet, for pixels of 0..255, in the order red, green, blue.
_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_SCALE = (58.395, 57.12, 57.375)

_Numbers = float | tuple[float, float, float]

_SCALES: tuple[tuple[_Numbers, _Numbers], ...] = (
    (127.5, 127.5),
    (127.5, 128.0),
    (0.0, 1.0),
    (0.0, 255.0),
    (_IMAGENET_MEAN, _IMAGENET_SCALE),
)


@dataclass(frozen=True, slots=True)
class Feeding:
    """One way to feed a backbone.

    Attributes:
        file: of the backbone.
        preprocessing: the way.
        is_own: whether the pack says so.
    """

    file: str
    preprocessing: Preprocessing
    is_own: bool

    @property
    def in_words(self) -> str:
        """Colour order and scale, as a table has them."""
        fed = self.preprocessing
        return f"{fed.colour}, ({_told(fed.mean)}) / ({_told(fed.scale)})"


def feedings_of(part: BackboneFile) -> tuple[Feeding, ...]:
    """Return the ways to try, the pack's own first."""
    own = part.preprocessing
    colours: tuple[Colour, ...] = ("grey",) if own.colour == "grey" else ("rgb", "bgr")
    found = [own]
    for colour in colours:
        for mean, scale in _SCALES:
            if colour == "grey" and isinstance(mean, tuple):
                continue
            # Mean and scale are those of the channels in the network's order.
            ordered = (mean, scale) if colour != "bgr" else (_reversed(mean), _reversed(scale))
            fed = Preprocessing(width=own.width, height=own.height, colour=colour, mean=ordered[0], scale=ordered[1])
            if fed != own:
                found.append(fed)
    return tuple(Feeding(part.file, fed, fed == own) for fed in found)


def _reversed(values: _Numbers) -> _Numbers:
    return (values[2], values[1], values[0]) if isinstance(values, tuple) else values


def _told(values: _Numbers) -> str:
    return ", ".join(f"{value:g}" for value in (values if isinstance(values, tuple) else (values,)))
