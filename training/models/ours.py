"""The architectures of our own: importing this registers them with the auto classes."""

import training.models.pruned.modeling
import training.models.students.bilstm
import training.models.students.linear
import training.models.students.nano  # noqa: F401
