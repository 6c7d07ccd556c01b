"""The parts of the common space family by their formulas. Axes: B batch, C channels, H W."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from modgan.components import (
    AdainTransformer,
    ConditionalReconstructor,
    ContentEncoder,
    DcganGenerator,
    DomainDiscriminator,
    NoiseGenerator,
    SharedEncoder,
    SharedReconstructor,
    StyleCoder,
    UpsampleReconstructor,
)
from modgan.layers import reversed_gradient
from modgan.losses import classification
from modgan.spec import FeatureSpec, image, onehot

B = 3
IMAGE = image(16)
FEATURE = FeatureSpec(8, 4, 4, "content@test")
ATTRIBUTES = {"smile": ["no", "yes"], "hair": ["black", "blond", "red"]}
CODES = {name: onehot(name, labels) for name, labels in ATTRIBUTES.items()}


def copied(part: nn.Module, source: nn.Module, names: Mapping[str, str]) -> None:
    """Give `part` the tensors of `source`: our prefixes and theirs."""
    state = source.state_dict()
    part.load_state_dict(
        {
            f"{ours}{key.removeprefix(theirs)}": tensor
            for ours, theirs in names.items()
            for key, tensor in state.items()
            if key.startswith(theirs)
        }
    )


def test_a_shared_encoder_is_the_rest_of_a_content_encoder() -> None:
    whole = ContentEncoder(IMAGE, width=2, n_down=2, n_res=1)
    first = ContentEncoder(IMAGE, width=2, n_down=1, n_res=0)
    shared = SharedEncoder(first.outputs["feature"], n_down=1, n_res=1)
    copied(first, whole, {"stem.0.": "stem.0.", "stem.1.": "stem.1."})
    copied(shared, whole, {"body.0.": "stem.2.", "body.1.": "blocks.0."})
    x = torch.randn(B, *IMAGE.shape)
    assert shared.outputs["feature"].shape == whole.outputs["feature"].shape
    assert torch.equal(shared(first(x)), whole(x))


def test_a_shared_reconstructor_is_the_start_of_an_upsampling_one() -> None:
    whole = UpsampleReconstructor(FEATURE, IMAGE, n_res=1, n_up=2)
    shared = SharedReconstructor(FEATURE, n_res=1, n_up=1)
    last = UpsampleReconstructor(shared.outputs["feature"], IMAGE, n_up=1)
    copied(shared, whole, {"body.0.": "blocks.0.", "body.1.": "grow.0."})
    copied(last, whole, {"grow.0.": "grow.1.", "head.": "head."})
    f = torch.randn(B, *FEATURE.shape)
    assert torch.equal(last(shared(f)), whole(f))


def test_noise_alone_grows_as_noise_with_codes_does() -> None:
    feature = FeatureSpec(4, 8, 8)
    part, other = NoiseGenerator(feature, n_z=7), DcganGenerator(CODES, feature, n_z=2)
    other.load_state_dict(part.state_dict())
    z, codes = torch.randn(B, 2), [torch.eye(2)[[0, 1, 1]], torch.eye(3)]
    whole = torch.cat([z, 2 * torch.cat(codes, 1) - 1], 1)
    assert torch.equal(part(whole), other(z, *codes))


def test_codes_join_the_feature_before_every_doubling() -> None:
    part = ConditionalReconstructor(FEATURE, image(32), CODES, width=4).eval()
    f, codes = torch.randn(B, *FEATURE.shape), [torch.eye(2)[[0, 1, 1]], torch.eye(3)]
    layers = [*part.grow, part.head]
    assert [m.in_channels for m in part.modules() if isinstance(m, nn.ConvTranspose2d)] == [
        8 + 5,
        8 + 5,
        4 + 5,
    ]
    h, y = f, 2 * torch.cat(codes, 1)[:, :, None, None] - 1
    for layer in layers:
        h = layer(torch.cat([h, y.expand(-1, -1, *h.shape[2:])], 1))
    assert torch.equal(part(f, *codes), h.tanh())


def test_channels_of_a_conditional_reconstructor_at_the_papers_size() -> None:
    """Fader networks at 256 pixels: 512, 512, 256, 128, 64, 32 channels, each beside the code."""
    with torch.device("meta"):
        part = ConditionalReconstructor(
            FeatureSpec(512, 4, 4), image(256), {"male": CODES["smile"]}
        )
    read = [m.in_channels - 2 for m in part.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert read == [512, 512, 256, 128, 64, 32]


def test_a_domain_discriminator_answers_in_the_order_of_its_attributes() -> None:
    part = DomainDiscriminator(FEATURE, ATTRIBUTES, width=4, n_down=1, hidden=6)
    f = torch.randn(B, *FEATURE.shape)
    whole = part.labels(part.trunk(f))
    smile, hair = part(f)
    assert list(part.outputs) == list(ATTRIBUTES)
    assert torch.equal(smile, whole[:, :2]) and torch.equal(hair, whole[:, 2:])


def test_a_style_without_effect_leaves_the_residuals_alone() -> None:
    """Scale 0 and shift 0 switch every block off; so the transformer is a chain of residuals."""
    part = AdainTransformer(FEATURE, n_style=3, n_res=2, hidden=4)
    f, style = torch.randn(B, *FEATURE.shape), torch.randn(B, 3)
    assert not torch.allclose(part(f, style), f)
    for key in ("mlp.4.weight", "mlp.4.bias"):
        nn.init.zeros_(part.get_parameter(key))
    assert torch.equal(part(f, style), f)


def test_styles_see_colours_and_content_does_not() -> None:
    """A change of contrast and brightness is all in the style: instance norm takes it away."""
    x = torch.randn(B, *IMAGE.shape) / 4
    faded = x / 2 + 0.25
    content, style = ContentEncoder(IMAGE, width=4, n_res=1), StyleCoder(IMAGE, width=4)
    torch.testing.assert_close(content(x), content(faded), rtol=0, atol=0.02)
    assert (style(x) - style(faded)).abs().max() > 0.1


def test_an_encoder_behind_a_reversal_hides_the_domain() -> None:
    """Two clouds of features: the critic tells them apart, then the encoder mixes them."""
    shift = nn.Parameter(torch.zeros(8, 1, 1))
    critic = DomainDiscriminator(FEATURE, {"domain": ["a", "b"]}, width=4, n_down=1, hidden=8)
    domain = torch.arange(16) % 2
    features = torch.randn(16, *FEATURE.shape) / 4

    def loss(strength: float) -> Tensor:
        moved = features + domain[:, None, None, None] * (1 + shift)
        (told,) = critic(reversed_gradient(moved, strength))
        return classification(told, domain)

    learns = torch.optim.Adam(critic.parameters(), lr=0.02)
    for _ in range(30):
        learns.zero_grad()
        loss(0.0).backward()
        learns.step()
    before = loss(1.0)
    (grad,) = torch.autograd.grad(before, shift)
    assert before < 0.1
    with torch.no_grad():
        shift -= 0.1 * grad / grad.norm()
    assert loss(1.0) > before
