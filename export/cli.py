"""The commands of export, where the `stillhouse` command finds them."""

from export.commands.bench import bench
from export.commands.calibrate import calibrate
from export.commands.evaluate import evaluate
from export.commands.export import export
from export.commands.predict import predict
from export.commands.score import score

__all__ = ["bench", "calibrate", "evaluate", "export", "predict", "score"]
