"""Checkpoints that cannot become zoos: one clear error each."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import State, changed, garbage, saved, star_pair, state
from torch import nn

from modgan.components import PatchEncoder
from modgan.convert import cyclegan, stargan
from modgan.convert.checkpoint import read
from modgan.spec import image
from modgan.zoo import ZooError

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def g(tmp_path: Path) -> Path:
    return saved(tmp_path / "200000-G.ckpt", state("stargan_G"))


@pytest.fixture
def cycle_g(tmp_path: Path) -> Path:
    return saved(tmp_path / "latest_net_G.pth", state("cyclegan_G"))


class Code:
    """Unpickles to a call, as harmful files do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("code ran",))


def without(key: str) -> State:
    return {k: tensor for k, tensor in state("stargan_G").items() if k != key}


def cut(path: Path, legacy: bool) -> Path:
    saved(path, state("stargan_D"), legacy)
    path.write_bytes(path.read_bytes()[: -2000 if legacy else 4000])
    return path


def pickled(path: Path) -> Path:
    path.write_bytes(pickle.dumps({"main.0.weight": Code()}, protocol=2))
    return path


UNREADABLE = [
    (garbage, r"x\.pth: cannot be read as a checkpoint of tensors alone"),
    (lambda path: garbage(path.with_suffix(".safetensors")), r"x\.safetensors: cannot be read"),
    (lambda path: cut(path, legacy=False), r"is damaged, no checkpoint, or holds code"),
    (lambda path: cut(path, legacy=True), r"is damaged, no checkpoint, or holds code"),
    (pickled, r"or holds code, which is never run; get it again, or save `model.state_dict\(\)`"),
    (lambda path: saved(path, nn.Linear(2, 2)), r"of tensors alone \(UnpicklingError\): it is"),
    (lambda path: saved(path, {"G": {}}), "expects a state dict, .* got 'G': dict; save `model"),
    (lambda path: saved(path, {"epoch": 3}), "names and their tensors, got 'epoch': int"),
    (lambda path: saved(path, {3: torch.ones(1)}), "names and their tensors, got the name 3"),
    (lambda path: saved(path, {"a": torch.ones(0)}), "got 'a': an empty tensor"),
    (lambda path: saved(path, [torch.ones(1)]), "names and their tensors, got list"),
    (lambda path: saved(path, {}), "names and their tensors, got nothing"),
    (
        lambda path: garbage(path.with_suffix(".zip")),
        r"x\.zip: expects a file \.ckpt, \.pt, \.pth or \.safetensors",
    ),
]


@pytest.mark.parametrize(("make", "text"), UNREADABLE)
@pytest.mark.parametrize("to_zoo", [stargan.to_zoo, cyclegan.to_zoo])
def test_unreadable_files(
    to_zoo: Any, make: Callable[[Path], Path], text: str, tmp_path: Path, capsys: Capture
) -> None:
    with pytest.raises(ZooError, match=text):
        to_zoo([make(tmp_path / "x.pth")])
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("official", "text"),
    [
        (
            without("main.4.bias"),
            "the star_translator that its shapes say: missing main.4.bias; un",
        ),
        (without("main.0.weight"), r"main\.0\.weight should have 4 axes, is missing"),
        (changed("stargan_G", main__0__weight=torch.ones(8)), r"4 axes, is \[8\]"),
        (
            changed("stargan_G", extra=torch.ones(1)),
            "missing nothing; unknown extra; only networks",
        ),
        (
            changed("stargan_G", main__4__bias=torch.ones(3)),
            r"main\.4\.bias should be torch.float32 \[16\], is torch.float32 \[3\]",
        ),
        (
            changed("stargan_G", main__4__bias=torch.ones(16).half()),
            r"\[16\], is torch.float16 \[16\]",
        ),
        (
            changed("stargan_G", main__0__weight=torch.ones(8, 6, 7, 7)),
            r"has 3 labels, official are 5 \(CelebA\) or 8 \(RaFD\): name them, --labels a,b,c or",
        ),
        (
            state("cyclegan_G"),
            "neither a G nor a D of StarGAN: .* got model.1.bias, model.1.weight",
        ),
        (changed("stargan_D", conv2__weight=torch.ones(5)), r"conv2\.weight should have 4 axes"),
        (
            changed("stargan_D", conv2__weight=torch.ones(5, 64, 2, 3)),
            r"conv2\.weight should be torch.float32 \[5, 64, 3, 3\], is .* \[5, 64, 2, 3\]",
        ),
        (
            changed("stargan_D", conv2__weight=torch.ones(5, 1, 1, 5000)),
            "a spec needs whole sizes from 1 to 65536, got",
        ),
    ],
)
def test_stargan_refuses(official: State, text: str, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=rf"x\.ckpt: .*{text}"):
        stargan.to_zoo([saved(tmp_path / "x.ckpt", official)])


