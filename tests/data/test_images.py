"""Pictures of every kind people have are opened, and bad ones named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from modgan.data.images import (
    Cached,
    DataError,
    batch,
    cached,
    fit,
    mask_image,
    normalise,
    open_image,
    sheet,
    to_image,
    to_tensor,
    to_uint8,
)


class Squares:
    """Picture i is of grey value i."""

    attributes = {"parity": ("even", "odd"), "low": ("no", "yes")}  # noqa: RUF012

    def __init__(self, count: int = 5, grows: bool = False) -> None:
        self.count, self.grows = count, grows

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        side = 4 + index * self.grows
        picture = torch.full((3, side, side), index, dtype=torch.uint8)
        return picture, torch.tensor([index % 2, int(index < 2)])


def pixel(image: Image.Image) -> object:
    assert image.mode == "RGB"
    return image.getpixel((0, 0))


def test_opens_every_mode(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 128).save(tmp_path / "grey.png")
    Image.new("1", (4, 4), 1).save(tmp_path / "bits.png")
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (4, 4), (255, 0, 0, 255)).save(tmp_path / "solid.png")
    Image.new("LA", (4, 4), (0, 51)).save(tmp_path / "la.png")
    Image.new("RGB", (4, 4), (1, 2, 3)).quantize(4).save(tmp_path / "palette.png")
    Image.new("P", (4, 4), 0).save(tmp_path / "gone.gif", transparency=0)
    Image.new("CMYK", (4, 4), (0, 0, 0, 0)).save(tmp_path / "print.jpg")
    found = {path.stem: pixel(open_image(path)) for path in tmp_path.iterdir()}
    assert found == {
        "grey": (128, 128, 128),
        "bits": (255, 255, 255),
        "clear": (255, 255, 255),
        "solid": (255, 0, 0),
        "la": (204, 204, 204),
        "palette": (1, 2, 3),
        "gone": (255, 255, 255),
        "print": (255, 255, 255),
    }


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 100], [65535, 128]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "deep.tif")
    for source in (tmp_path / "deep.png", tmp_path / "deep.tif", values):
        assert np.array(open_image(source))[..., 0].tolist() == [[0, 100], [255, 0]]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    image.save(tmp_path / "side.jpg", exif=exif)
    image.save(tmp_path / "side.tif", exif=exif)
    assert open_image(tmp_path / "side.jpg").size == (4, 6)
    assert open_image(str(tmp_path / "side.tif")).size == (4, 6)


def test_opens_pictures_and_arrays() -> None:
    assert pixel(open_image(Image.new("L", (2, 2), 9))) == (9, 9, 9)
    assert pixel(open_image(np.full((2, 2, 3), 7, np.uint8))) == (7, 7, 7)
    assert pixel(open_image(np.zeros((2, 2, 4), np.uint8))) == (255, 255, 255)
    assert open_image(np.zeros((2, 3), np.uint8)).size == (3, 2)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 4, 4), np.float32), np.zeros((3, 8, 8), np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    text = f"expected uint8 (H, W), .* got {array.dtype} {re.escape(str(array.shape))}"
    with pytest.raises(DataError, match=text.replace("(H, W)", r"\(H, W\)")):
        open_image(array)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif"])
def test_truncated_pictures_are_named(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    path = tmp_path / f"half.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"half\.{suffix}: cannot be read .*fetch or save"):
        open_image(path)


def test_what_is_no_picture_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.png").write_text("<html>not found</html>")
    (tmp_path / "plain.ppm").write_bytes(b"P6 4x 4 255 ")  # Pillow raises ValueError on it
    (tmp_path / "empty.jpg").touch()
    Image.new("F", (2, 2)).save(tmp_path / "float.tif")
    with pytest.raises(DataError, match=r"page\.png: .*no picture format that Pillow knows"):
        open_image(tmp_path / "page.png")
    with pytest.raises(DataError, match=r"plain\.ppm: cannot be read"):
        open_image(tmp_path / "plain.ppm")
    with pytest.raises(DataError, match=r"empty\.jpg: cannot be read"):
        open_image(tmp_path / "empty.jpg")
    with pytest.raises(DataError, match=r"float\.tif: .*save it with 8 or 16 bits"):
        open_image(tmp_path / "float.tif")
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        open_image(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match=r"picture: cannot be read .*conversion from La "):
        open_image(Image.new("La", (2, 2)))
    with pytest.raises(DataError, match="grey values -1 to -1, expected 0 to 65535"):
        open_image(Image.new("I", (2, 2), -1))
    Image.new("L", (40, 40)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"bomb\.png: .*1600 pixels"):
        open_image(tmp_path / "bomb.png")


def test_fit_takes_the_centre() -> None:
    wide = Image.new("RGB", (12, 4), "red")
    wide.paste("blue", (4, 0, 8, 4))
    assert np.unique(np.array(fit(wide, 2)).reshape(-1, 3), axis=0).tolist() == [[0, 0, 255]]
    assert fit(wide.rotate(90, expand=True), 9).size == (9, 9)
    assert fit(Image.new("RGB", (1, 1)), 5).size == (5, 5)


def test_fit_is_antialiased() -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 255
    small = np.array(fit(open_image(board.astype(np.uint8)), 8))
    assert abs(small.astype(int) - 127).max() <= 3
    with pytest.raises(ValueError, match="at least 1 pixel, got 0"):
        fit(Image.new("RGB", (4, 4)), 0)


def test_values_return_exactly() -> None:
    values = torch.arange(256, dtype=torch.uint8)
    floats = normalise(values)
    assert (floats[0], floats[-1]) == (-1, 1)
    assert torch.equal(to_uint8(floats), values)
    assert to_uint8(torch.tensor([-3.0, 2.0, 0.0])).tolist() == [0, 255, 128]
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(2, 4, 3))
    tensor = to_tensor(image)
    assert tensor.shape == (3, 2, 4)
    assert to_image(normalise(tensor)).tobytes() == image.tobytes()


def test_wrong_tensors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected uint8, got torch\.float32"):
        normalise(torch.zeros(3))
    with pytest.raises(ValueError, match=r"expected floats in \[-1, 1\], got torch\.uint8"):
        to_uint8(torch.zeros(3, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"expected \(3, H, W\), got \(1, 3, 2, 2\)"):
        to_image(torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match=r"expected \(1, H, W\), got \(3, 2, 2\)"):
        mask_image(torch.zeros(3, 2, 2))
    with pytest.raises(ValueError, match="expected mode RGB, got L"):
        to_tensor(Image.new("L", (2, 2)))


def test_mask_image() -> None:
    mask = mask_image(torch.tensor([[[0.0, 1.0]]], requires_grad=True))
    assert mask.mode == "L"
    assert np.array(mask).tolist() == [[0, 255]]


def test_sheet_places_pictures() -> None:
    red, grey = Image.new("RGB", (4, 4), "red"), Image.new("L", (4, 4), 7)
    page = sheet([[red, grey], [grey]], scale=2, gap=3)
    assert page.size == (3 + 8 + 3 + 8 + 3, 3 + 8 + 3 + 8 + 3)
    assert page.getpixel((3, 3)) == (255, 0, 0)
    assert page.getpixel((10, 10)) == (255, 0, 0)
    assert page.getpixel((14, 3)) == page.getpixel((3, 14)) == (7, 7, 7)
    assert page.getpixel((11, 3)) == page.getpixel((14, 14)) == (255, 255, 255)


def test_sheet_titles_are_drawn_and_never_cut() -> None:
    white = Image.new("RGB", (16, 16), "white")
    page = sheet([[white, white]], titles=("a", "a very long title"))
    dark = np.argwhere(np.array(page)[..., 0] < 128)
    assert page.width > 60
    assert 0 < dark[:, 0].min() and dark[:, 0].max() < page.height - 16
    assert dark[:, 1].max() < page.width - 2
    with pytest.raises(ValueError, match="1 titles for 2 columns"):
        sheet([[white, white]], titles=("a",))
    with pytest.raises(ValueError, match="no pictures"):
        sheet([[]])
    with pytest.raises(ValueError, match="scale >= 1"):
        sheet([[white]], scale=0)


@pytest.mark.parametrize("data", [Squares(), Cached(Squares())])
def test_batch(data: Squares | Cached) -> None:
    for indices in ([3, 0], torch.tensor([3, 0])):
        pictures, labels = batch(data, indices)
        assert pictures.shape == (2, 3, 4, 4)
        assert pictures.dtype == torch.float32
        assert torch.equal(pictures[1], -torch.ones(3, 4, 4))
        assert labels.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"expected a list of indices, got shape \(0,\)"):
        batch(data, [])


def test_cached_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    held = Cached(Squares(), progress=True)
    assert "decoding" in capsys.readouterr().err
    assert held.attributes == Squares.attributes
    assert cached(held) is held
    assert len(held) == 5
    for index in range(5):
        for ours, theirs in zip(held[index], Squares()[index], strict=True):
            assert torch.equal(ours, theirs)


def test_workers_read_the_same() -> None:
    held = cached(Squares(70), workers=1)
    assert torch.equal(held.images, cached(Squares(70)).images)


def test_cached_refuses_sizes_that_differ() -> None:
    with pytest.raises(DataError, match=r"picture 1 is \(3, 5, 5\), picture 0 \(3, 4, 4\)"):
        Cached(Squares(grows=True))
    with pytest.raises(DataError, match="is empty"):
        Cached(Squares(0))


class Torn(Squares):
    """Pictures 0 and 3 cannot be read."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index in (0, 3):
            raise DataError(f"picture {index} is torn")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1])
def test_cached_names_all_that_cannot_be_read(workers: int) -> None:
    with pytest.raises(DataError) as caught:
        Cached(Torn(), workers)
    text = "2 of 5 pictures cannot be used:\n  picture 0 is torn\n  picture 3 is torn"
    assert str(caught.value) == text
