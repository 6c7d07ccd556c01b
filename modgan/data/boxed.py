"""Pictures of objects in boxes, held in memory and cut out anew in every step.

A box is (y1, x1, y2, x2) in pixels, y down; y2 and x2 are the first row and column outside it.
Axes: N pictures, B batch, A attributes, H W positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor

from modgan.data.images import DataError, decoded, normalise, to_tensor
from modgan.data.table import some

Box = tuple[int, int, int, int]
SPARE = 76 / 64  # how much larger than a crop the picture is that it is cut from, as in FineGAN


class Sample(NamedTuple):
    """A picture as it is in its file, with what is known about it."""

    picture: Image.Image  # RGB, any size
    box: Box | None  # of the object; None where nobody knows
    labels: tuple[int, ...]  # a label index per attribute
    where: str  # names the picture in errors


class Samples(Protocol):
    """A data set of pictures of any size with boxes, or all without."""

    attributes: dict[str, tuple[str, ...]]  # attribute name -> its labels

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample:
        """Picture `index`."""
        ...


class Batch(NamedTuple):
    """What a step of training sees; pictures are float32 in -1..1."""

    objects: Tensor  # (B, 3, size, size)
    fulls: Tensor  # (B, 3, side, side)
    boxes: Tensor | None  # int64 (B, 4) in the fulls; all 0 where the crop missed the object
    labels: Tensor  # int64 (B, A)
    which: Tensor  # int64 (B,), the index of the picture
    mirrored: Tensor  # bool (B,), whether the full one is


class Boxed:
    """Pictures for FineGAN: objects cut out along their boxes, and full pictures for backgrounds.

    The object is in the square of `around` times the longer side of its box, where the picture
    holds it; None, and a picture without a box, make the whole picture the object. Object and
    picture are resized until their short sides are `spare` times `size` and `side` (None: as
    `size`), and held as uint8: about 3 (spare size)² bytes each, and once where they are the same.
    `draw` cuts random crops of them and mirrors half; where objects are whole pictures of the same
    size, both are the same crop. Pictures that are smaller are enlarged, down to half of what is
    asked for; how many, `enlarged` says. With `spare` 1 and square pictures of that
    size nothing is resized or cut, as drawn pictures want it. By index come the objects' central
    crops with their labels, so that this is a data set of labelled pictures as well.

    Of pictures without boxes, `boxes` is None in every batch: which patches are background is not
    known, and a loss that asks may count all of them as that, or none.
    """

    boxes: Tensor | None  # float32 (N, 4), in the full pictures as they are held
    enlarged: int  # pictures

    def __init__(
        self,
        data: Samples,
        size: int = 64,
        side: int | None = None,
        around: float | None = 1.5,
        spare: float = SPARE,
        workers: int = 0,
        progress: bool = False,
    ) -> None:
        if len(data) == 0:
            raise DataError("Boxed: the data set is empty")
        self.size, self.side = size, side or size
        self.attributes = data.attributes
        cut = _Cut(data, size, self.side, around, spare)
        held = list(zip(*decoded(cut, workers, progress), strict=True))
        objects, self._fulls, boxes, labels, small = (
            [torch.from_numpy(a) for a in of] for of in held
        )
        self._objects = objects if cut.apart else self._fulls
        self.labels = torch.stack(labels)
        self.boxes, self.enlarged = _together(boxes), int(torch.stack(small).sum())

    def __len__(self) -> int:
        return len(self._fulls)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """The middle of an object, uint8 (3, size, size), and its labels, int64 (A,)."""
        top, left = ((n - self.size) // 2 for n in self._objects[index].shape[1:])
        window = self._objects[index][:, top : top + self.size, left : left + self.size]
        return window, self.labels[index]

    def draw(self, indices: Tensor | Sequence[int], rng: torch.Generator) -> Batch:
        """Crops of the pictures at `indices`, mirrored or not: a function of its arguments."""
        index = torch.as_tensor(indices, dtype=torch.int64).cpu()
        lots = torch.rand((2, len(index), 3), generator=rng)
        objects = [self._objects[i] for i in index.tolist()]
        fulls = [self._fulls[i] for i in index.tolist()]
        corners = crop_corners(fulls, self.side, lots[1])
        mirrored, boxes = lots[1, :, 2] < 0.5, None
        if self.boxes is not None:
            boxes = shifted(self.boxes[index], corners, mirrored, self.side)
        whole = cropped(fulls, self.side, corners, mirrored)
        cut = whole
        if self._objects is not self._fulls or self.size != self.side:
            at = crop_corners(objects, self.size, lots[0])
            cut = cropped(objects, self.size, at, lots[0, :, 2] < 0.5)
        return Batch(cut, whole, boxes, self.labels[index], index, mirrored)


def square(box: Box, around: float, width: int, height: int) -> Box:
    """The square around a box that a picture of `width` x `height` holds, as FineGAN cuts it.

    It reaches int(around / 2 · longer side) pixels from the middle of the box to all sides, and
    ends where the picture does.
    """
    y1, x1, y2, x2 = box
    reach = max(1, int(max(y2 - y1, x2 - x1) * around / 2))
    y, x = (y1 + y2) // 2, (x1 + x2) // 2
    return max(0, y - reach), max(0, x - reach), min(height, y + reach), min(width, x + reach)


def shifted(boxes: Tensor, corners: Tensor, mirrored: Tensor, side: int) -> Tensor:
    """Boxes (B, 4) as they lie in crops of `side`² whose corners (B, 2) are (y, x), int64.

    Rounded outwards and cut off at the edges of the crop, then `mirrored` (B,) from left to right.
    """
    moved = boxes - corners.repeat(1, 2)
    inside = torch.cat([moved[:, :2].floor(), moved[:, 2:].ceil()], 1).clamp(0, side).long()
    inside = inside * (inside[:, :2] < inside[:, 2:]).all(1, keepdim=True)
    y1, x1, y2, x2 = inside.unbind(1)
    found = (x1 < x2).long()
    turned = torch.stack([y1, (side - x2) * found, y2, (side - x1) * found], 1)
    return torch.where(mirrored[:, None], turned, inside)


def crop_corners(pictures: Sequence[Tensor], size: int, lots: Tensor) -> Tensor:
    """Where crops of `size` begin, int64 (B, 2), every place equally likely.

    `lots` (B, 2 or more) are drawn from [0, 1), the first two for y and x.
    """
    room = torch.tensor([[n - size + 1 for n in picture.shape[1:]] for picture in pictures])
    return (lots[:, :2] * room).long()


def cropped(pictures: Sequence[Tensor], size: int, corners: Tensor, mirrored: Tensor) -> Tensor:
    """Squares of pictures uint8 (3, H, W), as float32 (B, 3, size, size) in -1..1.

    Their `corners` (B, 2) are (y, x), int64; those `mirrored` (B,) are turned from left to right.
    """
    crops = torch.stack(
        [
            picture[:, y : y + size, x : x + size]
            for picture, (y, x) in zip(pictures, corners.tolist(), strict=True)
        ]
    )
    crops = torch.where(mirrored[:, None, None, None], crops.flip(3), crops)
    return normalise(crops).contiguous(memory_format=torch.channels_last)


def _together(boxes: Sequence[Tensor]) -> Tensor | None:
    """All boxes, or None if there are none."""
    without = [index for index, box in enumerate(boxes) if len(box) == 0]
    if len(without) == len(boxes):
        return None
    if without:
        raise DataError(
            f"Boxed: {len(without)} of {len(boxes)} pictures have no box: {some(without)}; "
            "give all of them boxes, or none"
        )
    return torch.stack(list(boxes))


class _Cut:
    """Object, full picture, box, labels and whether it was enlarged, as they are held, by index."""

    def __init__(
        self, data: Samples, size: int, side: int, around: float | None, spare: float
    ) -> None:
        if min(size, side) < 1 or spare < 1 or (around is not None and around <= 0):
            raise ValueError(
                f"Boxed: expected size and side of at least 1 pixel, spare of at least 1 and "
                f"around above 0, got {size}, {side}, {spare} and {around}"
            )
        self.data, self.size, self.side, self.around, self.spare = data, size, side, around, spare
        self.apart = size != side or around is not None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Both pictures uint8 (3, H, W), the box float32 (4,) or (0,), labels int64 (A,), bool."""
        picture, box, labels, where = self.data.sample(index)
        small = _small(picture, max(self.size, self.side), where)
        full = resized(picture, int(self.side * self.spare))
        place = torch.empty(0)
        if box is not None:
            scale = (full.height / picture.height, full.width / picture.width)
            place = torch.tensor(box, dtype=torch.float32) * torch.tensor(scale * 2)
        whole = torch.tensor(labels, dtype=torch.int64)
        return self._object(picture, box), to_tensor(full), place, whole, torch.tensor(small)

    def _object(self, picture: Image.Image, box: Box | None) -> Tensor:
        if not self.apart:
            return torch.empty(0, dtype=torch.uint8)
        if box is not None and self.around is not None:
            y1, x1, y2, x2 = square(box, self.around, *picture.size)
            picture = picture.crop((x1, y1, x2, y2))
        return to_tensor(resized(picture, int(self.size * self.spare)))


def _small(picture: Image.Image, least: int, where: str) -> bool:
    """Whether a picture is to be enlarged; not to more than twice its size."""
    if 2 * min(picture.size) < least:
        raise DataError(
            f"{where}: is {picture.width}x{picture.height}, less than half of the {least} pixels "
            "asked for; ask for smaller ones, or take the picture out"
        )
    return min(picture.size) < least


def resized(picture: Image.Image, short: int) -> Image.Image:
    """The picture with its short side so long, its shape kept."""
    least = min(picture.size)
    if least == short:
        return picture
    width, height = (n * short // least for n in picture.size)
    return picture.resize((width, height), Image.Resampling.BILINEAR)
