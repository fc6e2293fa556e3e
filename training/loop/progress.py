"""What a training shows: one bar with the loss, and a line for each evaluation."""

from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ProgressCallback

UNTOLD = ("runtime", "samples_per_second", "steps_per_second")


class Progress(ProgressCallback):
    """The Trainer's own bars, with numbers where it dumps its log."""

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        if not state.is_world_process_zero or self.training_bar is None or not logs:
            return
        if "loss" in logs:
            self.training_bar.set_postfix_str(f"loss {float(logs['loss']):.4g}", refresh=False)
        found = {
            name.removeprefix("eval_"): float(value)
            for name, value in logs.items()
            if name.startswith("eval_") and not name.endswith(UNTOLD)
        }
        if found:
            numbers = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
            self.training_bar.write(f"step {state.global_step} of {state.max_steps}: {numbers}")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **known: Any
    ) -> None:
        """Called by the Trainer."""
        super().on_train_begin(args, state, control, **known)  # type: ignore[no-untyped-call]
        if self.training_bar is not None:
            self.training_bar.set_description("training", refresh=False)
