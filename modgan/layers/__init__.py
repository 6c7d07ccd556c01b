"""Blocks without ports, for components to be built from."""

from modgan.layers.conv import conv as conv
from modgan.layers.conv import upconv as upconv
from modgan.layers.norm import group_norm as group_norm
from modgan.layers.norm import instance_norm as instance_norm
from modgan.layers.patch import patch_basis as patch_basis
from modgan.layers.residual import PreactBlock as PreactBlock
from modgan.layers.residual import ResidualBlock as ResidualBlock
