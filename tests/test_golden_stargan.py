"""StarGAN's networks and losses against the official program's numbers.

Axes: B batch, C channels, H W positions, n labels.
"""

from __future__ import annotations

import pytest
import torch
from golden_files import Golden, filled, fullsize, is_statistic, official
from torch import Tensor
from torch.optim import Adam

from modgan.components import StarDiscriminator, StarTranslator
from modgan.convert import stargan
from modgan.losses import (
    classification,
    flag_classification,
    gradient_penalty,
    l1,
    wgan_d,
    wgan_g,
)
from modgan.spec import flags, image

CODE = flags(stargan.CELEBA)
Parts = tuple[StarTranslator, StarDiscriminator]


def translator(golden: Golden, prefix: str = "sd.") -> StarTranslator:
    part = StarTranslator(image(32), {"labels": CODE}, channels=8, n_res=2)
    return filled(part, stargan.translator_names, golden.state(prefix))


def discriminator(golden: Golden, prefix: str = "sd.") -> StarDiscriminator:
    part = StarDiscriminator(image(32), {"labels": list(CODE.labels)}, channels=8, n_down=4)
    return filled(part, stargan.discriminator_names, golden.state(prefix))


@pytest.fixture
def golden() -> Golden:
    return Golden("stargan_losses")


@pytest.fixture
def parts(golden: Golden) -> Parts:
    return translator(golden, "sd.G.").double(), discriminator(golden, "sd.D.").double()


def d_terms(parts: Parts, x: Tensor, org: Tensor, trg: Tensor, alpha: Tensor) -> dict[str, Tensor]:
    """D's terms under the official names, and the sum of the two adversarial ones."""
    f, d = parts
    fake = f(x, trg).detach()
    (real_score, logits), (fake_score, _) = d(x), d(fake)
    return {
        "d_loss_real": wgan_g(real_score),
        "d_loss_fake": -wgan_g(fake_score),
        "d_loss_cls": flag_classification(logits, org),
        "d_loss_gp": gradient_penalty(lambda y: d(y)[0], x, fake, alpha),
        "adversarial": wgan_d(real_score, fake_score),
    }


def d_loss(terms: dict[str, Tensor]) -> Tensor:
    return terms["adversarial"] + terms["d_loss_cls"] + 10 * terms["d_loss_gp"]


def g_terms(parts: Parts, x: Tensor, org: Tensor, trg: Tensor) -> dict[str, Tensor]:
    f, d = parts
    fake = f(x, trg)
    score, logits = d(fake)
    return {
        "g_loss_fake": wgan_g(score),
        "g_loss_cls": flag_classification(logits, trg),
        "g_loss_rec": l1(x, f(fake, org)),
    }


def g_loss(terms: dict[str, Tensor]) -> Tensor:
    return terms["g_loss_fake"] + terms["g_loss_cls"] + 10 * terms["g_loss_rec"]


def inputs(golden: Golden) -> tuple[Tensor, Tensor, Tensor]:
    x, org, trg = (golden.given(name).double() for name in ("x_real", "c_org", "c_trg"))
    return x, org, trg


@pytest.mark.parametrize("training", [True, False])
def test_translator(training: bool) -> None:
    """Official training behaviour (instance statistics), whatever the mode."""
    golden = Golden("stargan_G")
    part = translator(golden).train(training)
    golden.check("train.y", part(golden.given("x"), golden.given("c")))


def test_discriminator() -> None:
    golden = Golden("stargan_D")
    scores, logits = discriminator(golden)(golden.given("x"))
    golden.check("src", scores)
    golden.check("cls", logits)


