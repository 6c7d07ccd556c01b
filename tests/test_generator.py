"""G's categorical variables: noise chooses. Axes: B batch."""

from __future__ import annotations

import pytest
import torch

from modgan.components import ResidualGenerator
from modgan.components.generator import choose
from modgan.spec import FeatureSpec, InterfaceError

FEATURE = FeatureSpec(3, 4, 4)


def generator(*choices: int) -> ResidualGenerator:
    return ResidualGenerator(FEATURE, "digit", ("0", "1"), n_z=5, width=4, choices=choices)


def test_the_largest_entry_of_a_block_is_chosen() -> None:
    z = torch.tensor([[0.1, 0.3, 0.2, -1.0, -2.0], [2.0, 0.0, 1.0, 3.0, 4.0]])
    assert choose(z, (3, 2)).tolist() == [[1, 0], [0, 1]]
    assert choose(z, ()).shape == (2, 0)


def test_a_choice_alone_changes_what_is_drawn() -> None:
    """Two noises that are nearly alike, and choose differently."""
    G = generator(3, 2).eval()
    z = torch.zeros(2, 5)
    z[0, 0] = z[1, 1] = 1e-4
    with torch.no_grad():
        chosen = G(z, torch.tensor([[1.0, 0.0]]).expand(2, 2))
        plain = generator().eval()(z, torch.tensor([[1.0, 0.0]]).expand(2, 2))
    assert (chosen[0] - chosen[1]).abs().max() > 1e-2
    assert (plain[0] - plain[1]).abs().max() < 1e-3


@pytest.mark.parametrize("choices", [(4, 2), (3, 1)])
def test_choices_that_noise_cannot_make(choices: tuple[int, ...]) -> None:
    with pytest.raises(InterfaceError, match=rf"the 5 entries of z; got \[{choices[0]}"):
        generator(*choices)
