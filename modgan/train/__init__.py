"""Training: phases are data, the loop is a generator, bookkeeping is its caller."""

from modgan.train.flags import main as main
from modgan.train.loop import Batch as Batch
from modgan.train.loop import Loss as Loss
from modgan.train.loop import Phase as Phase
from modgan.train.loop import Progress as Progress
from modgan.train.loop import Share as Share
from modgan.train.loop import Trainer as Trainer
from modgan.train.loop import TrainingError as TrainingError
from modgan.train.recipe import Bookkeeping as Bookkeeping
from modgan.train.recipe import Engine as Engine
from modgan.train.recipe import Recipe as Recipe
from modgan.train.recipe import Score as Score
from modgan.train.run import run as run
