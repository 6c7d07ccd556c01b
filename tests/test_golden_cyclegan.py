"""CycleGAN's networks and losses against the official program's numbers.

Axes: B batch, C channels, H W positions.
"""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from golden_files import Golden, filled, fullsize, is_statistic, official
from torch import Tensor
from torch.optim import Adam

from modgan.components import CycleTranslator, PatchDiscriminator
from modgan.convert import cyclegan
from modgan.losses import l1, lsgan_d, lsgan_g
from modgan.spec import image


class Parts:
    """Both translators and both discriminators of the recorded training, in float64."""

    def __init__(self, golden: Golden) -> None:
        self.f_a, self.f_b = (translator(golden, f"sd.G_{s}.", 64).double() for s in "AB")
        self.d_a, self.d_b = (discriminator(golden, f"sd.D_{s}.").double() for s in "AB")

    def translators(self) -> dict[str, Tensor]:
        names = cyclegan.translator_names
        return official("G_A.", self.f_a, names) | official("G_B.", self.f_b, names)

    def critics(self) -> dict[str, Tensor]:
        names = cyclegan.discriminator_names
        return official("D_A.", self.d_a, names) | official("D_B.", self.d_b, names)


def translator(golden: Golden, prefix: str, size: int) -> CycleTranslator:
    part = CycleTranslator(image(size), channels=8, n_res=2)
    return filled(part, cyclegan.translator_names, golden.state(prefix))


def discriminator(golden: Golden, prefix: str) -> PatchDiscriminator:
    part = PatchDiscriminator(image(64), channels=8)
    return filled(part, cyclegan.discriminator_names, golden.state(prefix))


def g_terms(parts: Parts, a: Tensor, b: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The weighted terms of both translators under the official names, and what they made."""
    fake_b, fake_a = parts.f_a(a), parts.f_b(b)
    terms = {
        "idt_A": 0.5 * 10 * l1(parts.f_a(b), b),
        "idt_B": 0.5 * 10 * l1(parts.f_b(a), a),
        "G_A": lsgan_g(parts.d_a(fake_b)),
        "G_B": lsgan_g(parts.d_b(fake_a)),
        "cycle_A": 10 * l1(parts.f_b(fake_b), a),
        "cycle_B": 10 * l1(parts.f_a(fake_a), b),
    }
    return terms | {"G": torch.stack(list(terms.values())).sum()}, fake_a, fake_b


def d_terms(
    parts: Parts, a: Tensor, b: Tensor, fake_a: Tensor, fake_b: Tensor
) -> dict[str, Tensor]:
    """The losses of both critics: half of LSGAN's; D_A judges pictures of B."""
    return {
        "D_A": lsgan_d(parts.d_a(b), parts.d_a(fake_b.detach())) / 2,
        "D_B": lsgan_d(parts.d_b(a), parts.d_b(fake_a.detach())) / 2,
    }


@pytest.fixture
def golden() -> Golden:
    return Golden("cyclegan_losses")


@pytest.fixture
def parts(golden: Golden) -> Parts:
    return Parts(golden)


@pytest.fixture
def pair(golden: Golden) -> tuple[Tensor, Tensor]:
    return golden.given("real_A").double(), golden.given("real_B").double()


@pytest.mark.parametrize("training", [True, False])
def test_translator(training: bool) -> None:
    golden = Golden("cyclegan_G")
    part = translator(golden, "sd.", 32).train(training)
    golden.check("y", part(golden.given("x")))


def test_discriminator() -> None:
    golden = Golden("cyclegan_D")
    golden.check("y", discriminator(golden, "sd.")(golden.given("x")))


def test_every_term_of_both_losses(
    golden: Golden, parts: Parts, pair: tuple[Tensor, Tensor]
) -> None:
    terms, fake_a, fake_b = g_terms(parts, *pair)
    golden.check_losses(terms | d_terms(parts, *pair, fake_a, fake_b))


def test_gradients(golden: Golden, parts: Parts, pair: tuple[Tensor, Tensor]) -> None:
    terms, fake_a, fake_b = g_terms(parts, *pair)
    terms["G"].backward()
    golden.check_gradients("G", parts.translators())
    for parameter in parts.critics().values():
        parameter.grad = None
    of_d = d_terms(parts, *pair, fake_a, fake_b)
    (of_d["D_A"] + of_d["D_B"]).backward()
    golden.check_gradients("D", parts.critics())


def test_training_follows_the_official_one(
    golden: Golden, parts: Parts, pair: tuple[Tensor, Tensor]
) -> None:
    """The translators step first, then the critics, on what the translators made before."""
    of_g, of_d = (
        Adam(list(parameters.values()), lr=2e-4, betas=(0.5, 0.999))
        for parameters in (parts.translators(), parts.critics())
    )
    for row in golden.log("cyclegan"):
        terms, fake_a, fake_b = g_terms(parts, *pair)
        of_g.zero_grad()
        terms["G"].backward()
        of_g.step()
        judged = d_terms(parts, *pair, fake_a, fake_b)
        of_d.zero_grad()
        torch.stack(list(judged.values())).sum().backward()
        of_d.step()
        found = {name: term.item() for name, term in chain(terms.items(), judged.items())}
        assert found == pytest.approx(row, rel=1e-6)
    golden.check_end("cyclegan", parts.translators() | parts.critics())


@pytest.mark.parametrize(
    ("name", "n_res", "n_params"),
    [
        ("resnet9", 9, 11_378_179),
        ("resnet6", 6, 7_837_699),
        ("resnet9_dropout", 9, 11_378_179),
        ("resnet9_legacy_tracked", 9, 11_378_179),
    ],
)
def test_translator_at_full_size(name: str, n_res: int, n_params: int) -> None:
    full = fullsize(f"cyclegan_G_{name}")
    with torch.device("meta"):
        part = CycleTranslator(image(256), n_res=n_res)
    state = cyclegan.to_official(part, dropout="dropout" in name)
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    kept = {key: row["shape"] for key, row in full["keys"].items() if not is_statistic(key)}
    assert shapes == kept and list(shapes) == full["param_order"]
    assert sum(p.numel() for p in part.parameters()) == full["n_params"] == n_params


def test_discriminator_at_full_size() -> None:
    full = fullsize("cyclegan_D_basic")
    with torch.device("meta"):
        part = PatchDiscriminator(image(256))
    shapes = {key: list(tensor.shape) for key, tensor in cyclegan.to_official(part).items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert list(shapes) == full["param_order"]
    assert sum(p.numel() for p in part.parameters()) == full["n_params"] == 2_764_737
    assert part.outputs["real"].shape == (1, 30, 30)


def test_a_score_sees_70_pixels() -> None:
    """The gradient of one score reaches a square of 70 pixels and no more."""
    part = PatchDiscriminator(image(256), channels=1)
    plain = torch.nn.Sequential(
        *(layer for layer in part.modules() if isinstance(layer, torch.nn.Conv2d))
    )
    x = torch.zeros(1, 3, 256, 256, requires_grad=True)
    for layer in plain:
        torch.nn.init.ones_(layer.weight)  # type: ignore[arg-type]
    plain(x)[0, 0, 15, 15].backward()
    assert x.grad is not None
    reached = x.grad[0, 0].bool()
    assert reached.any(0).sum() == reached.any(1).sum() == 70


def test_widths_stop_at_eight_times_the_first() -> None:
    part = PatchDiscriminator(image(256), channels=2, n_layers=5)
    widths = [m.out_channels for m in part.modules() if isinstance(m, torch.nn.Conv2d)]
    assert widths == [2, 4, 8, 16, 16, 16, 1]