def test_every_term_of_both_losses(golden: Golden, parts: Parts) -> None:
    x, org, trg = inputs(golden)
    alpha = golden.given("alpha").double()
    of_d, of_g = d_terms(parts, x, org, trg, alpha), g_terms(parts, x, org, trg)
    golden.check_losses({"d_loss": d_loss(of_d), "g_loss": g_loss(of_g)})
    adversarial = of_d.pop("adversarial")
    golden.check_losses(of_d | of_g)
    torch.testing.assert_close(adversarial, of_d["d_loss_real"] + of_d["d_loss_fake"])
    expressions = classification(parts[1](x)[1], golden.given("rafd_label"))
    golden.check_losses({"d_loss_cls_rafd": expressions})


def test_gradients_of_d(golden: Golden, parts: Parts) -> None:
    x, org, trg = inputs(golden)
    d_loss(d_terms(parts, x, org, trg, golden.given("alpha").double())).backward()
    golden.check_gradients("d_loss", official("D.", parts[1], stargan.discriminator_names))
    assert all(p.grad is None for p in parts[0].parameters())


def test_gradients_of_g(golden: Golden, parts: Parts) -> None:
    g_loss(g_terms(parts, *inputs(golden))).backward()
    golden.check_gradients("g_loss", official("G.", parts[0], stargan.translator_names))


def test_training_follows_the_official_one(golden: Golden, parts: Parts) -> None:
    """Four steps of D, one of G after every second."""
    f, d = parts
    x, org, _ = inputs(golden)
    of_f, of_d = (Adam(part.parameters(), lr=1e-4, betas=(0.5, 0.999)) for part in parts)
    alphas, orders = golden.given("traj.alphas").double(), golden.given("traj.perms")
    for i, row in enumerate(golden.log("stargan")):
        trg = org[orders[i]]
        terms = d_terms(parts, x, org, trg, alphas[i])
        loss = d_loss(terms)
        d.zero_grad()
        loss.backward()
        of_d.step()
        found = terms | {"d_loss": loss}
        if i % 2:
            terms = g_terms(parts, x, org, trg)
            loss = g_loss(terms)
            f.zero_grad()
            loss.backward()
            of_f.step()
            found |= terms | {"g_loss": loss}
        found.pop("adversarial")
        assert {name: term.item() for name, term in found.items()} == pytest.approx(row, rel=1e-6)
    end = official("G.", f, stargan.translator_names)
    golden.check_end("stargan", end | official("D.", d, stargan.discriminator_names))


@pytest.mark.parametrize(
    ("name", "count", "n_params"),
    [("celeba5", 5, 8_430_528), ("rafd8", 8, 8_439_936), ("both", 15, 8_461_888)],
)
def test_translator_at_full_size(name: str, count: int, n_params: int) -> None:
    full = fullsize(f"stargan_G_{name}")
    labels = [f"label {i}" for i in range(count)]
    with torch.device("meta"):
        part = StarTranslator(image(128), {"labels": flags(labels)})
    shapes = {key: list(tensor.shape) for key, tensor in stargan.to_official(part).items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert list(shapes) == list(full["keys"])
    order = [key for key in shapes if not is_statistic(key)]
    assert order == full["param_order"]
    assert sum(p.numel() for p in part.parameters()) == full["n_params"] == n_params


@pytest.mark.parametrize(
    ("name", "size", "count", "n_params"),
    [
        ("celeba5_128", 128, 5, 44_762_048),
        ("rafd8_128", 128, 8, 44_786_624),
        ("both_128", 128, 13, 44_827_584),
        ("celeba5_256", 256, 5, 44_884_928),
    ],
)
def test_discriminator_at_full_size(name: str, size: int, count: int, n_params: int) -> None:
    full = fullsize(f"stargan_D_{name}")
    labels = [f"label {i}" for i in range(count)]
    with torch.device("meta"):
        part = StarDiscriminator(image(size), {"labels": labels})
    names = stargan.discriminator_names(part)
    shapes = {names[key]: list(tensor.shape) for key, tensor in part.state_dict().items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert list(shapes) == full["param_order"]
    assert sum(p.numel() for p in part.parameters()) == full["n_params"] == n_params
