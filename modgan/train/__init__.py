"""Training: phases are data, the loop is a generator, bookkeeping is its caller."""

from modgan.train.loop import Batch as Batch
from modgan.train.loop import Phase as Phase
from modgan.train.loop import Progress as Progress
from modgan.train.loop import Trainer as Trainer
from modgan.train.loop import TrainingError as TrainingError
from modgan.train.run import Recipe as Recipe
from modgan.train.run import main as main
from modgan.train.run import run as run
