"""How weights start."""

from __future__ import annotations

from torch import nn


def dcgan_init(module: nn.Module) -> None:
    """Convolutions N(0, 0.02), scales of batch norms N(1, 0.02), their biases 0; linear ones stay.

    Radford et al., Unsupervised Representation Learning with DCGAN, ICLR 2016.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def orthogonal_init(module: nn.Module) -> None:
    """Weights orthogonal, scales of batch norms N(1, 0.02), biases 0; those of convolutions stay.

    FineGAN and MixNMatch; Saxe et al., Exact solutions to the nonlinear dynamics of learning, 2014.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.orthogonal_(layer.weight)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.Linear)) and (
            layer.bias is not None
        ):
            nn.init.zeros_(layer.bias)


def kaiming_init(module: nn.Module) -> None:
    """Convolutions and linear layers N(0, 2 / inputs), their biases 0: MUNIT and UNIT.

    He et al., Delving deep into rectifiers, ICCV 2015.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
