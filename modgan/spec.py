"""What flows between components: the shape of a tensor and the meaning of its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import Tensor

LARGEST = 1 << 16  # specs also come from files: bound sizes before anything is built from them
TRAINING = "training"  # the digest of a space that is still being learned


class InterfaceError(ValueError):
    """Two components do not fit, or a tensor does not fit a component."""


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """A map (B, C, H, W) or, without height and width, a vector (B, C).

    `space` says what the numbers mean. Public spaces are words with units (`image[-1,1]`,
    `mask[0,1]`, `normal`, `onehot:hair`, `flags`, `logit`); learned ones are `name@digest`, since
    equal shapes of two trainings do not understand each other. The empty space fits everything.
    `labels` names the entries of a categorical vector.
    """

    channels: int
    height: int | None = None
    width: int | None = None
    space: str = ""
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if not all(isinstance(word, str) for word in (self.space, *self.labels)):
            raise InterfaceError(f"a spec's space and labels are words, got {self!r}")
        sizes = [self.channels] if self.is_vector else [self.channels, self.height, self.width]
        if not all(type(n) is int and 0 < n <= LARGEST for n in sizes):
            raise InterfaceError(
                f"a spec needs whole sizes from 1 to {LARGEST}, got {sizes}; "
                "give height and width for a map, neither for a vector"
            )
        if self.labels and len(set(self.labels)) != self.channels:
            raise InterfaceError(
                f"a spec with {self.channels} entries needs {self.channels} different labels, "
                f"got {', '.join(self.labels)}"
            )

    @property
    def is_vector(self) -> bool:
        """Whether tensors of this spec are (B, C)."""
        return self.height is None and self.width is None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch axis."""
        if self.height is None or self.width is None:
            return (self.channels,)
        return (self.channels, self.height, self.width)

    def mismatch(self, given: FeatureSpec) -> str:
        """Why a value of spec `given` cannot be read where this spec is expected, or ''."""
        if self.shape != given.shape:
            return f"expects {self}, gets {given}"
        if self.space and given.space and self.space != given.space:
            return f"same shape, another space: expects {self}, gets {given}"
        if self.labels and given.labels and self.labels != given.labels:
            return f"expects the labels {', '.join(self.labels)}, gets {', '.join(given.labels)}"
        return ""

    def check(self, tensor: Tensor, where: str) -> None:
        """Raise an InterfaceError naming `where` unless `tensor` is a batch of this spec."""
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            raise InterfaceError(f"{where}: expects a floating point tensor, gets {kind}")
        if tuple(tensor.shape[1:]) != self.shape or tensor.ndim != len(self.shape) + 1:
            expected = ", ".join(map(str, ("B", *self.shape)))
            got = ", ".join(map(str, tensor.shape))
            raise InterfaceError(f"{where}: expects ({expected}) of {self}, gets ({got})")

    def renamed(self, spaces: dict[str, str]) -> FeatureSpec:
        """This spec with its space replaced where `spaces` names it."""
        return replace(self, space=spaces.get(self.space, self.space))

    def to_json(self) -> dict[str, Any]:
        """Plain data without the fields at rest; `from_json` reads it back."""
        kept = {name: value for name, value in asdict(self).items() if value}
        return {**kept, "labels": list(self.labels)} if self.labels else kept

    @staticmethod
    def from_json(data: dict[str, Any]) -> FeatureSpec:
        """The spec that `to_json` wrote; unknown fields are an error."""
        known = "channels" in data and set(data) <= set(FeatureSpec.__slots__)
        if not known or not isinstance(data.get("labels", []), list):
            raise InterfaceError(f"not a spec: {data}")
        return FeatureSpec(**data)

    def __str__(self) -> str:
        size = "×".join(map(str, self.shape))
        return f"{size} of {self.space}" if self.space else size


def onehot(attribute: str, labels: tuple[str, ...] | list[str]) -> FeatureSpec:
    """The spec of one attribute's code: a 1 at the label, 0 elsewhere."""
    return FeatureSpec(len(labels), space=f"onehot:{attribute}", labels=tuple(labels))


def flags(labels: tuple[str, ...] | list[str]) -> FeatureSpec:
    """The spec of labels that are each on (1) or off (0), several at once."""
    return FeatureSpec(len(labels), space="flags", labels=tuple(labels))


def logits(labels: tuple[str, ...] | list[str]) -> FeatureSpec:
    """The spec of an unnormalised score per label."""
    return FeatureSpec(len(labels), space="logit", labels=tuple(labels))


def image(size: int, channels: int = 3) -> FeatureSpec:
    """The spec of square pictures (channels, size, size) in -1..1."""
    return FeatureSpec(channels, size, size, space="image[-1,1]")


def mask(like: FeatureSpec) -> FeatureSpec:
    """The spec of a soft mask (1, H, W) in 0..1 over the positions of a map."""
    return FeatureSpec(1, like.height, like.width, space="mask[0,1]")
