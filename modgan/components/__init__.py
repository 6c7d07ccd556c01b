"""Every registered component, filed by role."""

from modgan.components.coder import AttributeCoder as AttributeCoder
from modgan.components.discriminator import LabelDiscriminator as LabelDiscriminator
from modgan.components.discriminator import MultiHeadDiscriminator as MultiHeadDiscriminator
from modgan.components.encoder import ConvEncoder as ConvEncoder
from modgan.components.encoder import PatchEncoder as PatchEncoder
from modgan.components.generator import ConvGenerator as ConvGenerator
from modgan.components.reconstructor import ConvReconstructor as ConvReconstructor
from modgan.components.reconstructor import PatchReconstructor as PatchReconstructor
from modgan.components.transformer import MaskedTransformer as MaskedTransformer
from modgan.components.transformer import ResidualTransformer as ResidualTransformer
