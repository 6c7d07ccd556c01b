"""Some of the attributes of a data set."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from modgan.component import UnknownName
from modgan.data.images import AttributeImages
from modgan.data.order import draw


class Fewer:
    """`data` with some of its attributes."""

    def __init__(self, data: AttributeImages, names: Sequence[str]) -> None:
        for name in names:
            if name not in data.attributes:
                raise UnknownName("attribute", name, data.attributes)
        self.data, self.attributes = data, {name: data.attributes[name] for name in names}
        self.columns = [list(data.attributes).index(name) for name in names]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture, labels = self.data[index]
        return picture, labels[self.columns]

    def order(self, position: int, count: int, seed: int) -> Tensor:
        """As `data` is best read."""
        return draw(self.data, position, count, seed)
