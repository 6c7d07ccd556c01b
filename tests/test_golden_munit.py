"""MUNIT's networks, losses and training against the official program's numbers.

Axes: B batch, C channels, H W positions.
"""

from __future__ import annotations

import pytest
import torch
from einops import rearrange
from golden_files import Golden, fullsize
from munit_parts import Parts, munit_parts, official_tensors
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import StepLR

import modgan
from modgan.components import (
    AdainTransformer,
    ContentEncoder,
    MultiScaleDiscriminator,
    StyleCoder,
    UpsampleReconstructor,
)
from modgan.convert import munit
from modgan.losses import l1, logistic_d, logistic_g, lsgan_d, lsgan_g, over_scales
from modgan.spec import FeatureSpec, InterfaceError, image

Terms = dict[str, Tensor]
OTHER = {"a": "b", "b": "a"}


class Training:
    """Both domains in float64, and what a step of the official program computes."""

    def __init__(self) -> None:
        self.golden = Golden("munit_losses")
        parts: Parts = {}
        for network in ("gen", "dis"):
            states = {side: self.golden.state(f"sd.{network}_{side}.") for side in "ab"}
            parts |= munit_parts(states, 48)
        self.parts = {name: part.double() for name, part in parts.items()}
        self.x = {side: self.golden.given(f"x_{side}").double() for side in "ab"}

    def styles(self, step: str, at: int | None = None) -> dict[str, Tensor]:
        """The recorded styles of a step "dis" or "gen", of an iteration of the trajectory."""
        if at is None:
            given = {side: self.golden.given(f"{step}.s_{side}") for side in "ab"}
        else:
            drawn = self.golden.given("traj.styles")[at, ("dis", "gen").index(step)]
            given = dict(zip("ab", drawn, strict=True))
        return {side: style.flatten(1).double() for side, style in given.items()}

    def read(self, side: str, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Content and style."""
        return self.parts[f"E_{side}"](picture), self.parts[f"Q_{side}"](picture)

    def decode(self, side: str, content: Tensor, style: Tensor) -> Tensor:
        return self.parts[f"R_{side}"](self.parts[f"T_{side}"](content, style))

    def moved(self, network: str) -> dict[str, Tensor]:
        """The parameters of a step under official keys."""
        return official_tensors(self.parts, f"{network}_", munit.NETWORKS[network])

    def of_critics(self, s: dict[str, Tensor]) -> Terms:
        with torch.no_grad():
            content = {side: self.read(side, self.x[side])[0] for side in "ab"}
            fake = {side: self.decode(side, content[OTHER[side]], s[side]) for side in "ab"}
        terms = {}
        for side in "ab":
            critic = self.parts[f"D_{side}"]
            terms[f"loss_dis_{side}"] = over_scales(
                lsgan_d, critic(self.x[side]), critic(fake[side])
            )
        return terms | {"loss_dis_total": terms["loss_dis_a"] + terms["loss_dis_b"]}

    def of_generators(self, s: dict[str, Tensor], cycle: float = 0.0) -> Terms:
        """Pictures weigh 10, those that went round `cycle`, all else 1."""
        terms: Terms = {}
        total = torch.zeros((), dtype=torch.float64)
        seen = {side: self.read(side, self.x[side]) for side in "ab"}
        fake = {side: self.decode(side, seen[OTHER[side]][0], s[side]) for side in "ab"}
        again = {side: self.read(side, fake[side]) for side in "ab"}
        for side in "ab":
            content, style = seen[side]
            back = again[OTHER[side]][0]
            found = {
                "recon_x": l1(self.decode(side, content, style), self.x[side]),
                "recon_s": l1(again[side][1], s[side]),
                "recon_c": l1(back, content),
                "adv": over_scales(lsgan_g, self.parts[f"D_{side}"](fake[side])),
            }
            total = total + torch.stack(list(found.values())).sum() + 9 * found["recon_x"]
            if cycle:
                found["cycrecon_x"] = l1(self.decode(side, back, style), self.x[side])
                total = total + cycle * found["cycrecon_x"]
            terms |= {f"loss_gen_{name}_{side}": term for name, term in found.items()}
        return terms | {"loss_gen_total": total}


@pytest.fixture
def parts() -> Parts:
    return munit_parts(dict.fromkeys("ab", Golden("munit_gen").state()), 32)


@pytest.fixture
def training() -> Training:
    return Training()


def test_generator(parts: Parts) -> None:
    golden = Golden("munit_gen")
    x, s = golden.given("x"), golden.given("style").flatten(1)
    content, style = parts["E_a"](x), parts["Q_a"](x)
    golden.check("content", content)
    golden.check("style", style[..., None, None])
    for name, given in (("recon", style), ("decoded", s)):
        golden.check(name, parts["R_a"](parts["T_a"](content, given)))
    golden.check("decoded_b1", parts["R_a"](parts["T_a"](content[:1], s[:1])))


def test_the_graphs_are_the_official_program(parts: Parts) -> None:
    golden = Golden("munit_gen")
    x, s = golden.given("x"), golden.given("style").flatten(1)
    sampled = modgan.compose(munit.GRAPHS["a_to_b"], parts)
    golden.check("decoded", sampled(image=x, style=s)["image"])
    guided = modgan.compose(munit.GRAPHS["a_to_b_guided"], parts)
    golden.check("recon", guided(image=x, guide=x)["image"])


def test_shifts_come_before_scales_in_the_official_mlp(parts: Parts) -> None:
    """The recorded output of the MLP holds, per norm, shifts and then scales; ours the reverse."""
    golden = Golden("munit_gen")
    s, transformer = golden.given("style").flatten(1), parts["T_a"]
    rows = transformer.get_submodule("mlp")(s)
    golden.check("adain_params", munit.swapped(rows.T, 32).T)
    pattern = "b (block norm kind c) -> kind block norm b c 1 1"
    recorded = golden.tensors["out.adain_params"]
    shift, scale = rearrange(recorded, pattern, norm=2, kind=2, c=32)
    ours = transformer.modulations(s)  # type: ignore[operator]
    torch.testing.assert_close(ours[:, :, 0], scale, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours[:, :, 1], shift, rtol=0, atol=1e-5)


def test_the_first_official_rows_shift_and_do_not_scale(parts: Parts) -> None:
    state = Golden("munit_gen").state()
    state["mlp.model.2.fc.bias"][:32] += 1.0
    changed = munit_parts(dict.fromkeys("ab", state), 32)["T_a"]
    s = torch.randn(2, 4)
    before, after = (part.modulations(s) for part in (parts["T_a"], changed))  # type: ignore[operator]
    expected = torch.zeros_like(before)
    expected[0, 0, 1] = 1.0  # the shift of the first norm of the first block
    torch.testing.assert_close(after - before, expected, rtol=0, atol=1e-5)


def test_discriminator() -> None:
    golden = Golden("munit_dis")
    critic = munit_parts(dict.fromkeys("ab", golden.state()), 64)["D_a"]
    x, made = golden.given("x"), golden.given("x_fake")
    assert list(critic.outputs) == ["real_0", "real_1", "real_2"]
    for k, score in enumerate(critic(x)):
        golden.check(f"scale{k}", score)
    golden.check("downsampled", critic.get_submodule("halve")(x))
    critic.double()
    real, fake = critic(x.double()), critic(made.double())
    golden.check_losses(
        {
            "dis_loss": over_scales(lsgan_d, real, fake),
            "gen_loss": over_scales(lsgan_g, fake),
            "dis_loss_nsgan": over_scales(logistic_d, real, fake),
            "gen_loss_nsgan": over_scales(logistic_g, fake),
        }
    )


def test_averages_count_only_what_lies_inside() -> None:
    """At a border 6 pixels lie inside, in a corner 4."""
    halve = MultiScaleDiscriminator(image(64), width=2).get_submodule("halve")
    assert torch.equal(halve(torch.ones(1, 3, 64, 64)), torch.ones(1, 3, 32, 32))
    ramp = torch.arange(64.0).expand(1, 3, 64, 64)
    assert halve(ramp)[0, 0, 5, :3].tolist() == [0.5, 2.0, 4.0]


@pytest.mark.parametrize("cycle", [0.0, 10.0])
def test_every_term_and_its_gradients(training: Training, cycle: float) -> None:
    golden, suffix = training.golden, "_cyc10" if cycle else ""
    judged = training.of_critics(training.styles("dis"))
    judged["loss_dis_total"].backward()
    golden.check_gradients(f"dis{suffix}", training.moved("dis"))
    terms = training.of_generators(training.styles("gen"), cycle)
    terms["loss_gen_total"].backward()
    golden.check_gradients(f"gen{suffix}", training.moved("gen"))
    found = {f"{name}{suffix}": term for name, term in terms.items()}
    found |= {} if cycle else judged
    golden.check_losses(found)
    recorded = golden.facts["losses"]
    assert set(found) == {name for name in recorded if name.endswith("_cyc10") == bool(cycle)}


def test_training_follows_the_official_one(training: Training) -> None:
    """Every iteration moves the schedules, then the critics, then the generators."""
    steps = {"dis": training.of_critics, "gen": training.of_generators}
    optimizers = {
        network: Adam(
            training.moved(network).values(), lr=1e-4, betas=(0.5, 0.999), weight_decay=1e-4
        )
        for network in steps
    }
    schedules = [StepLR(optimizer, 100_000, 0.5) for optimizer in optimizers.values()]
    for at, row in enumerate(training.golden.log("munit")):
        found: Terms = {}
        for schedule in schedules if at else []:
            schedule.step()
        for network, losses in steps.items():
            terms = losses(training.styles(network, at))
            optimizers[network].zero_grad()
            terms[f"loss_{network}_total"].backward()
            optimizers[network].step()
            found |= terms
        assert {name: term.item() for name, term in found.items()} == pytest.approx(row, rel=1e-6)
    training.golden.check_end("munit", training.moved("gen") | training.moved("dis"))


def test_generator_at_full_size() -> None:
    full = fullsize("munit_gen")
    with torch.device("meta"):
        encoder = ContentEncoder(image(256))
        transformer = AdainTransformer(encoder.outputs["feature"])
        parts = {
            "E": encoder,
            "Q": StyleCoder(image(256)),
            "T": transformer,
            "R": UpsampleReconstructor(transformer.outputs["feature"], image(256)),
        }
        both = {f"{role}_{side}": part for role, part in parts.items() for side in "ab"}
        state = munit.to_official(both)["gen"]["a"]
    assert encoder.outputs["feature"] == FeatureSpec(256, 64, 64)
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    count = sum(p.numel() for part in parts.values() for p in part.parameters())
    assert count == full["n_params"] == 15_026_187


def test_discriminator_at_full_size() -> None:
    full = fullsize("munit_dis")
    with torch.device("meta"):
        part = MultiScaleDiscriminator(image(256))
        state = munit.to_official({"D_a": part, "D_b": part})["dis"]["b"]
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert list(shapes) == full["param_order"]
    assert sum(p.numel() for p in part.parameters()) == full["n_params"] == 8_271_171
    assert [spec.height for spec in part.outputs.values()] == [16, 8, 4]


@pytest.mark.parametrize("size", [64, 128, 256])
def test_ports_tell_the_sizes(size: int) -> None:
    encoder = ContentEncoder(image(size), width=1, n_res=1)
    transformer = AdainTransformer(encoder.outputs["feature"], n_res=1, hidden=2)
    last = UpsampleReconstructor(transformer.outputs["feature"], image(size))
    critic = MultiScaleDiscriminator(image(size), width=1)
    x = torch.rand(1, 3, size, size)
    made = last(transformer(encoder(x), StyleCoder(image(size), width=1)(x)))
    assert made.shape == x.shape
    for score, spec in zip(critic(made), critic.outputs.values(), strict=True):
        spec.check(score, "a score")


def test_a_style_of_another_length_is_refused(parts: Parts) -> None:
    graph = modgan.compose(munit.GRAPHS["a_to_b"], parts)
    text = r"input 'style': expects \(B, 4\) of 4 of normal, gets \(1, 8\)"
    with pytest.raises(InterfaceError, match=text):
        graph(image=torch.zeros(1, 3, 32, 32), style=torch.zeros(1, 8))
    parts["Q_b"] = StyleCoder(image(32), n_style=8, width=2)
    with pytest.raises(InterfaceError, match=r"port 'style' expects 4 of normal, gets 8 of normal"):
        modgan.compose(munit.GRAPHS["a_to_b_guided"], parts)
