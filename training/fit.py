"""A whole training: epochs, validation, history, best and last weights, checkpoints."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from shlex import quote

import keras
from keras import ops
from tqdm import tqdm

from base.files import write_bytes
from data import Batches, Dataset, report_unreadable
from models import Architecture, weights
from training.engine import train_epoch
from training.hardware.replicas import Replicas
from training.monitoring.diagnosis import advice, diagnose
from training.monitoring.progress_bar import progress_bar
from training.monitoring.validation import Evaluator
from training.monitoring.whole_split import describe_part, score_whole, scored_part
from training.recovery.checkpoint_writer import CheckpointWriter
from training.recovery.interrupt import interruptible
from training.runs import RunFolder, best_row, write_history
from training.state import State, TrainingConfig

# the progress bar's words for the loss's parts
SHOWN = {"loss": "loss", "box_loss": "box", "class_loss": "class", "acc": "acc"}

NEVER_THAWED = (
    "The time was over after {} of the epochs of --freeze {}: the backbone "
    "never learned. Go on with more --minutes (--resume {}), or begin with fewer such "
    "epochs."
)


class Stopped(Exception):
    """The training was asked to end, and its checkpoint is written."""


def fit(
    model: keras.Model,
    architecture: Architecture,
    datasets: tuple[Dataset, Dataset],
    settings: TrainingConfig,
    output: RunFolder,
    resume: bool = False,
    replicas: Replicas | None = None,
) -> list[dict]:
    """Train and leave best.weights.h5, last.weights.h5, history.csv in `output.folder`.

    Returns the history, a row per epoch with the means of the loss's parts, those of
    the validation as `val_...`, mAP50, seconds since the start, images per second and
    the share of the training steps' time in which they waited for images.
    `datasets` are those to train on and to validate with, of the same classes; best is
    the highest mAP50 on the second. `replicas` are the devices that share the work; the
    model was made in their scope.

    checkpoint.npz beside them holds all that it takes to go on; with `resume` the
    training goes on from it, and `model` may hold anything. One Ctrl-C ends the
    training after its step and a checkpoint. FloatingPointError where the loss or a
    weight is not finite any more, OSError where something can't be written; the
    checkpoint before it stays.
    """
    replicas = replicas or Replicas()
    train_set, val_set = datasets
    share = (replicas.worker, replicas.workers)
    batches = Batches(train_set, settings.update_size, settings.seed, share=share)
    num_steps = settings.epochs and settings.epochs * batches.steps_per_epoch
    state = State(model, architecture, settings, num_steps, replicas)
    part = scored_part(val_set, len(train_set))
    if words := describe_part(part, val_set):
        print(words)
    check = Evaluator(model, architecture, part, settings.batch_size)
    checkpoints = CheckpointWriter(output, state)
    checkpoints.begin(resume)
    _train_epochs(state, batches, check, output, checkpoints)
    if state.is_over:
        _finish(state, (part, val_set), output, checkpoints)
    report_unreadable(batches.broken | check.batches.broken)
    return state.history


def _train_epochs(
    state: State,
    batches: Batches,
    check: Evaluator,
    output: RunFolder,
    checkpoints: CheckpointWriter,
) -> None:
    """Until the training is over, or somebody asks for its end."""
    bar = progress_bar(state.schedule.num_steps, state.schedule.step)
    with bar, interruptible() as interrupt, suppress(Stopped):

        def stop_if_wished() -> None:  # of several workers all at the same step
            if state.replicas.sum_over_workers(float(interrupt.wished)) > 0:
                checkpoints.save()
                raise Stopped

        def on_step(parts: dict | None) -> None:
            _show(bar, parts, state, batches)
            if state.ema and parts:
                state.ema.update()
            stop_if_wished()
            checkpoints.save_if_due()

        trainer = None
        while not state.is_over:
            state.enter_epoch()
            is_new, trainer = state.trainer is not trainer, state.trainer
            totals = state.epoch_totals
            rest = batches.epoch(state.epoch, totals.steps)
            with closing(rest), _located(state, batches):
                row = train_epoch(state.trainer, rest, state.schedule, on_step, totals)
            _end_epoch(state, row, check, output)
            bar.write(_line(state.history[-1], state.settings, is_new))
            _warn_stuck(state, check, bar)
            checkpoints.save()
            stop_if_wished()


def _finish(
    state: State,
    scored: tuple[Dataset, Dataset],
    output: RunFolder,
    checkpoints: CheckpointWriter,
) -> None:
    """Of a training whose last epoch is over: score all images, say that it is over."""
    part, val_set = scored
    if state.settings.has_stalled(state.history):
        best = max(row["mAP50"] for row in state.history)
        print(
            f"ended early: the best mAP50, {best:.3f}, has not been passed in "
            f"{state.settings.patience} epochs (--patience)"
        )
    before = [dict(row) for row in state.history]
    if not state.settings.is_over(state.history):
        # the clock ran out while weights and checkpoint were written
        state.history[-1]["seconds"] = state.schedule.seconds
    if len(part) < len(val_set):
        score_whole(state, val_set, output.folder)
    if state.history != before:
        write_history(output.folder / "history.csv", state.history)
        checkpoints.save()
    if state.frozen:
        epochs, folder = state.settings.freeze_epochs, quote(str(output.folder))
        line = NEVER_THAWED.format(len(state.history), epochs, folder)
        print(line, file=sys.stderr)


@contextmanager
def _located(state: State, batches: Batches) -> Iterator[None]:
    """What became not finite is told with its step and images."""
    try:
        yield
    except FloatingPointError as error:
        where = f"epoch {state.epoch + 1}, step {state.epoch_totals.steps + 1}"
        indices = batches.indices(state.epoch, state.epoch_totals.steps)
        samples = ", ".join(str(batches.dataset.samples[i].path) for i in indices)
        raise FloatingPointError(f"{where} (images {samples}): {error}") from error


def _end_epoch(state: State, row: dict, check: Evaluator, output: RunFolder) -> None:
    """Validate, complete the epoch's row, write weights and history."""
    with state.ema.applied() if state.ema else nullcontext():
        figures, threshold, f1 = check()
        rate = state.trainer.optimizer.learning_rate
        state.end_epoch(
            {
                "epoch": state.epoch + 1,
                "seconds": state.schedule.seconds,
                "lr": float(ops.convert_to_numpy(rate)),
                **row,
                **figures,
            }
        )
        _save_weights(state, check.dataset.class_names, (threshold, f1), output)
    write_history(output.folder / "history.csv", state.history)
    if output.on_epoch:
        output.on_epoch(state.history[-1])


