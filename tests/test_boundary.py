"""`graph.apply`: what people may give, what they get back, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modgan.component import Component, UnknownName
from modgan.components import ConvGenerator, ConvReconstructor, StarTranslator
from modgan.data.boundary import label_index, walk
from modgan.data.images import DataError, fit, normalise, open_image, to_image, to_tensor
from modgan.graph import Graph
from modgan.spec import FeatureSpec, InterfaceError, flags, image
from modgan.zoo import compose

SIZE = 16


@pytest.fixture
def graph(parts: dict[str, Component]) -> Graph:
    return compose(["E", "T_hair", "T_smile", "R"], parts)


@pytest.fixture
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def generator() -> Graph:
    feature = FeatureSpec(8, 4, 4, "digits@test")
    parts: dict[str, Component] = {
        "G": ConvGenerator(feature, "digit", ("zero", "one", "two"), n_z=4),
        "R": ConvReconstructor(feature, image(SIZE)),
    }
    return compose(["G", "R"], parts)


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.mode == b.mode and a.size == b.size and a.tobytes() == b.tobytes()


def test_path_picture_array_and_tensor_give_the_same(
    graph: Graph, picture: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "face.png"
    picture.save(path)
    sources = [str(path), path, picture, np.array(picture)]
    results = [graph.apply(image=s, hair="red", smile="no")["image"] for s in sources]
    tensor = normalise(to_tensor(picture))[None]
    results += graph.apply(image=tensor, hair="red", smile="no")["image"]
    assert len(results) == 5 and all(same(results[0], other) for other in results)
    code = {"hair": torch.eye(3)[2:], "smile": torch.eye(2)[:1]}
    raw = graph(image=tensor, **code)["image"][0]
    pixels = torch.from_numpy(np.array(results[0])).permute(2, 0, 1)
    assert torch.equal(pixels, ((raw + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))


def test_pictures_and_masks_come_back(graph: Graph, picture: Image.Image) -> None:
    out = graph.apply(image=picture, hair="blond", smile="yes")
    assert set(out) == {"image", "mask_hair", "mask_smile"}
    assert (out["image"].mode, out["image"].size) == ("RGB", (SIZE, SIZE))
    assert (out["mask_hair"].mode, out["mask_hair"].size) == ("L", (4, 4))


@pytest.mark.parametrize("size", [(40, 24), (24, 40), (7, 9), (SIZE, SIZE)])
def test_pictures_of_any_shape_are_fitted(graph: Graph, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    given = Image.fromarray(pixels)
    codes = {"hair": "red", "smile": "no"}
    expected = graph.apply(image=fit(given, SIZE), **codes)["image"]
    assert same(graph.apply(image=given, **codes)["image"], expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "LA"])
def test_pictures_of_any_mode_are_read(graph: Graph, picture: Image.Image, mode: str) -> None:
    given = picture.convert(mode)
    codes = {"hair": "red", "smile": "no"}
    expected = graph.apply(image=open_image(given), **codes)["image"]
    assert same(graph.apply(image=given, **codes)["image"], expected)
    grey = np.array(picture.convert("L"))
    assert same(
        graph.apply(image=grey, **codes)["image"],
        graph.apply(image=np.stack([grey] * 3, -1), **codes)["image"],
    )


def test_transparency_lies_over_white(graph: Graph) -> None:
    codes = {"hair": "red", "smile": "no"}
    clear = graph.apply(image=Image.new("RGBA", (SIZE, SIZE), (9, 9, 9, 0)), **codes)["image"]
    assert same(clear, graph.apply(image=Image.new("RGB", (SIZE, SIZE), "white"), **codes)["image"])


def test_lists_make_batches_and_single_values_serve_them_all(
    graph: Graph, picture: Image.Image
) -> None:
    flipped = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    out = graph.apply(image=[picture, flipped], hair=["red", "blond"], smile="yes")
    first = graph.apply(image=picture, hair="red", smile="yes")
    second = graph.apply(image=flipped, hair="blond", smile="yes")
    assert [len(value) for value in out.values()] == [2, 2, 2]
    close(out["image"], [first["image"], second["image"]])
    one_face = graph.apply(image=picture, hair=("red", "blond", "black"), smile=["yes"])
    assert len(one_face["image"]) == 3
    close(one_face["image"][:1], [first["image"]])


def close(a: list[Image.Image], b: list[Image.Image]) -> None:
    """Equal up to one grey value: sums in batches of another size may round differently."""
    for left, right in zip(a, b, strict=True):
        assert np.abs(np.array(left, int) - np.array(right, int)).max() <= 1


def test_labels_by_name_or_position(graph: Graph, picture: Image.Image) -> None:
    named = graph.apply(image=picture, hair="blond", smile="yes")["image"]
    assert same(graph.apply(image=picture, hair=1, smile=1)["image"], named)
    assert not same(graph.apply(image=picture, hair=0, smile=1)["image"], named)
    assert label_index("hair", "b", ("a", "b")) == 1


@pytest.mark.parametrize(
    ("values", "kind", "text"),
    [
        ({"image": 0, "hair": "red"}, InterfaceError, "missing 'smile': one of no, yes, or None"),
        (
            {"hair": "blnd", "smile": "no"},
            UnknownName,
            "no label of 'hair' named 'blnd'.\n  did you mean 'blond'.\n  known: black, blond, red",
        ),
        ({"hair": True, "smile": "no"}, UnknownName, "no label of 'hair' named 'True'"),
        ({"hair": 3, "smile": "no"}, InterfaceError, "label 3 is out of range, there are 3: black"),
        ({"hair": -1, "smile": "no"}, InterfaceError, "label -1 is out of range"),
        ({"hair": ["red", None], "smile": "no"}, UnknownName, "label of 'hair' named 'None'"),
        ({"hair": [], "smile": "no"}, InterfaceError, "lists of one length.*got 0 of 'hair'"),
        (
            {"hair": ["red"] * 2, "smile": ["no"] * 3},
            InterfaceError,
            "lists of one length are needed, got 2 of 'hair', 3 of 'smile'",
        ),
        ({"hair": torch.zeros(2), "smile": "no"}, InterfaceError, r"'hair': expects \(B, 3\)"),
        ({"hair": torch.tensor(1.0), "smile": "no"}, InterfaceError, r"of onehot:hair, gets \(\)"),
        (
            {"hair": [torch.zeros(2), "red"], "smile": "no"},
            InterfaceError,
            r"'hair': expects \(B, 3\) of 3 of onehot:hair, gets \(1, 2\)",
        ),
        (
            {"image": torch.zeros(1, 3, 8, 8), "hair": 0, "smile": 0},
            InterfaceError,
            r"input 'image': expects \(B, 3, 16, 16\).*gets \(1, 3, 8, 8\)",
        ),
        (
            {"image": torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "hair": 0, "smile": 0},
            InterfaceError,
            "input 'image': expects a floating point tensor, gets torch.uint8",
        ),
        ({"image": "nowhere.png", "hair": 0, "smile": 0}, DataError, "nowhere.png: no such file"),
        (
            {"image": np.zeros((4, 4, 3)), "hair": 0, "smile": 0},
            DataError,
            r"array: expected uint8.*got float64 \(4, 4, 3\)",
        ),
        ({"image": None, "hair": 0, "smile": 0}, InterfaceError, "'E: .*' cannot be skipped: it"),
    ],
)
def test_what_is_refused(
    graph: Graph, picture: Image.Image, values: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        graph.apply(**{"image": picture, **values})


def test_a_text_file_is_no_picture(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_text("not a picture")
    with pytest.raises(
        DataError, match=r"face.png: cannot be read as a picture .*no picture forma"
    ):
        graph.apply(image=path, hair="red", smile="no")


def test_noise_by_seed(generator: Graph) -> None:
    one = generator.apply(z=7, digit="two")["image"]
    assert same(one, generator.apply(z=7, digit="two")["image"])
    assert not same(one, generator.apply(z=8, digit="two")["image"])
    noise = torch.randn(1, 4, generator=torch.Generator().manual_seed(7))
    assert same(one, generator.apply(z=noise, digit="two")["image"][0])
    assert same(one, generator.apply(z=[7], digit="two")["image"][0])


def test_seeds_and_batches(generator: Graph) -> None:
    digits = ["zero", "one", "two"]
    rows = generator.apply(z=7, digit=digits)["image"]
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(7))
    close(rows, generator.apply(z=noise, digit=digits)["image"])
    listed = generator.apply(z=[7, 8, 7], digit="one")["image"]
    close(listed, [generator.apply(z=seed, digit="one")["image"] for seed in (7, 8, 7)])
    assert not same(listed[0], listed[1])


def test_noise_is_a_seed_or_a_tensor(generator: Graph) -> None:
    with pytest.raises(InterfaceError, match="missing 'z': 4 of normal, or an integer seed to dra"):
        generator.apply(digit="one")
    with pytest.raises(InterfaceError, match="input 'z': expects a tensor of 4 of normal, got 'x'"):
        generator.apply(z="x", digit="one")
    with pytest.raises(InterfaceError, match="expects a tensor of 4 of normal, got True"):
        generator.apply(z=True, digit="one")


def test_drawing_noise_leaves_the_global_generator_alone(generator: Graph) -> None:
    before = torch.get_rng_state()
    generator.apply(z=7, digit="one")
    assert torch.equal(torch.get_rng_state(), before)


def test_other_values_come_back_as_tensors(parts: dict[str, Component]) -> None:
    encode = compose(["E"], parts)
    x = torch.zeros(2, 3, SIZE, SIZE)
    assert torch.equal(encode.apply(image=x)["feature"], parts["E"](x))
    single = encode.apply(image=Image.new("RGB", (SIZE, SIZE)))["feature"]
    assert single.shape == (48, 4, 4)
    with pytest.raises(
        InterfaceError, match="input 'feature': expects a tensor of 48×4×4 of faces"
    ):
        compose(["R"], parts).apply(feature=3)


def test_inputs_follow_the_type_of_the_parts(parts: dict[str, Component]) -> None:
    graph = compose(["E", "T_hair", "R"], parts).double()
    out = graph.apply(image=Image.new("RGB", (SIZE, SIZE)), hair="red")
    assert out["image"].size == (SIZE, SIZE)


# Flags


@pytest.fixture
def flagged() -> Graph:
    codes = {"labels": flags(("Bald", "Male", "Young"))}
    return compose(["F"], {"F": StarTranslator(image(SIZE), codes, channels=4, n_res=1).eval()})


def test_flags_are_the_set_of_what_is_on(flagged: Graph, picture: Image.Image) -> None:
    x = normalise(to_tensor(picture))[None]
    for given, code in [
        ({"Male", "Bald"}, [1.0, 1.0, 0.0]),
        (frozenset({"Young"}), [0.0, 0.0, 1.0]),
        (set(), [0.0, 0.0, 0.0]),
        ({1, "Young"}, [0.0, 1.0, 1.0]),
    ]:
        made = flagged.apply(image=picture, labels=given)["image"]
        raw = flagged(image=x, labels=torch.tensor([code]))
        assert same(made, to_image(raw["image"][0].detach()))


def test_lists_of_sets_make_batches(flagged: Graph, picture: Image.Image) -> None:
    out = flagged.apply(image=picture, labels=[{"Male"}, {"Young", "Bald"}])["image"]
    single = [
        flagged.apply(image=picture, labels=x)["image"] for x in ({"Male"}, {"Young", "Bald"})
    ]
    close(out, single)
    assert not same(*out)


def test_none_leaves_the_picture_as_it_is(flagged: Graph, picture: Image.Image) -> None:
    assert same(flagged.apply(image=picture, labels=None)["image"], picture)


@pytest.mark.parametrize(
    ("labels", "kind", "text"),
    [
        ("Male", InterfaceError, r"'labels': expects the set of the labels that are on, some of {"),
        (["Male"], InterfaceError, "some of {'Bald', 'Male', 'Young'}, got 'Male'"),
        (("Male", "Bald"), InterfaceError, "some of {'Bald', 'Male', 'Young'}, got 'Male'"),
        ({"Male": True}, InterfaceError, "got {'Male': True}"),
        (1, InterfaceError, "expects the set of the labels that are on, .* got 1"),
        ({"Mal", "x"}, UnknownName, "no label of 'labels' named 'Mal'.\n  did you mean 'Male'"),
        ({True}, UnknownName, "no label of 'labels' named 'True'"),
        ({3}, InterfaceError, "label 3 is out of range, there are 3: Bald, Male, Young"),
        (torch.zeros(1, 2), InterfaceError, r"'labels': expects \(B, 3\) of 3 of flags"),
    ],
)
def test_what_is_no_set_of_flags(
    flagged: Graph, picture: Image.Image, labels: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        flagged.apply(image=picture, labels=labels)


def test_missing_flags_are_listed(flagged: Graph, picture: Image.Image) -> None:
    text = "missing 'labels': the set of those that are on of Bald, Male, Young, or None to skip wh"
    with pytest.raises(InterfaceError, match=text):
        flagged.apply(image=picture)


def test_a_walk_is_as_long_on_its_way() -> None:
    a, b = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    a, b = 8 * a / a.norm(), 8 * b / b.norm()
    z = walk(a, b, 7)
    assert z.shape == (7, 64)
    torch.testing.assert_close(z[[0, -1]], torch.stack([a, b]), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.norm(dim=1), torch.full((7,), 8.0), atol=1e-4, rtol=0)
    steps = (z[1:] - z[:-1]).norm(dim=1)
    assert steps.max() - steps.min() < 1e-4


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_a_walk_without_an_arc_is_a_line(turn: float) -> None:
    a = torch.tensor([3.0, 4.0])
    middle = walk(a, turn * 2 * a, 3)[1]
    torch.testing.assert_close(middle, a * (1 + turn * 2) / 2)


@pytest.mark.parametrize(
    ("a", "b", "count"), [((4,), (5,), 3), ((1, 4), (1, 4), 3), ((4,), (4,), 1)]
)
def test_walks_that_cannot_be(a: tuple[int, ...], b: tuple[int, ...], count: int) -> None:
    with pytest.raises(InterfaceError, match=r"a walk expects two vectors .* 2 steps or more, got"):
        walk(torch.ones(a), torch.ones(b), count)


def test_a_walk_is_one_batch(generator: Graph) -> None:
    a, b = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    pictures = generator.apply(z=walk(a, b, 3), digit="one")["image"]
    assert [each.size for each in pictures] == [(SIZE, SIZE)] * 3
