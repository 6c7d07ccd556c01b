"""Blocks without ports, for components to be built from."""

from modgan.layers.conv import conv as conv
from modgan.layers.conv import plain_conv as plain_conv
from modgan.layers.conv import upconv as upconv
from modgan.layers.init import dcgan_init as dcgan_init
from modgan.layers.norm import group_norm as group_norm
from modgan.layers.norm import instance_norm as instance_norm
from modgan.layers.patch import patch_basis as patch_basis
from modgan.layers.residual import PreactBlock as PreactBlock
from modgan.layers.residual import ReflectBlock as ReflectBlock
from modgan.layers.residual import ResidualBlock as ResidualBlock
