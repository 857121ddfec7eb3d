"""The head as PyTorch trains it: two fully connected layers with ReLU between them."""

from dataclasses import dataclass

import torch


@dataclass(slots=True, eq=False)
class Layers:
    """Both layers, from (n, d) to (n,). For one thread.

    Attributes:
        first: from an embedding to the hidden values.
        second: from those to one number.
    """

    first: torch.nn.Linear
    second: torch.nn.Linear

    @classmethod
    def new(cls, dimension: int, hidden: int) -> "Layers":
        """Return layers whose weights say nothing yet; see ``set_first_weights``."""
        return cls(torch.nn.Linear(dimension, hidden), torch.nn.Linear(hidden, 1))

    def to(self, device: torch.device) -> "Layers":
        """Return the layers on a device."""
        return Layers(self.first.to(device), self.second.to(device))

    def hidden(self, points: torch.Tensor) -> torch.Tensor:
        """Return the values between the layers, (n, h), of points (n, d)."""
        return torch.relu(self.first(points))

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """Return what the head says of points (n, d): (n,), on the scale of the standardised target."""
        said: torch.Tensor = self.second(self.hidden(points))[:, 0]
        return said

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return the weights."""
        return [*self.first.parameters(), *self.second.parameters()]
