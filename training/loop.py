"""The training loop that all parts share: an objective says what is learned, this says how.

A training is a function of its settings and its number of steps: the batch and the random numbers
of a step depend on (seed, step, rank) alone, so one that was killed and resumed follows the same
losses as one that ran through.
"""

from __future__ import annotations

import atexit
import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from . import checkpoint, lock
from .average import average_of
from .checkpoint import TrainingError
from .data.batches import Batch, MakeBatch, batches, placed
from .data.seeds import begin, seed_of
from .objective import Objective

logger = logging.getLogger(__name__)

SCHEDULES = ("cosine", "constant")
PRECISIONS = ("no", "bf16", "fp16")


@dataclass(frozen=True)
class LoopSettings:
    """How to train.

    Args:
        steps: of the optimizer, in all; with `schedule` "cosine" the learning rate ends there.
        learning_rate: the highest, reached after `warmup` steps.
        warmup: steps until the highest learning rate.
        schedule: of the learning rate after the warm-up.
        weight_decay: AdamW's.
        clip: the largest norm of a gradient; 0: any.
        ema: decay of the average of the weights, which is what is published.
        precision: "no" is float32; "bf16" and "fp16" autocast. What `accelerate launch` was told,
            where it was told.
        accumulate: batches a step.
        save_every: steps between checkpoints; a stop always saves one.
        keep: checkpoints to keep, at least 2.
        report_every: steps between reports; 0: none.
        log_every: steps between lines on the console and points in TensorBoard.
        seed: of everything random.
        workers: processes that make batches ahead of time; 0: none.
        threads: of torch on the CPU; 0: torch's own choice.
        minutes: to stop after, saved and resumable; 0: no limit.
        gradient_checkpointing: less memory for more time.
    """

    steps: int
    learning_rate: float = 1e-4
    warmup: int = 100
    schedule: str = "cosine"
    weight_decay: float = 0.0
    clip: float = 1.0
    ema: float = 0.999
    precision: str = "no"
    accumulate: int = 1
    save_every: int = 500
    keep: int = 2
    report_every: int = 0
    log_every: int = 20
    seed: int = 0
    workers: int = 0
    threads: int = 0
    minutes: float = 0.0
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        for name, choices in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                one_of = ", ".join(choices)
                raise ValueError(f"{name} is one of {one_of}; not {getattr(self, name)}")
        for name in ("steps", "accumulate", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"the learning rate is above 0, not {self.learning_rate}")


def rate_at(step: int, settings: LoopSettings) -> float:
    """The learning rate of a step, counted from 0: linear warm-up, then as scheduled."""
    warm = min(1.0, (step + 1) / max(settings.warmup, 1))
    if settings.schedule == "constant":
        return settings.learning_rate * warm
    done = min(1.0, step / settings.steps)
    return settings.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * done))


def train(objective: Objective, make_batch: MakeBatch, settings: LoopSettings, folder: Path) -> int:
    """Trains until `settings.steps`, a limit or a signal; goes on where `folder` has a checkpoint.

    `folder` receives `checkpoints/`, `files/` (what the nodes load) and `tensorboard/`.

    Args:
        make_batch: (number, rank, world) -> batch; step s takes numbers s * accumulate and on.

    Returns:
        The step reached.

    Raises:
        TrainingError: if the loss stops being a number, the disk is full, or the checkpoint does
            not fit; the last good checkpoint stays.
        FolderTaken: if another process is training into the folder.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    run = Run(objective, settings, Path(folder))
    explained = checkpoint.full_disk_explained(f"what belongs into {folder}")
    with stop_signals(run), explained, lock.taken(run.folder) if run.main else nullcontext():
        run.begin()
        try:
            run.steps(make_batch)
        finally:
            run.end()
    run.accelerator.wait_for_everyone()
    return run.step


class TrainedModule(nn.Module):
    """The objective as one module, which is what accelerate wraps: for gradients that are shared
    between processes, and for autocast, everything must go through one `forward`."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.trained = objective.modules
        self.compute = objective.loss

    def forward(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Any]]:
        return self.compute(batch, generator)


@dataclass
class Pace:
    """What was measured since the last line of the log."""

    began: float = field(default_factory=time.monotonic)
    count: int = 0
    figures: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, figures: dict[str, Any]) -> None:
        self.count += 1
        for name, value in figures.items():
            # As a tensor: on a GPU, a number would have to be waited for.
            value = torch.as_tensor(value).detach()
            self.figures.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        return {
            name: sum(float(value) for value in values) / len(values)
            for name, values in self.figures.items()
        }

    def speed(self) -> float:
        """Steps a second."""
        return self.count / max(time.monotonic() - self.began, 1e-9)


