"""What the recipes of translation promise: who learns what when, and what is shared.

Axes: B pictures, C channels, H W positions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import domains_data
import numpy as np
import pytest
import torch
import translation
from PIL import Image
from test_recipes import recipe_of
from torch import Tensor
from translation_terms import d_weights, judged, penalty, sampled

import modgan
from modgan.component import Component
from modgan.data.images import DataError, normalise
from modgan.data.sketches import DOMAINS
from modgan.losses import classification, l1, lsgan_d, lsgan_g
from modgan.spec import InterfaceError
from modgan.train import Batch, Share, Trainer

SYSTEMS = (
    *("munit", "unit", "vaegan_pair", "cogan", "xgan", "fader", "combogan", "direct"),
    *("cyclegan", "stargan"),
)
Parts = dict[str, Component]
DRAWN_ALIKE = ("own", "other", "labels", "target")  # domains, which may be the same again
WAYS = (("sketch", "picture"), ("picture", "sketch"))


def settings_of(name: str, **changed: Any) -> Any:
    recipe = recipe_of(name)
    return replace(recipe.settings, **{**recipe.smoke, **changed})


def made(name: str, **changed: Any) -> tuple[Any, Parts, Batch]:
    settings = settings_of(name, **changed)
    recipe = recipe_of(name)
    return settings, recipe.parts(settings), recipe.batch(settings, Share(0))


def trained(name: str, phase: str, settings: Any, parts: Parts, batch: Batch) -> list[str]:
    """The parts that a phase gives gradients, all parts open to them."""
    found = next(each for each in recipe_of(name).phases(settings) if each.name == phase)
    terms = found.loss(parts, batch)
    assert set(terms) == set(found.weights)
    sum(found.weights[key] * term for key, term in terms.items()).backward()
    moved = [k for k, part in parts.items() if any(p.grad is not None for p in part.parameters())]
    for part in parts.values():
        part.zero_grad()
    return sorted(moved)


@pytest.mark.parametrize("name", SYSTEMS)
def test_critics_learn_alone_and_all_others_in_their_own_phases(name: str) -> None:
    settings, parts, batch = made(name)
    phases = recipe_of(name).phases(settings)
    trainer = Trainer(parts, phases)
    for phase in phases:
        own = set(trainer.trained[phase.name])
        moved = set(trained(name, phase.name, settings, parts, batch))
        assert own <= moved, f"{phase.name} leaves {own - moved}"
        if phase.name.startswith("D"):
            assert moved == own, f"{phase.name} reaches {moved - own}"


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_batch_is_a_function_of_its_share(name: str) -> None:
    settings, recipe = settings_of(name), recipe_of(name)
    one, again, other = (recipe.batch(settings, Share(step)) for step in (3, 3, 4))
    for key, value in one.items():
        if isinstance(value, Tensor) and key not in DRAWN_ALIKE:
            assert torch.equal(value, again[key]) and not torch.equal(value, other[key]), key


@pytest.mark.parametrize("name", SYSTEMS)
def test_paper_variants_build(name: str) -> None:
    paper = recipe_of(name).variants["paper"]
    with torch.device("meta"):
        assert all(paper.parts(paper.settings).values())


def test_critics_see_noise_and_are_held_back_in_some_steps() -> None:
    settings, parts, batch = made("munit", d_noise=0.1, r1_every=8)
    seen = list[Tensor]()
    parts["D_picture"].register_forward_pre_hook(lambda part, x: seen.append(x[0]))
    fake = {name: x.flip(3) for name, x in batch.items()}
    terms = [judged(settings, parts, batch, fake) for _ in range(80)]
    found = torch.stack([each["r1"] for each in terms])
    assert 2 <= (found > 0).sum() <= 25 and set(terms[0]) == set(d_weights(settings))
    assert 0 < (seen[0] - batch["picture"]).std() < 0.11
    torch.testing.assert_close(found.max(), penalty(parts, batch))
    x = batch["picture"].clone().requires_grad_()
    score = sum(scale.mean((1, 2, 3)).sum() for scale in parts["D_picture"](x))
    (slope,) = torch.autograd.grad(score, x)
    one = penalty(parts, {"picture": batch["picture"]})
    torch.testing.assert_close(one, slope.square().sum((1, 2, 3)).mean() / 2)
    plain = replace(settings, **translation.PLAIN)
    terms[0] = judged(plain, parts, batch, fake)
    critics = {
        name: (parts[f"D_{name}"](batch[name]), parts[f"D_{name}"](fake[name])) for name in DOMAINS
    }
    told = sum(lsgan_d(*scales) for pair in critics.values() for scales in zip(*pair, strict=True))
    assert list(terms[0]) == ["adv"] == list(d_weights(plain))
    torch.testing.assert_close(terms[0]["adv"], told)


def test_small_critics_start_with_scores_that_differ() -> None:
    settings = settings_of("unit")
    x = torch.rand(8, 3, settings.size, settings.size) * 2 - 1
    for kaiming in (True, False):
        D = translation.critic(replace(settings, kaiming=kaiming))
        assert all((scores.std() > 0.02) == kaiming for scores in D(x))


@pytest.mark.parametrize("name", ["munit", "unit", "vaegan_pair", "xgan", "combogan", "direct"])
def test_critics_of_papers_are_not_held_back(name: str) -> None:
    recipe = recipe_of(name)
    paper = recipe.variants["paper"].settings
    assert paper.d_noise == paper.w_r1 == 0 < recipe.settings.d_noise < recipe.settings.w_r1
    assert all("r1" not in phase.weights for phase in recipe.phases(paper))


def test_papers_have_the_published_widths() -> None:
    def made(name: str) -> Parts:
        paper = recipe_of(name).variants["paper"]
        with torch.device("meta"):
            return dict(paper.parts(paper.settings))

    def widths(part: Component) -> list[int]:
        layers = [m for m in part.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
        return [len(layer.weight) for layer in layers]

    xgan, fader = made("xgan"), made("fader")
    assert widths(xgan["E_sketch"]) == [32, 64] and set(widths(xgan["E_shared"])) == {128}
    assert widths(fader["D"]) == [512, 512, 2]  # a convolution, a layer, its answer
    assert recipe_of("direct").variants["paper"].settings.w_perceptual == 1
    assert recipe_of("direct").settings.w_perceptual == 0.3


def test_drawn_pictures_are_not_mirrored() -> None:
    settings = settings_of("munit")
    batch = domains_data.drawn(settings, Share(0), settings.pictures)
    for name, held in domains_data.domains(settings).domains.items():
        true = {normalise(each).numpy().tobytes() for each in held.pictures}
        assert {x.contiguous().numpy().tobytes() for x in batch[name]} == true


def test_units_noise_is_only_in_training() -> None:
    settings, parts, _ = made("unit")
    sheet = recipe_of("unit").sheet
    assert sheet is not None
    one, two = (sheet(settings, parts).tobytes() for _ in range(2))
    assert one == two
    feature = {"a": torch.zeros(1, 4, 64, 64)}
    noise = sampled(feature)["a"]
    assert 0.9 < noise.std() < 1.1


def test_a_vaegan_does_not_see_the_other_domain() -> None:
    def after(changed: bool) -> dict[str, Tensor]:
        torch.manual_seed(0)
        settings, parts, batch = made("vaegan_pair")
        if changed:
            batch["picture"] = -batch["picture"]
        list(Trainer(parts, recipe_of("vaegan_pair").phases(settings)).steps([[batch], [batch]]))
        return {f"{k}.{n}": p for k, part in parts.items() for n, p in part.named_parameters()}

    one, other = after(False), after(True)
    same = {name.split(".")[0] for name in one if torch.equal(one[name], other[name])}
    assert {"E_sketch", "R_sketch", "D_sketch"} <= same
    assert all(torch.equal(one[n], other[n]) for n in one if "_sketch." in n)
    assert not all(torch.equal(one[n], other[n]) for n in one if n.startswith("E_picture"))


def test_cogans_domains_share_all_but_their_ends() -> None:
    import cogan

    _, parts, batch = made("cogan")
    pictures = cogan.pairs(parts, batch["z"])
    feature = parts["G"](batch["z"])
    for name in DOMAINS:
        torch.testing.assert_close(pictures[name], parts[f"R_{name}"](feature))
    seen = torch.cat([parts[f"D_{name}"](batch[name]) for name in DOMAINS])
    (scores,) = parts["D"](seen)
    expected = classification(scores, torch.ones(len(seen), dtype=torch.int64))
    torch.testing.assert_close(cogan.answered(parts, {n: batch[n] for n in DOMAINS}, 1), expected)
    ends = sum(p.numel() for n in DOMAINS for p in parts[f"R_{n}"].parameters())
    assert 10 * ends < sum(p.numel() for p in parts["G"].parameters())


def test_xgans_encoders_unlearn_what_the_critic_of_domains_learns() -> None:
    import xgan

    _, parts, batch = made("xgan")
    feature = {n: f.detach().requires_grad_() for n, f in xgan.encoded(parts, batch).items()}
    xgan.told(parts, feature).backward()
    plain = {n: f.detach().requires_grad_() for n, f in feature.items()}
    learned = [p.grad.clone() for p in parts["D_domain"].parameters() if p.grad is not None]
    parts["D_domain"].zero_grad()
    scores = torch.cat([parts["D_domain"](f)[0] for f in plain.values()])
    own = torch.tensor([0, 0, 1, 1])
    classification(scores, own).backward()
    for name in DOMAINS:
        torch.testing.assert_close(feature[name].grad, -plain[name].grad)
    again = [p.grad for p in parts["D_domain"].parameters()]
    torch.testing.assert_close(learned, again)


def test_xgans_inner_layers_serve_both_domains() -> None:
    settings, parts, _ = made("xgan")
    graphs = recipe_of("xgan").card(settings).graphs
    assert graphs["sketch_to_picture"] == ["E_sketch", "E_shared", "R_shared", "R_picture"]
    one, other = (modgan.compose(steps, parts) for steps in graphs.values())
    shared = {id(p) for p in one.parameters()} & {id(p) for p in other.parameters()}
    inner = [*parts["E_shared"].parameters(), *parts["R_shared"].parameters()]
    assert shared == {id(p) for p in inner}


def test_faders_encoder_aims_at_another_domain() -> None:
    settings = settings_of("fader", ramp=10)
    batch = recipe_of("fader").batch(settings, Share(5))
    assert batch["own"].tolist() == [0, 0, 1, 1] and batch["other"].tolist() == [1, 1, 0, 0]
    assert batch["ramp"] == 0.5 and recipe_of("fader").batch(settings, Share(50))["ramp"] == 1
    parts = recipe_of("fader").parts(settings)
    g = next(phase for phase in recipe_of("fader").phases(settings) if phase.name == "G")
    (scores,) = parts["D"](parts["E"](batch["image"]))
    aimed = 0.5 * classification(scores, batch["other"])
    torch.testing.assert_close(g.loss(parts, batch)["hidden"], aimed)


def folder(root: Path, letters: str) -> Path:
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for letter in letters:
            (root / f"{split}{letter}").mkdir(parents=True)
            for index in range(3):
                pixels = rng.integers(0, 256, (36, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / f"{split}{letter}" / f"{index}.png")
    return root


def test_combogan_takes_any_number_of_domains_a_pair_at_a_time(tmp_path: Path) -> None:
    settings = settings_of("combogan", data=str(folder(tmp_path, "ABC")))
    recipe = recipe_of("combogan")
    assert len(recipe.card(settings).graphs) == 6
    pairs = ["".join(recipe.batch(settings, Share(step))) for step in range(20)]
    assert set(pairs) == {"ab", "ac", "bc"}
    shares = [recipe.batch(settings, Share(2, slot, 2)) for slot in (0, 1)]
    assert list(shares[0]) == list(shares[1])
    parts, batch = recipe.parts(settings), recipe.batch(settings, Share(0))
    names = sorted(f"{role}_{name}" for role in "ER" for name in batch)
    moved = [k for k in trained("combogan", "G", settings, parts, batch) if k[0] != "D"]
    assert moved == names


def test_a_recipe_of_two_domains_refuses_three(tmp_path: Path) -> None:
    settings = settings_of("unit", data=str(folder(tmp_path, "ABC")))
    with pytest.raises(DataError, match=r"two domains, got 3: a, b, c; leave two .*combogan"):
        recipe_of("unit").parts(settings)


def test_cyclegans_translators_are_each_others_way_back() -> None:
    import cyclegan

    _, parts, batch = made("cyclegan")
    x = dict(batch)
    terms = cyclegan.f_loss(parts, batch)
    to = {name: parts[f"F_{name}"] for name in DOMAINS}
    back = sum(l1(to[of](to[other](x[of])), x[of]) for of, other in WAYS)
    torch.testing.assert_close(terms["cycle"], back)
    torch.testing.assert_close(terms["identity"], sum(l1(to[n](x[n]), x[n]) for n in DOMAINS))
    fake = {other: to[other](x[of]) for of, other in WAYS}
    critic = {name: parts[f"D_{name}"] for name in DOMAINS}
    fooled = sum(lsgan_g(critic[name](fake[name])) for name in DOMAINS)
    torch.testing.assert_close(terms["adv"], fooled)
    told = sum(lsgan_d(critic[name](x[name]), critic[name](fake[name])) for name in DOMAINS)
    torch.testing.assert_close(cyclegan.d_loss(parts, batch)["adv"], told)
    assert not batch["fake"]["sketch"].requires_grad


def test_stargan_takes_any_number_of_domains(tmp_path: Path) -> None:
    settings = settings_of("stargan", data=str(folder(tmp_path, "ABC")), batch=2)
    recipe = recipe_of("stargan")
    parts, batch = recipe.parts(settings), recipe.batch(settings, Share(0))
    assert parts["F"].inputs["domain"].labels == ("a", "b", "c")
    assert batch["labels"].flatten().tolist() == [0, 0, 1, 1, 2, 2]
    assert sorted(batch["target"].flatten().tolist()) == [0, 0, 1, 1, 2, 2]
    graph = modgan.compose(recipe.card(settings).graphs["to_domain"], parts)
    assert graph.apply(image=Image.new("RGB", (40, 40)), domain="c")["image"].size == (32, 32)


def test_pictures_of_any_mode_and_shape_are_learned_from(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for letter in "AB":
            (tmp_path / f"{split}{letter}").mkdir()
            for mode, shape in (("L", (61, 37)), ("RGBA", (9, 33)), ("P", (32, 32)), ("1", (5, 5))):
                Image.new(mode, shape).save(tmp_path / f"{split}{letter}/{mode}.png")
    settings = settings_of("munit", data=str(tmp_path), batch=4)
    batch = recipe_of("munit").batch(settings, Share(0))
    assert all(x.shape == (4, 3, 32, 32) and x.abs().max() <= 1 for x in batch.values())
    assert sorted(batch["a"].amax((1, 2, 3)).tolist()) == [-1, -1, -1, 1]  # what is clear is white


def test_direct_without_a_weight_has_no_features() -> None:
    recipe, settings = recipe_of("direct"), settings_of("direct", w_perceptual=0.0)
    assert sorted(recipe.parts(settings)) == ["D", "F"]
    assert [phase.name for phase in recipe.phases(settings)] == ["D", "F"]
    assert all(phase.start == 0 for phase in recipe.phases(settings))


def test_direct_takes_the_features_of_a_zoo() -> None:
    zoo = str(Path(__file__).parents[1] / "weights/portraits.safetensors")
    recipe, settings = recipe_of("direct"), settings_of("direct", features=zoo, size=64)
    parts = recipe.parts(settings)
    assert sorted(parts) == ["D", "E", "F"] and recipe.frozen(settings) == ["E"]
    trainer = Trainer(parts, recipe.phases(settings), frozen=recipe.frozen(settings))
    before = {name: p.clone() for name, p in parts["E"].named_parameters()}
    (progress,) = trainer.steps([[recipe.batch(settings, Share(0))]])
    assert set(progress.terms["F"]) == {"adv", "perceptual"}
    assert all(torch.equal(before[name], p) for name, p in parts["E"].named_parameters())
    with pytest.raises(InterfaceError, match=r"E reads .*64.* and writes .*; expected .*32"):
        recipe.parts(replace(settings, size=32))
