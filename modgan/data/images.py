"""Pictures: open, fit, convert, batch, cache and lay out.

Axes: B batch, N pictures, A attributes, C channels, H W positions.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

# What Pillow raises on damaged bytes, by format: OSError (all), SyntaxError (EXIF), ValueError
# (PPM, JPEG 2000, a mode it cannot convert), RuntimeError (AVIF), and its own bomb error.
UNREADABLE = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)


class DataError(ValueError):
    """Bad data was found; the message names the file, and the line where there is one."""


class AttributeImages(Protocol):
    """A data set of pictures with one label per attribute, all pictures of one size."""

    attributes: dict[str, tuple[str, ...]]  # attribute name -> its labels

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture, uint8 (3, H, W), and its labels, int64 (A,), in the order of `attributes`.

        A label is its position in `attributes[name]`.
        """
        ...


def open_image(source: str | Path | Image.Image | NDArray[Any]) -> Image.Image:
    """Open a picture (of an animation the first frame) as upright RGB.

    EXIF orientation is applied, transparency is laid over white, 16 bits become 8. Arrays are
    uint8 or uint16, (H, W), (H, W, 3) or (H, W, 4).
    """
    if isinstance(source, np.ndarray):
        return _rgb(_from_array(source), "array")
    if isinstance(source, Image.Image):
        return _rgb(source, str(getattr(source, "filename", "")) or "picture")
    path = Path(source)
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path")
    try:
        image = Image.open(path)
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    with image:
        return _rgb(image, path)


def _unreadable(where: str | Path, error: Exception) -> DataError:
    if isinstance(error, UnidentifiedImageError):
        reason = "it is in no picture format that Pillow knows"
    else:
        reason = str(error)
    return DataError(
        f"{where}: cannot be read as a picture ({reason}); "
        "fetch or save the file again, or take it out of the data"
    )