class Run:
    """One run of a training, from its start or a checkpoint to its end or a stop."""

    def __init__(self, objective: Objective, settings: LoopSettings, folder: Path) -> None:
        self.objective, self.settings, self.folder = objective, settings, folder
        self.step = 0
        self.saved = -1
        self.stop_reason = ""
        self.deadline = time.monotonic() + 60 * settings.minutes if settings.minutes else math.inf
        self.accelerator = accelerator_of(settings.precision, objective.leaves_out)
        device = self.accelerator.device
        objective.modules.to(device)
        if settings.gradient_checkpointing:
            objective.gradient_checkpointing()
        self.average = average_of(objective.modules, settings.ema)
        self.parameters = [p for p in objective.modules.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            foreach=True,
        )
        self.state = checkpoint.TrainingState(objective.modules, self.average, self.optimizer)
        self.model, self.prepared = self.accelerator.prepare(
            TrainedModule(objective), self.optimizer
        )
        self.generator = torch.Generator(device)
        self.writer: SummaryWriter

    @property
    def main(self) -> bool:
        return self.accelerator.is_main_process

    def begin(self) -> None:
        """Loads the newest checkpoint, if any, and opens the log."""
        facts = checkpoint.resume(self.folder, self.state)
        if facts is not None:
            self.step = self.saved = facts.step
            if self.accelerator.scaler is not None and facts.scaler:
                self.accelerator.scaler.load_state_dict(facts.scaler)
            self._compare(facts.settings)
            if self.main:
                logger.info("going on from step %d of %s", self.step, self.folder)
        if self.main:
            checkpoint.clean(self.folder)
            log = self.folder / "tensorboard"
            self.writer = SummaryWriter(log, purge_step=self.step + 1 if self.step else None)

    def end(self) -> None:
        """Closes the log; one that cannot be written any more has said so before."""
        if self.main:
            with suppress(OSError):
                self.writer.close()

    def _compare(self, before: dict[str, Any]) -> None:
        now = asdict(self.settings)
        for name in ("seed", "accumulate", "steps", "learning_rate", "schedule"):
            if self.main and before.get(name) != now[name]:
                logger.warning("%s was %s, and is %s from here on", name, before[name], now[name])

    def steps(self, make_batch: MakeBatch) -> None:
        """Trains to the end or a stop, and saves."""
        each = self.settings.accumulate
        source = batches(
            make_batch,
            range(self.step * each, self.settings.steps * each),
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
            workers=self.settings.workers,
            pin=self.accelerator.device.type == "cuda",
        )
        if self.main and self.step >= self.settings.steps:
            self._export()
        pace = Pace()
        while self.step < self.settings.steps and not self._stopped():
            figures = self._one_step(source)
            self.step += 1
            pace.add(figures)
            if self.step % self.settings.log_every == 0:
                self._log(pace)
                pace = Pace()
            if self.step % self.settings.save_every == 0:
                self._save()
            if self.settings.report_every and self.step % self.settings.report_every == 0:
                self._report()
        self._save()
        if self.main:
            why = f"stopped by {self.stop_reason}" if self.stop_reason else "finished"
            logger.info("%s at step %d of %d", why, self.step, self.settings.steps)

    def _one_step(self, source: Iterator[Batch]) -> dict[str, Any]:
        """One step of the optimizer; returns what to log of it."""
        rate = rate_at(self.step, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        measured = [self._one_batch(next(source), part) for part in range(self.settings.accumulate)]
        norm = self._clip()
        loss = sum(float(figures["loss"]) for figures in measured) / len(measured)
        self._check("loss", loss, rate)
        # In fp16 the scaler skips a step whose gradients overflow, and tries a smaller scale.
        if self.settings.precision != "fp16":
            self._check("gradient", norm, rate)
        self.prepared.step()
        self.prepared.zero_grad()
        self.average.update_parameters(self.objective.modules)
        return {**measured[-1], "loss": loss, "gradient": norm, "learning_rate": rate}

    def _one_batch(self, batch: Batch, part: int) -> dict[str, Any]:
        """Adds the gradient of a batch, the part-th of its step; returns what to log of it."""
        each = self.settings.accumulate
        number = self.step * each + part
        seed = seed_of(self.settings.seed, number, self.accelerator.process_index)
        begin(seed, self.generator)
        batch = placed(batch, self.accelerator.device)
        last = part == each - 1
        with nullcontext() if last else self.accelerator.no_sync(self.model):
            loss, figures = self.model(batch, self.generator)
            self.accelerator.backward(loss / each)
        return {**figures, "loss": loss.detach()}

    def _clip(self) -> float:
        return float(
            self.accelerator.clip_grad_norm_(self.parameters, self.settings.clip or math.inf)
        )

    def _check(self, what: str, value: float, rate: float) -> None:
        if math.isfinite(value):
            return
        kept = checkpoint.checkpoints(self.folder)
        last = f"the last good checkpoint is {kept[0][1]}" if kept else "no checkpoint exists yet"
        raise TrainingError(
            f"the {what} of step {self.step + 1} is {value}, at a learning rate of {rate:.2e}; "
            f"training has stopped, nothing was overwritten, and {last}. Go on from there with a "
            "lower learning rate or a smaller clip, or in float32 if it was not"
        )

    def _stopped(self) -> bool:
        """Whether to stop; all processes answer alike."""
        if not self.stop_reason and time.monotonic() > self.deadline:
            self.stop_reason = "the limit in minutes"
        if self.accelerator.num_processes == 1:
            return bool(self.stop_reason)
        told = torch.tensor(float(bool(self.stop_reason)), device=self.accelerator.device)
        if self.accelerator.reduce(told, "sum").item() > 0:
            self.stop_reason = self.stop_reason or "another process"
        return bool(self.stop_reason)

    def _log(self, pace: Pace) -> None:
        if not self.main:
            return
        figures = pace.means()
        for name, value in figures.items():
            self.writer.add_scalar(f"train/{name}", value, self.step)
        self.writer.add_scalar("train/steps_per_second", pace.speed(), self.step)
        self.writer.flush()
        left = (self.settings.steps - self.step) / pace.speed()
        left = min(left, max(0.0, self.deadline - time.monotonic()))
        logger.info(
            "step %d/%d  loss %.4f  lr %.2e  %.2f steps/s  %s left",
            self.step,
            self.settings.steps,
            figures["loss"],
            figures["learning_rate"],
            pace.speed(),
            duration(left),
        )

    def _save(self) -> None:
        """Saves a checkpoint and the finished files, unless those of this step are there."""
        if self.main and self.saved != self.step:
            scaler = self.accelerator.scaler
            facts = checkpoint.Facts(
                step=self.step,
                settings=asdict(self.settings),
                scaler=scaler.state_dict() if scaler is not None else {},
            )
            # In this order no checkpoint exists whose finished files do not.
            self._export()
            checkpoint.save(self.folder, self.state, facts, self.settings.keep)
            self.saved = self.step
        self.accelerator.wait_for_everyone()

    def _export(self) -> None:
        for name, (tensors, metadata) in self.objective.files(self.average.module).items():
            half = {
                key: value.half() if value.is_floating_point() else value
                for key, value in tensors.items()
            }
            metadata = {**metadata, "motion_i2v.steps": str(self.step)}
            checkpoint.write(self.folder / checkpoint.FILES / name, half, metadata)

    def _report(self) -> None:
        """Lets the objective show what it can do; a report that fails stops no training."""
        if self.main:
            try:
                with torch.no_grad(), self.accelerator.autocast():
                    self.objective.report(self.average.module, self.writer, self.step)
                self.writer.flush()
            except Exception:
                logger.exception("the report of step %d failed; training goes on", self.step)
        self.accelerator.wait_for_everyone()


def accelerator_of(precision: str, leaves_out: bool) -> Accelerator:
    """An accelerator of that precision, whatever an earlier training of this process used."""
    AcceleratorState._reset_state()
    unused = DistributedDataParallelKwargs(find_unused_parameters=leaves_out)
    # Not at a training's end: a recipe has several, one after another, in the same group.
    atexit.unregister(end_processes)
    atexit.register(end_processes)
    return Accelerator(
        mixed_precision=precision, cpu=not torch.cuda.is_available(), kwargs_handlers=[unused]
    )


def end_processes() -> None:
    """Leaves the group of processes, whose threads would otherwise be cut off as Python ends."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def stop_signals(run: Run) -> Iterator[None]:
    """Turns the first Ctrl-C or SIGTERM into a clean stop; a second one ends the process."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def stop(number: int, frame: Any) -> None:
        run.stop_reason = signal.Signals(number).name
        for other, handler in before.items():
            signal.signal(other, handler)

    try:
        for number in numbers:
            signal.signal(number, stop)
    except ValueError:  # only the main thread may
        logger.warning("not in the main thread: signals stop this training without saving")
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, handler)


def duration(seconds: float) -> str:
    """Such as "2 h 05 min", "7 min", "30 s"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