@pytest.mark.parametrize(
    ("counts", "given", "text"),
    [
        ((3, 3), {"labels": "a,b"}, r"1-G.ckpt: has 3 labels, --labels names 2: a,b"),
        ((3, 3), {"labels": "a,,c"}, "has 3 labels, --labels names 3: a,,c"),
        ((5, 8), {}, "1-D.ckpt: has 8 labels, the G beside it 5: give a G and a D of one training"),
        ((5, 4), {}, "1-D.ckpt: has 4 labels, the G beside it 5"),
        ((5, 5), {"size": 32}, "1-D.ckpt: is for pictures of 16 pixels, not 32"),
    ],
)
def test_stargan_refuses_what_does_not_go_together(
    counts: tuple[int, int], given: dict[str, Any], text: str, tmp_path: Path
) -> None:
    with pytest.raises(ZooError, match=text):
        stargan.to_zoo(star_pair(tmp_path, *counts), **given)


def test_sizes_that_cannot_be_name_the_file(g: Path, cycle_g: Path) -> None:
    text = "multiples of 4, 8 at least, got 3×30×30"
    with pytest.raises(ZooError, match=f"G.ckpt: a translator needs .*{text}"):
        stargan.to_zoo([g], size=30)
    with pytest.raises(ZooError, match=f"G.pth: a translator needs .*{text}"):
        cyclegan.to_zoo([cycle_g], size=30)


def test_one_of_each(g: Path, cycle_g: Path, tmp_path: Path) -> None:
    second = saved(tmp_path / "1000-G.ckpt", state("stargan_G"))
    with pytest.raises(ZooError, match=r"1000-G.ckpt: a second F, beside 200000-G.ckpt: give one"):
        stargan.to_zoo([g, second])
    with pytest.raises(ZooError, match=r"latest_net_G\.pth: a second F, beside latest_net_G\.pth"):
        cyclegan.to_zoo([cycle_g, cycle_g])
    with pytest.raises(ZooError, match="no checkpoint to convert: name one file or more"):
        stargan.to_zoo([])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.ckpt"):
        read(tmp_path / "nowhere.ckpt")


def batch_norm(name: str) -> State:
    """As `--norm batch` writes it: norms with weights."""
    return changed(name, model__5__weight=torch.ones(16), model__5__bias=torch.ones(16))


@pytest.mark.parametrize(
    ("official", "text"),
    [
        (
            batch_norm("cyclegan_G"),
            "the cycle_translator .*unknown model.5.bias, model.5.weight; onl",
        ),
        (
            changed("cyclegan_D", model__3__weight=torch.ones(16)),
            "missing nothing; unknown model.3.w",
        ),
        (
            changed("cyclegan_G", model__19__weight=torch.ones(1, 8, 7, 7)),
            r"model\.19\.weight should be torch.float32 \[3, 8, 7, 7\], is .* \[1, 8, 7, 7\]",
        ),
        (
            state("stargan_G"),
            "neither a residual generator nor a PatchGAN discriminator of CycleGAN",
        ),
        ({"model.model.0.weight": torch.ones(64, 3, 4, 4)}, "got model.model.0.weight"),
        (changed("cyclegan_G", model__1__weight=torch.ones(8)), r"4 axes, is \[8\]"),
    ],
)
def test_cyclegan_refuses(official: State, text: str, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=rf"x\.pth: .*{text}"):
        cyclegan.to_zoo([saved(tmp_path / "x.pth", official)])


@pytest.mark.parametrize("source", [stargan, cyclegan])
def test_other_components_have_no_official_form(source: Any) -> None:
    with pytest.raises(ZooError, match=r"GAN has no patch_encoder, only (star|cycle)_translator, "):
        source.to_official(PatchEncoder(image(16)))