def _save_weights(
    state: State,
    class_names: list[str],
    threshold_f1: tuple[float, float],
    output: RunFolder,
) -> None:
    """last.weights.h5, and best.weights.h5 where the last epoch is the best.

    threshold_f1: the threshold with the best F1 on the validation set, and that F1.
    """
    row = state.history[-1]
    description = weights.ModelMetadata(
        state.architecture,
        class_names,
        *threshold_f1,
        {**output.notes, "epochs": row["epoch"], "mAP50": row["mAP50"]},
        output.licence,
    )
    last = output.folder / "last.weights.h5"
    weights.save(state.model, last, description)
    if best_row(state.history) is row:
        write_bytes(output.folder / "best.weights.h5", last.read_bytes())


def _warn_stuck(state: State, check: Evaluator, bar: tqdm) -> None:
    """Once, what is wrong with the training and what to try."""
    if state.warned:
        return
    progress = state.schedule.progress
    if problem := diagnose(state.history, check, progress):
        bar.write(advice(problem, progress, state.settings, state.architecture))
        state.warned = True


def _show(bar: tqdm, parts: dict | None, state: State, batches: Batches) -> None:
    """A step's parts of the loss and the val_acc of the epoch before."""
    if parts is None:
        bar.write(_skipped_line(state, batches))
    else:
        texts = {SHOWN[name]: f"{value:.2f}" for name, value in parts.items()}
        if state.history:
            texts["val_acc"] = f"{state.history[-1]['val_acc']:.2f}"
        bar.set_postfix(texts)
    bar.update()


def _skipped_line(state: State, batches: Batches) -> str:
    """A step that was undone; its images the first time, and from then on the count."""
    step, count = state.epoch_totals.steps - 1, state.trainer.skipped
    where = f"epoch {state.epoch + 1}, step {step + 1}"
    if count > 1:
        return f"{where}: not finite, undone and skipped ({count} so far)"
    indices = batches.indices(state.epoch, step)
    names = ", ".join(batches.dataset.samples[i].path.name for i in indices)
    return f"{where}: not finite, undone and skipped (images {names})"


def _line(row: dict, settings: TrainingConfig, is_new: bool) -> str:
    """What a person reads after each epoch; is_new: its first step was traced."""
    of = f"/{settings.epochs}" if settings.epochs else ""
    return (
        f"epoch {row['epoch']:3d}{of}  {row['seconds'] / 60:5.1f} min  "
        f"loss {row['loss']:6.3f} (box {row['box_loss']:.3f}, class "
        f"{row['class_loss']:.3f})  val loss {row['val_loss']:6.3f}  "
        f"val acc {row['val_acc']:.3f}  mAP50 {row['mAP50']:.3f}  "
        f"{row['images_per_second']:.1f} images/s"
        f"{' (tracing included)' if is_new else ''}, "
        f"{row['waiting']:.0%} waiting for images"
    )
