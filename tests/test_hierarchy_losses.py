"""What a step of FineGAN and MixNMatch teaches whom: masks, readers of codes, penalties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import finegan_birds
import hierarchy_critics
import mixnmatch_birds
import noted
import pytest
import torch
from test_birds_recipes import PLAIN, small
from torch import Tensor

from modgan.metrics.stages import STAGES
from modgan.train import Share, Trainer


def state(part: torch.nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in part.named_parameters()}


def test_g_moves_of_the_critic_of_children_what_reads_codes_alone() -> None:
    recipe = finegan_birds.recipe
    s = small(recipe, **PLAIN)
    torch.manual_seed(0)
    parts, phases = recipe.parts(s), recipe.phases(s)
    assert [phase.name for phase in phases] == ["D_background", "D_child", "G"]
    trainer = Trainer(parts, phases)
    batch = recipe.batch(s, Share(1))
    moved = []
    for at in range(3):
        before = {name: state(part) for name, part in parts.items()}
        trainer.step = 1
        trainer._act(at, [batch])
        changed = {
            f"{name}.{key.partition('.')[0]}"
            for name, part in parts.items()
            for key, value in part.named_parameters()
            if not torch.equal(value, before[name][key])
        }
        moved.append(changed)
    assert moved[0] == {f"D_background.{k}" for k in ("trunk", "real", "background")}
    assert moved[1] == {"D_child.trunk", "D_child.real"}
    of_d = {name for name in moved[2] if name.startswith("D_")}
    assert of_d == {
        *(f"D_parent.{k}" for k in ("trunk", "joint", "labels")),
        "D_child.joint",
        "D_child.labels",
        "D_background_code.body",
        "D_background_code.head",
    }
    assert {name.partition(".")[0] for name in moved[2] - of_d} == set(STAGES)


def test_pictures_are_painted_once_a_step() -> None:
    """All phases see the same pictures, and G learns through them."""
    recipe = finegan_birds.recipe
    s = small(recipe, **PLAIN)
    parts, batch = recipe.parts(s), recipe.batch(s, Share(1))
    first = hierarchy_critics.made(parts, batch)
    assert hierarchy_critics.made(parts, batch) is first and first.image.requires_grad


def test_the_hard_phase_takes_the_codes_told_worst() -> None:
    recipe = finegan_birds.recipe
    s = small(recipe, **PLAIN)
    counts = [len(recipe.batch(s, Share(step))["z"]) for step in range(s.steps)]
    assert counts == [3, 3, 3, 30, 3, 30]  # the last three steps, of which every second
    assert (recipe.settings.hard, recipe.variants["paper"].settings.hard) == (0, 736)
    parts, batch = recipe.parts(s), recipe.batch(s, Share(5))
    wanted = {name: batch[name].clone() for name in ("z", "background", "parent", "child")}
    hierarchy_critics.hardest(parts, batch)
    assert [len(batch[name]) for name in wanted] == [3] * 4
    # every code kept is one of those that were drawn, with its own noise
    rows = [wanted["z"].eq(z).all(1).nonzero().item() for z in batch["z"]]
    for name in ("background", "parent", "child"):
        assert torch.equal(batch[name], wanted[name][rows])


def test_masks_have_their_terms() -> None:
    recipe = finegan_birds.recipe
    s = small(recipe, **PLAIN, w_free=0.0)
    parts, batch = recipe.parts(s), recipe.batch(s, Share(500))
    made = hierarchy_critics.made(parts, batch)
    quarter = torch.zeros_like(made.mask_parent)
    quarter[:, :, :16, :16] = 1
    batch["made"] = made._replace(mask_parent=quarter, mask_child=torch.full_like(quarter, 0.75))
    terms = hierarchy_critics.painting_loss(parts, {**batch, "area": (0.3, 0.9)})
    assert terms["area"].item() == pytest.approx((0.05 + 0.0) / 2)
    assert terms["outlines"].item() == pytest.approx(0.25 * 0.25 + 0.75 * 0.75)
    assert terms["binary"].item() == pytest.approx(0.1875 / 2 / 2)  # half of it at step 500
    terms = hierarchy_critics.painting_loss(parts, {**batch, "area": (0.1, 0.2), "sharp": 1.0})
    assert terms["area"].item() == pytest.approx((0.05 + 0.55) / 2)
    assert terms["binary"].item() == pytest.approx(0.1875 / 2)
    assert [recipe.batch(s, Share(step))["sharp"] for step in (0, 500, 9000)] == [0.0, 0.5, 1.0]


def test_what_hangs_apart_of_masks_is_loose() -> None:
    masks = torch.zeros(4, 1, 32, 32)
    masks[0, 0, 4:20, 4:20] = 0.9  # the largest piece, and one of 2 × 2 pixels
    masks[0, 0, 26:28, 26:28] = 0.5
    masks[1, 0, 4:20, 8] = masks[1, 0, 22, 8] = 1.0  # two pixels between: they are one
    masks[1, 0, 28, 8] = 0.05  # a beginning of another
    masks[2, 0, 4:20, 8] = masks[2, 0, 23, 8] = 1.0  # three pixels between
    masks.requires_grad_()
    loss = hierarchy_critics.loose(masks)
    loss.backward()
    want = torch.tensor([0.5] * 4 + [0.05, 1 - 1e-6])
    torch.testing.assert_close(loss, -torch.log1p(-want).sum() / masks.numel())
    assert masks.grad is not None
    pulled = (masks.grad * masks > 0).sum((1, 2, 3))
    assert pulled.tolist() == [4, 1, 0, 0], "no gradient beyond 1 − 1e-6, none on the largest"


def test_readers_of_codes_cannot_read_places() -> None:
    torch.manual_seed(0)
    pictures = torch.zeros(64, 3, 64, 64)
    pictures[:, :, 30:34, 40:44] = 1
    assert hierarchy_critics.glimpsed(pictures, 0.0, 12 / 64) is pictures
    seen = hierarchy_critics.glimpsed(pictures, 1e-6, 12 / 64).round()
    assert seen.sum((1, 2, 3)).eq(3 * 16).all(), "a patch that far inside is never cut"
    rows, columns = (seen.amax((1, axis)).argmax(1) for axis in (3, 2))
    assert rows.min() >= 18 and rows.max() <= 42 and len(rows.unique()) > 12
    # 40 to 43, or 20 to 23 mirrored
    assert columns.min() >= 8 and columns.max() <= 52 and len(columns.unique()) > 20
    turned = hierarchy_critics.glimpsed(pictures, 1e-6).round()
    assert set(turned.amax((1, 2)).argmax(1).tolist()) == {20, 40}
    edge = hierarchy_critics.glimpsed(torch.ones(64, 1, 64, 64), 1e-6, 12 / 64).round()
    assert edge.mean() < 0.95, "what comes in is 0"
    noisy = hierarchy_critics.glimpsed(torch.zeros(8, 3, 64, 64), 0.1, 12 / 64)
    assert noisy.std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("outline", [True, False])
def test_what_readers_of_codes_see(outline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = finegan_birds.recipe
    s = small(recipe, **PLAIN, outline=outline)
    parts, batch = recipe.parts(s), recipe.batch(s, Share(1))
    out, shown = hierarchy_critics.made(parts, batch), list[tuple[Tensor, float, float]]()

    def kept(pictures: Tensor, noise: float, shift: float = 0.0) -> Tensor:
        shown.append((pictures, noise, shift))
        return pictures

    monkeypatch.setattr(hierarchy_critics, "glimpsed", kept)
    hierarchy_critics.painting_loss(parts, batch)
    (shape, *first), (cuts, *second), (scene, *third) = shown
    assert torch.equal(shape, out.mask_parent.expand_as(shape) if outline else out.cut_parent)
    assert len(cuts) == 6 and torch.equal(cuts[:3], out.cut_child)
    assert torch.equal(scene, out.background)
    assert first == second == [0.1, 12 / 64] and third == [0.1, 0.0]


def test_other_children_are_read_on_the_same_parent() -> None:
    recipe = finegan_birds.recipe
    s, most = small(recipe, **PLAIN), 400
    parts, batch = recipe.parts(s), recipe.batch(s, Share(1))
    many = recipe.batch(replace(s, batch=most), Share(1))
    strange = (many["other_child"] // 2 != many["parent"]).float().mean()
    assert strange.item() == pytest.approx(0.5, abs=0.1), "independent of the parent"
    part = {name: parts[name].eval() for name in parts}
    alike = {**batch, "other_child": batch["child"], "jitter": 0.0}
    terms = hierarchy_critics.painting_loss(part, alike)
    torch.testing.assert_close(terms["free"], terms["child"])
    alone = {name: value for name, value in alike.items() if name != "other_child"}
    single = hierarchy_critics.painting_loss(part, alone)
    assert "free" not in single
    torch.testing.assert_close(terms["outlines"], 2 * single["outlines"])
    terms = hierarchy_critics.painting_loss(part, {**alike, "other_child": 3 - batch["child"]})
    assert not torch.equal(terms["free"], terms["child"])
    weights = recipe.phases(small(recipe, **PLAIN, w_free=0.0))[-1].weights
    assert weights["loose"] == 30.0
    lean = small(recipe, **PLAIN, w_loose=0.0)
    assert "loose" not in recipe.phases(lean)[-1].weights
    without = hierarchy_critics.painting_loss(parts, recipe.batch(lean, Share(1)))
    assert "loose" in single and "loose" not in without
    assert "free" not in weights and recipe.phases(s)[-1].weights["free"] == 1.0


def test_the_penalty_on_the_critic_of_backgrounds_acts() -> None:
    """A critic whose patches are linear has a slope that the number of patches does not change."""
    recipe = finegan_birds.recipe
    s = small(recipe, **PLAIN)
    parts, batch = recipe.parts(s), recipe.batch(s, Share(1))
    slopes = []
    for side in (32, 64):
        pictures = torch.zeros(3, 3, side, side)
        patches = side // 8
        tiles = torch.nn.Conv2d(3, 1, 8, 8, bias=False)
        torch.nn.init.constant_(tiles.weight, 0.1)
        D: Any = lambda x, tiles=tiles: (tiles(x), tiles(x))  # noqa: E731
        weights = torch.ones(3, 1, patches, patches)
        given = {**batch, "fulls": pictures, "weights": weights, "penalise": True}
        loss = hierarchy_critics.background_loss({**parts, "D_background": D}, given)
        slopes.append(loss["r1"].item())
    assert slopes == pytest.approx([0.1**2 * 192 / 2] * 2)


def test_encoders_norm_real_and_made_pictures_as_one() -> None:
    recipe, heard = mixnmatch_birds.recipe, list[int]()
    for together in (True, False):
        s = small(recipe, clustered=together)
        torch.manual_seed(0)
        parts = recipe.parts(s)
        batch = {**recipe.batch(s, Share(1)), "notes": noted.notes(s)}
        heard.clear()
        parts["Q_c"].get_submodule("body").register_forward_pre_hook(
            lambda module, given: heard.append(len(given[0]))
        )
        terms = mixnmatch_birds.g_loss(parts, batch)
        assert heard == ([6] if together else [3, 3])
        assert {"z", "b", "p", "c"} <= set(terms)
        # what is read and named is what Q's say of each, where no batch is normed
        for name in [f"Q_{k}" for k in "zbpc"]:
            parts[name].eval()
        again = {k: v for k, v in batch.items() if k not in ("read", "said")}
        read = mixnmatch_birds.read(parts, again)
        named = mixnmatch_birds.named(parts, again)
        picture = mixnmatch_birds.free_picture(parts, batch)
        for k, port in mixnmatch_birds.CODES.items():
            Q, aim = parts[f"Q_{k}"], batch[f"free_{port}"]
            torch.testing.assert_close(read[k], Q(batch["objects"]))
            expected = Q(picture)
            if k == "z":
                torch.testing.assert_close(named[k], (expected - aim).abs().mean())
            else:
                torch.testing.assert_close(named[k], -expected[range(3), aim].log().mean())
    paper = recipe.variants["paper"].settings
    assert recipe.settings.clustered and not paper.clustered


def slopes(part: torch.nn.Module) -> bool:
    """Whether a loss reached the part."""
    return any(w.grad is not None and bool(w.grad.any()) for w in part.parameters())


@pytest.mark.parametrize(("clustered", "late"), [(True, 1.0), (True, 0.0), (False, 1.0)])
def test_free_codes_teach_g_where_codes_are_known_and_critics_in(
    clustered: bool, late: float
) -> None:
    recipe = mixnmatch_birds.recipe
    s = small(recipe, clustered=clustered)
    parts = recipe.parts(s)
    batch = {**recipe.batch(s, Share(1)), "notes": noted.notes(s), "late": late}
    terms = mixnmatch_birds.named(parts, batch)
    torch.stack([terms[k] for k in "zpc"]).sum().backward()
    learn = {name for name in STAGES if slopes(parts[name])}
    taught = {"G_parent", "R_parent", "T_child", "R_child"}
    assert learn == (taught if clustered and late else set())
    assert slopes(parts["Q_p"])
