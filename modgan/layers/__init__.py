"""Blocks without ports, for components to be built from."""

from modgan.layers.conv import conv as conv
from modgan.layers.conv import leaky as leaky
from modgan.layers.conv import leaky_norm as leaky_norm
from modgan.layers.conv import plain_conv as plain_conv
from modgan.layers.conv import upconv as upconv
from modgan.layers.gated import GatedBlock as GatedBlock
from modgan.layers.gated import GatedGrowth as GatedGrowth
from modgan.layers.gated import gated as gated
from modgan.layers.gated import joint_stage as joint_stage
from modgan.layers.gated import same_block as same_block
from modgan.layers.gated import up_block as up_block
from modgan.layers.init import dcgan_init as dcgan_init
from modgan.layers.init import orthogonal_init as orthogonal_init
from modgan.layers.noise import Noise as Noise
from modgan.layers.norm import group_norm as group_norm
from modgan.layers.norm import instance_norm as instance_norm
from modgan.layers.patch import patch_basis as patch_basis
from modgan.layers.resample import resized as resized
from modgan.layers.residual import PreactBlock as PreactBlock
from modgan.layers.residual import ReflectBlock as ReflectBlock
from modgan.layers.residual import ResidualBlock as ResidualBlock