def _from_array(array: NDArray[Any]) -> Image.Image:
    flat = array.ndim == 2
    colour = array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8
    if 0 in array.shape or array.dtype not in (np.uint8, np.uint16) or not (flat or colour):
        raise DataError(
            f"array: expected uint8 (H, W), (H, W, 3) or (H, W, 4), or uint16 (H, W), got "
            f"{array.dtype} {array.shape}; for a float tensor in [-1, 1] use to_image"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _rgb(image: Image.Image, where: str | Path) -> Image.Image:
    if image.mode == "F":
        raise DataError(
            f"{where}: is a floating point picture, whose black and white are unknown; "
            "save it with 8 or 16 bits"
        )
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            image = _eight_bits(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return image.convert("RGB")
    except UNREADABLE as error:
        raise _unreadable(where, error) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits (Pillow hands some of it out as 32), scaled: `convert` would clip it."""
    values = np.array(image).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ValueError(f"grey values {low} to {high}, expected 0 to 65535")
    if "transparency" in image.info:
        values[values == image.info["transparency"]] = 65535
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def fit(image: Image.Image, size: int) -> Image.Image:
    """Crop the central square and resize it, antialiased, to `size` x `size` pixels.

    Pictures of any shape are fitted, not refused: the longer side loses both its ends.
    """
    if size < 1:
        raise ValueError(f"fit: size must be at least 1 pixel, got {size}")
    if image.size == (size, size):
        return image
    # Cropped first: `resize(box=...)` would mix in pixels from outside the box at its edges.
    square = image.crop(centre(image, min(image.size)))
    # `reducing_gap` first shrinks large pictures by whole factors, several times faster.
    return square.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=3.0)


def centre(image: Image.Image, side: int) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) of the central square of `side` pixels."""
    width, height = image.size
    if not 1 <= side <= min(width, height):
        raise ValueError(f"centre: no square of {side} pixels fits in {width}x{height}")
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB picture as uint8 (3, H, W)."""
    if image.mode != "RGB":
        raise ValueError(f"to_tensor: expected mode RGB, got {image.mode}; use open_image first")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def normalise(pictures: Tensor) -> Tensor:
    """uint8 0..255 to float32 -1..1, any shape."""
    if pictures.dtype != torch.uint8:
        raise ValueError(f"normalise: expected uint8, got {pictures.dtype}; it may be done already")
    return pictures.float() / 127.5 - 1


def to_uint8(pictures: Tensor) -> Tensor:
    """float -1..1 to uint8 0..255, rounded and clamped, any shape: undoes `normalise` exactly."""
    if not pictures.is_floating_point():
        raise ValueError(f"to_uint8: expected floats in [-1, 1], got {pictures.dtype}")
    return ((pictures.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def to_image(picture: Tensor) -> Image.Image:
    """float (3, H, W) in -1..1 as an RGB picture."""
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(
            f"to_image: expected (3, H, W), got {tuple(picture.shape)}; pass one at a time"
        )
    return Image.fromarray(to_uint8(picture.detach().cpu()).permute(1, 2, 0).numpy())


def mask_image(mask: Tensor) -> Image.Image:
    """float (1, H, W) in 0..1 as a grey picture of mode L, 1 white."""
    if mask.ndim != 3 or mask.shape[0] != 1:
        raise ValueError(
            f"mask_image: expected (1, H, W), got {tuple(mask.shape)}; pass one at a time"
        )
    return Image.fromarray(to_uint8(mask.detach().cpu() * 2 - 1)[0].numpy())


def sheet(
    rows: Sequence[Sequence[Image.Image]],
    titles: Sequence[str] = (),
    scale: int = 1,
    gap: int = 2,
) -> Image.Image:
    """Lay pictures out on white in rows under column titles.

    `scale` repeats each pixel so many times; `gap` is the white between, in output pixels.
    Rows may differ in length; a column is as wide as its widest picture or title.
    """
    columns = max((len(row) for row in rows), default=0)
    if columns == 0:
        raise ValueError("sheet: no pictures")
    if titles and len(titles) != columns:
        raise ValueError(f"sheet: {len(titles)} titles for {columns} columns; give one for each")
    if scale < 1 or gap < 0:
        raise ValueError(f"sheet: expected scale >= 1 and gap >= 0, got {scale} and {gap}")
    grid = [[_enlarge(image, scale) for image in row] for row in rows]
    font = ImageFont.load_default(max(10, grid[0][0].width // 8 if grid[0] else 10))
    spans = [font.getbbox(title) for title in titles] or [(0.0, 0.0, 0.0, 0.0)] * columns
    widths = [
        max(math.ceil(spans[k][2]), *(row[k].width for row in grid if k < len(row)))
        for k in range(columns)
    ]
    heights = [max((image.height for image in row), default=0) for row in grid]
    top = gap + math.ceil(max(span[3] for span in spans)) + gap if titles else gap
    lefts, right = _starts(widths, gap, gap)
    tops, bottom = _starts(heights, top, gap)
    page = Image.new("RGB", (right, bottom), "white")
    draw = ImageDraw.Draw(page)
    for left, title in zip(lefts, titles, strict=False):
        draw.text((left, gap), title, fill="black", font=font)
    for y, row in zip(tops, grid, strict=True):
        for left, image in zip(lefts, row, strict=False):
            page.paste(image, (left, y))
    return page


def _starts(lengths: Sequence[int], first: int, gap: int) -> tuple[list[int], int]:
    """Where each of the lengths starts, a gap after the one before, and where the last gap ends."""
    starts = [first]
    for length in lengths:
        starts.append(starts[-1] + length + gap)
    return starts[:-1], starts[-1]


def _enlarge(image: Image.Image, scale: int) -> Image.Image:
    size = (image.width * scale, image.height * scale)
    return image.resize(size, Image.Resampling.NEAREST)


def batch(data: AttributeImages, indices: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pictures float32 (B, 3, H, W) in -1..1 and labels int64 (B, A) of the data at `indices`."""
    index = torch.as_tensor(indices, dtype=torch.int64).cpu()
    if index.ndim != 1 or len(index) == 0:
        raise ValueError(f"batch: expected a list of indices, got shape {tuple(index.shape)}")
    if isinstance(data, Cached):
        return normalise(data.images[index]), data.labels[index]
    pictures, labels = zip(*(data[i] for i in index.tolist()), strict=True)
    return normalise(torch.stack(pictures)), torch.stack(labels)


def other_labels(
    labels: Tensor, attributes: Mapping[str, Sequence[str]], rng: torch.Generator
) -> Tensor:
    """For every label (B, A) another one of its attribute, drawn."""
    counts = torch.tensor([len(values) for values in attributes.values()])
    return (labels + 1 + (torch.rand(labels.shape, generator=rng) * (counts - 1)).long()) % counts


def unusable(reasons: Sequence[str], count: int) -> DataError:
    """The error that names every picture of `count` that cannot be used."""
    lines = "\n  ".join(reasons)
    return DataError(f"{len(reasons)} of {count} pictures cannot be used:\n  {lines}")


class Cached:
    """Every picture of `data` decoded once: `images` uint8 (N, 3, H, W), `labels` int64 (N, A).

    Takes 3 H W bytes a picture. One error names all pictures that cannot be read. `workers`
    processes decode (0: this one); they are spawned, so a script that asks for them must keep its
    own work under `if __name__ == "__main__"`.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, data: AttributeImages, workers: int = 0, progress: bool = False) -> None:
        if len(data) == 0:
            raise DataError("Cached: the data set is empty")
        self.attributes = data.attributes
        for index, (picture, labels) in enumerate(decoded(data, workers, progress)):
            self._hold(index, len(data), picture, labels)

    def _hold(self, index: int, count: int, picture: Array, labels: Array) -> None:
        if index == 0:
            self.images = torch.empty((count, *picture.shape), dtype=torch.uint8)
            self.labels = torch.empty((count, *labels.shape), dtype=torch.int64)
        shape = tuple(self.images.shape[1:])
        if picture.shape != shape:
            raise DataError(
                f"picture {index} is {picture.shape}, picture 0 {shape}; all must have one size"
            )
        self.images[index] = torch.from_numpy(picture)
        self.labels[index] = torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.labels[index]


def cached(data: AttributeImages, workers: int = 0, progress: bool = False) -> Cached:
    """`data` held in memory; returned as it is where it already is."""
    return data if isinstance(data, Cached) else Cached(data, workers, progress)


Array = NDArray[Any]
_mine: Tensors  # the data set of a worker process, sent once instead of with each task


class Tensors(Protocol):
    """A data set whose items are tensors."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        """The tensors of one item; a DataError if it is no good."""
        ...


def decoded(data: Tensors, workers: int = 0, progress: bool = False) -> Iterator[tuple[Array, ...]]:
    """The items of `data` in order, as arrays; one error names all pictures that are no good.

    `workers` processes decode (0: this one).
    """
    items = _items(data, workers)
    bad = []
    for item in tqdm(items, "decoding", len(data), disable=not progress, unit="picture"):
        if isinstance(item, str):
            bad.append(item)
        elif not bad:  # nothing will be used once a picture is bad; the others are only tried
            yield item
    if bad:
        raise unusable(bad, len(data))


def _items(data: Tensors, workers: int) -> Iterator[tuple[Array, ...] | str]:
    if workers == 0:
        yield from (_arrays(data, index) for index in range(len(data)))
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=_keep, initargs=(data,)) as pool:
        yield from pool.map(_arrays_of_mine, range(len(data)), chunksize=64)


def _keep(data: Tensors) -> None:
    global _mine
    _mine = data
    torch.set_num_threads(1)  # the processes already fill the cores


def _arrays_of_mine(index: int) -> tuple[Array, ...] | str:
    return _arrays(_mine, index)


def _arrays(data: Tensors, index: int) -> tuple[Array, ...] | str:
    """The tensors of an item, or what is wrong with it."""
    try:
        return tuple(each.numpy() for each in data[index])
    except DataError as error:
        return str(error)
