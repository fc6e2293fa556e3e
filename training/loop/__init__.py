"""The training itself: one Trainer, its schedule, its processes."""
