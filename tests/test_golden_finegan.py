"""FineGAN's networks, losses and training against the official program's numbers.

Axes: B batch, C channels, H W positions, n labels.
"""

from __future__ import annotations

import pytest
import torch
from golden_files import Golden, fullsize
from hierarchy_parts import (
    SEEN,
    Parts,
    exact,
    finegan_parts,
    official_tensors,
    painted,
    without_gradients,
)
from torch import Tensor
from torch.optim import Adam

import modgan
from modgan.components import (
    BackgroundDiscriminator,
    BackgroundPainter,
    ChildTransformer,
    CodeDiscriminator,
    ParentGenerator,
    StageGenerator,
    StagePainter,
)
from modgan.convert import finegan
from modgan.convert.hierarchy import numbered
from modgan.layers import resized
from modgan.losses import bce, classification, logistic_d, logistic_g, parent_of, patch_weights
from modgan.spec import image
from modgan.train.ema import averaged, parts_of

Terms = dict[str, Tensor]
NETWORKS = {f"{network.removeprefix('net')}.": at for network, at in finegan.NETWORKS.items()}
FIELDS = (24, 34, 4)  # patches, pixels of each, pixels from one to the next


class Training:
    """All parts in float64, and what a step of the official program computes."""

    def __init__(self) -> None:
        self.golden = golden = Golden("finegan_losses")
        critics = [finegan_parts(golden, f"sd.D{i}.", f"netD{i}") for i in range(3)]
        first, second, third = critics
        self.made_by = exact(finegan_parts(Golden("finegan_G")))
        self.parts = self.made_by | exact(first | second | third)
        self.whole = golden.given("real_fimg").double()
        self.crops = golden.given("real_cimg").double()
        self.weights = patch_weights(boxes(golden), *FIELDS).double()

    def parameters(self, *networks: str, statistics: bool = False) -> dict[str, Tensor]:
        chosen = {network: NETWORKS[network] for network in networks}
        return official_tensors(self.parts, chosen, statistics)

    def paint(self, z: Tensor, c: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """The tied pictures and the indices of parents and children."""
        child = c.argmax(1)
        parent = parent_of(child, c.shape[1], 4)
        p = torch.eye(4, dtype=c.dtype)[parent]
        return painted(self.made_by, z=z, b=c, p=p, c=c), parent, child

    def of_background(self, made: dict[str, Tensor]) -> Terms:
        """The terms of D0."""
        critic, w = self.parts["D_background"], self.weights
        real, background = critic(self.whole)
        fake, _ = critic(made["fake_img.bg126"].detach())
        terms = {
            "norm_fact_real": w.sum(),
            "errD_real": bce(real, 1.0, w),
            "errD_real_uncond_classi": bce(background, w),
            "errD_fake": bce(fake, 0.0),
        }
        terms |= {
            "errD_real_uncond": terms["errD_real"] * w.mean(),
            "errD_fake_uncond": terms["errD_fake"],
            "errD": 10 * (terms["errD_real"] + terms["errD_fake"])
            + terms["errD_real_uncond_classi"],
        }
        return {f"D0.{name}": term for name, term in terms.items()}

    def of_child(self, made: dict[str, Tensor]) -> Terms:
        """The terms of D2."""
        real, _ = self.parts["D_child"](self.crops)
        fake, _ = self.parts["D_child"](made["fake_img.child"].detach())
        return {
            "D2.errD_real": bce(real, 1.0),
            "D2.errD_fake": bce(fake, 0.0),
            "D2.errD": logistic_d(real, fake),
        }

    def of_generator(self, made: dict[str, Tensor], parent: Tensor, child: Tensor) -> Terms:
        """The terms of G; the parent critic also sees the parent picture, and forgets it."""
        behind, background = self.parts["D_background"](made["fake_img.bg126"])
        self.parts["D_parent"](made["fake_img.parent"])
        _, parents = self.parts["D_parent"](made["fgmk.parent"])
        real, _ = self.parts["D_child"](made["fake_img.child"])
        _, children = self.parts["D_child"](made["fgmk.child"])
        told, classed = logistic_g(behind), bce(background, 1.0)
        first = 10 * told + classed
        second = first + classification(parents, parent)
        total = second + logistic_g(real) + classification(children, child)
        return {
            "G0.errG": first,
            "G0.errG_classi": classed,
            "G0.errG_total_cum": first,
            "G1.errG_info": classification(parents, parent),
            "G1.errG_total_cum": second,
            "G2.errG": logistic_g(real),
            "G2.errG_info": classification(children, child),
            "G2.errG_total_cum": total,
            "G.errG_total": total,
        }


def boxes(golden: Golden) -> Tensor:
    """Top, left, bottom, right of each sample."""
    return golden.given("warped_bbox").T


@pytest.fixture
def training() -> Training:
    return Training()


def given(training: Training, prefix: str = "") -> tuple[Tensor, Tensor]:
    z, c = (training.golden.given(f"{prefix}{name}").double() for name in "zc")
    return z, c


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_generator(mode: str) -> None:
    """In training mode the official float32 is coarser than 1e-5: float64 is compared."""
    golden, training = Golden("finegan_G"), mode == "train"
    parts = finegan_parts(golden)
    parts = exact(parts, training) if training else parts
    codes = {name: golden.given(name) for name in "zbpc"}
    if training:
        codes = {name: code.double() for name, code in codes.items()}
    made = painted(parts, **codes)
    recorded = [name for name in golden.tensors if name.startswith(f"out.{mode}.")]
    for name in recorded:
        if ".hidden." not in name:
            short = name.removeprefix(f"out.{mode}.")
            golden.check(f"{mode}.{short}", made[short])
    if training:
        golden.check_statistics(official_tensors(parts, {"": finegan.GENERATOR}, statistics=True))
    assert len(recorded) >= 10


def test_what_lies_between_the_stages() -> None:
    golden = Golden("finegan_G")
    parts = finegan_parts(golden)
    z, b, p, c = (golden.given(name) for name in "zbpc")
    made = painted(parts, z=z, b=b, p=p, c=c)
    golden.check("eval.hidden.h_net1_bg", parts["G_background"](z, b))
    grow = parts["G_parent"].get_submodule("grow")
    golden.check("eval.hidden.h_net1", grow(torch.cat([z, p], 1)))
    golden.check("eval.hidden.h_net2", made["p_temp"])
    golden.check("eval.hidden.h_net3", made["dressed"])


def test_tied_codes_and_the_graph() -> None:
    """p follows c, b is c: the ready graph of the hierarchy gives the official pictures."""
    golden = Golden("finegan_G")
    z, c = golden.given("z"), golden.given("c")
    parent = parent_of(c.argmax(1), 12, 4)
    p = torch.eye(4)[parent]
    assert torch.equal(p, golden.given("p_tied"))
    parts = finegan_parts(golden)
    made = modgan.compose(finegan.HIERARCHY, parts)(z=z, background=c, parent=p, child=c)
    golden.check("eval_tied.fake_img.child", made["image"])
    tied = painted(parts, z=z, b=c, p=p, c=c)
    golden.check("eval_tied.fake_img.parent", tied["fake_img.parent"])
    golden.check("eval_tied.fake_img.bg126", tied["fake_img.bg126"])
    assert torch.equal(made["cut_parent"], tied["fgmk.parent"])


def test_background_critic() -> None:
    golden = Golden("finegan_D0")
    critic = finegan_parts(golden, file="netD0")["D_background"]
    real, background = critic(golden.given("x"))
    golden.check("eval.rf_score", real.sigmoid())
    golden.check("eval.class_score", background.sigmoid())
    assert (critic.field, critic.stride) == (34, 4)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("file", ["netD1", "netD2"])
def test_code_critics(file: str, mode: str) -> None:
    golden = Golden(f"finegan_{file.removeprefix('net')}")
    parts = finegan_parts(golden, file=file)
    (critic,) = parts.values()
    real, codes = critic.train(mode == "train")(golden.given("x"))
    golden.check(f"{mode}.rf_score", real[:, 0].sigmoid())
    golden.check(f"{mode}.code_logits", codes)
    if mode == "train":
        network = {"": finegan.NETWORKS[file]}
        golden.check_statistics(official_tensors(parts, network, statistics=True))


def test_masked_patches() -> None:
    golden = Golden("finegan_losses")
    weights = patch_weights(boxes(golden), *FIELDS)
    assert torch.equal(weights, golden.tensors["out.bbox_patch_weights"])


def test_every_term_of_the_losses(training: Training) -> None:
    made, parent, child = training.paint(*given(training))
    terms = training.of_background(made) | training.of_child(made)
    terms |= training.of_generator(made, parent, child)
    assert set(terms) == set(training.golden.facts["losses"])
    training.golden.check_losses(terms)


def test_gradients(training: Training) -> None:
    golden, parts = training.golden, training.parts
    made, parent, child = training.paint(*given(training))
    training.of_background(made)["D0.errD"].backward()
    golden.check_gradients("D0", training.parameters("D0."))
    training.of_child(made)["D2.errD"].backward()
    read = ("D2.jointConv", "D2.logits")
    of_child = training.parameters("D2.")
    judged = {key: p for key, p in of_child.items() if not key.startswith(read)}
    golden.check_gradients("D2", judged)
    without_gradients(*parts.values())
    training.of_generator(made, parent, child)["G.errG_total"].backward()
    golden.check_gradients("G", training.parameters("G."))
    of_parent = training.parameters("D1.")
    told = {key: p for key, p in of_parent.items() if not key.startswith("D1.uncond_logits")}
    golden.check_gradients("G->D1", told)
    told = {key: p for key, p in of_child.items() if key.startswith(read)}
    golden.check_gradients("G->D2(jointConv,logits)", told)


def test_training_follows_the_official_one(training: Training) -> None:
    """D0, D2, then G with the code heads: all of D1, of D2 what reads the code alone."""
    golden, parts = training.golden, training.parts
    of_child = training.parameters("D2.")
    told = [p for key, p in of_child.items() if key.startswith(("D2.jointConv", "D2.logits"))]
    judged = [p for p in of_child.values() if all(p is not other for other in told)]
    made_by = [*training.parameters("G.").values(), *training.parameters("D1.").values(), *told]
    of_background, of_real, of_g = (
        Adam(some, lr=2e-4, betas=(0.5, 0.999))
        for some in (list(training.parameters("D0.").values()), judged, made_by)
    )
    average = averaged(training.made_by, 0.999, soon=False)
    average.update_parameters(torch.nn.ModuleDict(training.made_by))
    drawn = zip(*given(training, "traj."), strict=True)
    for row, (z, c) in zip(golden.log("finegan"), drawn, strict=True):
        made, parent, child = training.paint(z, c)
        found = training.of_background(made) | training.of_child(made)
        for loss, optimizer in (("D0.errD", of_background), ("D2.errD", of_real)):
            without_gradients(*parts.values())
            found[loss].backward()
            optimizer.step()
        terms = training.of_generator(made, parent, child)
        without_gradients(*parts.values())
        terms["G.errG_total"].backward()
        of_g.step()
        average.update_parameters(torch.nn.ModuleDict(training.made_by))
        found |= terms
        assert {name: term.item() for name, term in found.items()} == pytest.approx(row, rel=1e-6)
    every = training.parameters(*NETWORKS)
    golden.check_end("finegan", every | training.parameters(*NETWORKS, statistics=True))
    slow = official_tensors(parts_of(average), {"": finegan.GENERATOR})
    golden.check_end("finegan", slow, "ema")
    # statistics are those of the live parts, not averages
    for name, part in parts_of(average).items():
        live = dict(training.made_by[name].named_buffers())
        assert all(torch.equal(value, live[key]) for key, value in part.named_buffers())


def full_hierarchy(parents: int, children: int) -> Parts:
    """The parts at their default sizes, without memory."""
    with torch.device("meta"):
        behind = StageGenerator("background", numbered(children))
        inner = ParentGenerator("parent", numbered(parents))
        dress = ChildTransformer(inner.outputs["feature"], "child", numbered(children))
        return {
            "G_background": behind,
            "R_background": BackgroundPainter(behind.outputs["feature"], image(128)),
            "G_parent": inner,
            "R_parent": StagePainter(inner.outputs["feature"], image(128), "parent"),
            "T_child": dress,
            "R_child": StagePainter(dress.outputs["feature"], image(128), "child"),
        }


def count(parts: Parts) -> int:
    return sum(p.numel() for part in parts.values() for p in part.parameters())


@pytest.mark.parametrize(
    ("name", "parents", "children", "n_params"),
    [("birds", 20, 200, 39_674_944), ("dogs", 12, 120, 36_736_064), ("cars", 20, 196, 39_541_568)],
)
def test_generator_at_full_size(name: str, parents: int, children: int, n_params: int) -> None:
    full, parts = fullsize(f"finegan_G_{name}"), full_hierarchy(parents, children)
    state = finegan.to_official(parts)["netG"]
    prefix = full["key_prefix_in_official_files"]
    shapes = {key.removeprefix(prefix): list(tensor.shape) for key, tensor in state.items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert list(shapes) == list(full["keys"])
    assert count(parts) == full["n_params"] == n_params


@pytest.mark.parametrize(
    ("network", "n_params"), [("D0", 666_626), ("D1", 18_400_021), ("D2", 19_874_761)]
)
def test_critics_at_full_size(network: str, n_params: int) -> None:
    full = fullsize(f"finegan_{network}_birds")
    with torch.device("meta"):
        parts: Parts = {
            "D_background": BackgroundDiscriminator(image(SEEN)),
            "D_parent": CodeDiscriminator(image(128), "parent", numbered(20)),
            "D_child": CodeDiscriminator(image(128), "child", numbered(200)),
        }
    (name,) = finegan.NETWORKS[f"net{network}"]
    state = finegan.to_official({name: parts[name]})[f"net{network}"]
    prefix = full["key_prefix_in_official_files"]
    shapes = {key.removeprefix(prefix): list(tensor.shape) for key, tensor in state.items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert count({name: parts[name]}) == full["n_params"] == n_params


def test_a_patch_sees_34_pixels_and_the_next_is_4_on() -> None:
    critic = BackgroundDiscriminator(image(SEEN), widths=(1, 1, 1))
    assert critic.outputs["real"].shape == (1, 24, 24)
    with torch.no_grad():
        for weight in critic.parameters():
            weight.fill_(1.0)
    for at in (0, 5, 23):
        x = torch.zeros(1, 3, SEEN, SEEN, requires_grad=True)
        critic(x)[0][0, 0, at, at].backward()
        assert x.grad is not None
        rows = x.grad[0, 0].abs().sum(1).nonzero()[:, 0].tolist()
        assert rows == list(range(4 * at, 4 * at + 34))
    assert (critic.field, critic.stride) == (34, 4)


def test_a_closed_mask_keeps_the_canvas_and_an_open_one_covers_it() -> None:
    """The composite of the paper: mask 0 is the canvas, mask 1 the foreground."""
    parts = finegan_parts(Golden("finegan_G"))
    feature, canvas = torch.rand(2, 2, 128, 128) + 1, torch.rand(2, 3, 128, 128)
    painter = parts["R_parent"]
    weight = painter.get_parameter("mask.weight")
    torch.nn.init.constant_(weight, -50.0)
    inside = (..., slice(1, -1), slice(1, -1))
    made, mask, cut = painter(feature, canvas)
    assert not mask[inside].any() and torch.equal(made[inside], canvas[inside]) and not cut.any()
    torch.nn.init.constant_(weight, 50.0)
    made, mask, cut = painter(feature, canvas)
    drawn = torch.tanh(painter.foreground(feature))  # type: ignore[operator]
    assert mask.eq(1).all() and torch.equal(made, drawn) and torch.equal(cut, drawn)


def test_one_noise_feeds_both_stages() -> None:
    """In the ready graph z has one name, so background and parent read the same."""
    parts = finegan_parts(Golden("finegan_G"))
    graph = modgan.compose(finegan.HIERARCHY, parts)
    readers = [step.part for step in graph.steps if "z" in step.reads]
    assert readers == ["G_background", "G_parent"]
    x = torch.rand(2, 3, 128, 128)
    torch.testing.assert_close(resized(x, SEEN)[..., ::125, ::125], x[..., ::127, ::127])
