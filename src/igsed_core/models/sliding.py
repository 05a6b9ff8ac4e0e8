"""A frozen encoder that slides over a recording of any length, at several shifts of its feature frames.

The encoder sees windows as long as the clips that it was used with. Its output depends on all that a window holds
(channel attention) and on where the window ends (padding), so windows overlap, and where they do their outputs are
blended: no feature frame is decided by the end of a window. The windows of each shift begin elsewhere, spread over the
distance from one window to the next, so that the shifts see a moment in several contexts.

Before its first and after its last sample a recording is continued for `EXTENSION` seconds by its own first and last
`EDGE` seconds, back and forth, so that a sound that is cut there is heard as one that goes on, and not as one that
begins beside nothing. A recording no longer than a window is one window.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from igsed_core.base import devices
from igsed_core.base.errors import IgsedError
from igsed_core.models.encoders.base import Encoder
from igsed_core.models.frontend import FrontEnd
from igsed_core.models.shifts import Grid, grid

WINDOW = 10.0  # s
RAMP = 4  # feature frames over which a window's weight rises at either end; so many at least are seen twice
BATCH = 2  # windows in a forward pass: few fit the processor's caches
EXTENSION = 0.64  # s by which a recording is continued at either end, in whole feature frames
TRIM = 30  # blocks after which free memory is given back: an hour's small results would keep 0.1 GB of it from use
EDGE = 0.16  # s of which the continuation is made: what sounds at the end, and little else

# (n, frames, mels) -> outputs of feature frames (n, time, n_outputs) and of windows (n, n_of_window)
Apply = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Slid:
    """What an encoder gave on its way over a recording.

    Attributes
    ----------
    values : np.ndarray [shape=(n_steps, n_outputs), float32]
        Outputs of feature frames, those of the shifts interleaved: a step is a feature frame divided by the shifts.
    step, start : float
        Seconds; step ``i`` holds on ``[start + i * step, start + (i + 1) * step)``. Steps ``i``, ``i + shifts`` come
        from one shift.
    windows : np.ndarray [shape=(n_windows, 2)]
        Begin and end of each window in seconds.
    of_windows : np.ndarray [shape=(n_windows, n_of_window), float32]
        Outputs of whole windows.
    silent : np.ndarray [shape=(n_steps,), bool]
        Steps of digital silence, of which no network was ever asked.
    duration : float
        Of the recording, in seconds.
    """

    values: NDArray[np.float32]
    step: float
    start: float
    windows: NDArray[np.float64]
    of_windows: NDArray[np.float32]
    silent: NDArray[np.bool_]
    duration: float


def slide(
    encoder: Encoder,
    samples: Iterable[NDArray[np.float32]],
    apply: Apply,
    *,
    shifts: int,
    window: float = WINDOW,
    workers: int = 1,
    progress: Callable[[float], object] = lambda seconds: None,
) -> Slid:
    """Let an encoder slide over a recording.

    Parameters
    ----------
    encoder
        Its front end and the length of its feature frames are used.
    samples
        The recording at the front end's rate, in blocks of any length, ``[shape=(n_samples,)]`` each.
    apply
        What is done with a batch of windows' log-mel maps.
    shifts
        Of a feature frame; a divisor of its log-mel frames.
    window
        Length of a window in seconds.
    workers
        Windows at a time, each computed by one thread; the result is the same. Threads that share a small network
        wait for each other most of the time.
    progress
        Hears how many seconds more are done.

    Raises
    ------
    IgsedError
        If the shifts are no divisor, or there is no sample.
    """
    plan = _Plan(grid(encoder, shifts), shifts, window, encoder.frontend)
    with devices.threads(1), _Made(apply, workers) as made:
        return _slide(encoder, samples, plan, made, progress)


def _slide(
    encoder: Encoder,
    samples: Iterable[NDArray[np.float32]],
    plan: _Plan,
    made: _Made,
    progress: Callable[[float], object],
) -> Slid:
    frontend, shifts, ratio = encoder.frontend, plan.shifts, plan.ratio
    buffer = _Buffer()
    n_samples = blocks = 0  # up to the last log-mel frame
    floor = float(frontend.compress(torch.zeros(()))) + 1e-6
    due = [plan.starts(k) for k in range(shifts)]
    following = [next(starts) for starts in due]
    last = [-plan.extension - 1] * shifts
    for log_mel, n_samples in _log_mel(frontend, samples, plan.least_samples):  # noqa: B007 (the last one counts)
        if buffer.end == buffer.start:
            buffer.start = buffer.end = -plan.extension
            buffer.add(_continued(log_mel.flip(0), plan.extension, plan.edge).flip(0))
        before = buffer.end
        buffer.add(log_mel)
        made.silent.append((log_mel <= floor).all(dim=1).numpy())
        for k in range(shifts if buffer.end > plan.length else 0):  # what is no longer is one window
            while following[k] + plan.length <= buffer.end:
                last[k] = following[k]
                made.window(k, last[k], buffer.get(last[k], plan.length))
                following[k] = next(due[k])
        # The last windows may begin a window's length before the end.
        buffer.forget(min(*following, buffer.end - plan.length - ratio))
        progress((buffer.end - before) * frontend.hop_length / frontend.sample_rate)
        if (blocks := blocks + 1) % TRIM == 0:
            _give_back_memory()
    if not n_samples:
        raise IgsedError("a recording without a sample cannot be searched: give one that holds some")
    length = plan.length if buffer.end > plan.length else buffer.end + 2 * plan.extension
    buffer.add(_continued(buffer.get(buffer.end - plan.edge, plan.edge), plan.extension, plan.edge))
    for k in range(shifts):
        start = plan.last(k, buffer.end, length)
        if start > last[k]:
            made.window(k, start, buffer.mirrored(start, length))
    return made.joined(encoder, plan, n_samples)


def _give_back_memory() -> None:
    """Give memory that is free back to the system, where its C library can (glibc)."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


class _Plan:
    """Where windows begin, in log-mel frames."""

    def __init__(self, at: Grid, shifts: int, window: float, frontend: FrontEnd) -> None:
        self.grid, self.ratio, self.shifts = at, at.ratio, shifts
        ratio = at.ratio
        self.offset = ratio // shifts  # from one shift to the next
        self.least_samples = max(frontend.n_fft + 1, 2 * ratio * frontend.hop_length)
        with torch.no_grad():
            n_samples = max(round(window * frontend.sample_rate), self.least_samples)
            self.length = frontend(torch.zeros(1, n_samples)).shape[1]
        self.frames = self.length // ratio  # feature frames of a window, at least
        self.hop = max(1, self.frames - RAMP)  # feature frames from one window to the next
        per_second = frontend.sample_rate / frontend.hop_length
        self.extension = max(1, round(EXTENSION * per_second / ratio)) * ratio
        self.edge = max(1, round(EDGE * per_second))

    def starts(self, k: int) -> Iterator[int]:
        """Begins of the windows of a shift: with the recording, then at its own place, one hop apart."""
        begin = k * self.offset - self.extension
        yield begin
        first = round(k * self.hop / self.shifts)
        yield from (begin + i * self.ratio for i in _count(first or self.hop, self.hop))

    def last(self, k: int, n_frames: int, length: int) -> int:
        """Begin of the last window of a shift, the first one that reaches the recording's end."""
        begin = k * self.offset - self.extension
        return begin + -(-max(0, n_frames - length - begin) // self.ratio) * self.ratio


def _count(start: int, step: int) -> Iterator[int]:
    while True:
        yield start
        start += step


def _continued(log_mel: Tensor, n: int, edge: int) -> Tensor:
    """What follows log-mel frames: their last ones back and forth, ``(frames, mels) -> (n, mels)``."""
    end = log_mel[-edge:]
    there_and_back = torch.cat([end.flip(0), end])
    return there_and_back.repeat(-(-n // len(there_and_back)), 1)[:n]


class _Buffer:
    """The last log-mel frames."""

    def __init__(self) -> None:
        self.start = self.end = 0
        self.parts: list[Tensor] = []

    def add(self, log_mel: Tensor) -> None:
        self.parts.append(log_mel)
        self.end += len(log_mel)

    def get(self, start: int, length: int) -> Tensor:
        whole = self._whole()
        return whole[start - self.start : start - self.start + length]

    def mirrored(self, start: int, length: int) -> Tensor:
        """As :meth:`get`; where the recording ends before, it is continued by the mirror image of its end."""
        found = self.get(start, length)
        missing = length - len(found)
        return torch.cat([found, found[len(found) - missing :].flip(0)]) if missing else found

    def forget(self, before: int) -> None:
        if before - self.start > 0:
            self.parts = [self._whole()[before - self.start :]]
            self.start = before

    def _whole(self) -> Tensor:
        if len(self.parts) > 1:
            self.parts = [torch.cat(self.parts)]
        return self.parts[0]


class _Made:
    """Outputs of windows, in batches, some of them computed at a time."""

    def __init__(self, apply: Apply, workers: int) -> None:
        self.apply, self.workers = apply, workers
        self.silent: list[NDArray[np.bool_]] = []
        self.waiting: list[tuple[int, int, Tensor]] = []
        self.running: deque[Future[None]] = deque()
        self.done: list[tuple[int, int, int, NDArray[np.float32], NDArray[np.float32]]] = []

    def __enter__(self) -> _Made:
        self.pool = ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,))
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def window(self, k: int, start: int, log_mel: Tensor) -> None:
        self.waiting.append((k, start, log_mel))
        if len(self.waiting) == BATCH:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.running.append(self.pool.submit(self._compute, self.waiting))
            self.waiting = []
        while len(self.running) > 2 * self.workers:  # so that a long recording's windows are not all held
            self.running.popleft().result()

    def _compute(self, batch: list[tuple[int, int, Tensor]]) -> None:
        with torch.inference_mode():
            of_frames, of_windows = self.apply(torch.stack([log_mel for _, _, log_mel in batch]))
        frames, windows = of_frames.cpu().numpy(), of_windows.cpu().numpy()
        for (k, start, log_mel), one, whole in zip(batch, frames, windows, strict=True):
            self.done.append((k, start, len(log_mel), one.copy(), whole.copy()))

    def _taken(self) -> Iterator[tuple[int, int, int, NDArray[np.float32], NDArray[np.float32]]]:
        """Give the windows' outputs in order, and forget them: of a day they are many."""
        self.done.reverse()
        while self.done:
            yield self.done.pop()

    def joined(self, encoder: Encoder, plan: _Plan, n_samples: int) -> Slid:
        self.flush()
        for batch in self.running:
            batch.result()
        self.done.sort(key=lambda one: (one[1], one[0]))  # workers finish in any order
        n_outputs = self.done[0][3].shape[1]
        before = plan.extension // plan.ratio  # feature frames before the recording
        length = 1 + max((start - k * plan.offset) // plan.ratio + len(of) for k, start, _, of, _ in self.done) + before
        total = np.zeros((length, plan.shifts, n_outputs), dtype=np.float32)
        weight = np.zeros((length, plan.shifts, 1), dtype=np.float32)
        windows, of_windows = [], []
        second = encoder.frontend.hop_length / encoder.frontend.sample_rate
        for k, start, n_frames, of, whole in self._taken():
            windows.append((start * second, (start + n_frames) * second))
            of_windows.append(whole)
            first = (start - k * plan.offset) // plan.ratio + before
            place = np.arange(len(of)) + 0.5
            share = np.minimum(1.0, np.minimum(place, len(of) - place) / RAMP).astype(np.float32)[:, None]
            total[first : first + len(of), k] += share * of
            weight[first : first + len(of), k] += share
        n_whole = int((weight[..., 0] > 0).all(axis=1).sum())  # feature frames that every shift has
        values = np.divide(total, weight, out=total, where=weight > 0)[:n_whole].reshape(-1, n_outputs)
        step, begin = plan.grid.step, plan.grid.start
        duration = n_samples / encoder.frontend.sample_rate
        # What was made of the continuation goes.
        first, n = before * plan.shifts - plan.grid.lead, max(1, int(np.ceil((duration - begin) / step - 1e-9)))
        values = values[first : first + n]
        # A step is silent if all log-mel frames in it are.
        bounds = np.round((begin + step * np.arange(len(values) + 1)) / second).astype(np.int64)
        sounding = np.cumsum(np.r_[False, ~np.concatenate(self.silent)], dtype=np.int32)
        bounds = bounds.clip(0, len(sounding) - 1)
        silent = (sounding[bounds[1:]] == sounding[bounds[:-1]]) & (bounds[1:] > bounds[:-1])
        return Slid(*(values, step, begin, np.clip(windows, 0.0, duration), np.stack(of_windows), silent, duration))


def _log_mel(frontend: FrontEnd, samples: Iterable[NDArray[np.float32]], least: int) -> Iterator[tuple[Tensor, int]]:
    """Log-mel frames of a stream, and how many samples there were up to them; what is too short is followed by silence.

    The frames are those of the whole recording: a part is transformed with its neighbours' samples around it.
    """
    hop, margin = frontend.hop_length, -(-(frontend.n_fft // 2 + 1) // frontend.hop_length)
    held = np.zeros(0, dtype=np.float32)
    first = 0  # log-mel frame at which `held` begins
    lead = 0  # frames of `held` that were given before
    n = 0
    for block in samples:
        held = np.concatenate([held, block])
        n += len(block)
        ready = (len(held) - frontend.n_fft // 2 - 2) // hop - margin  # frames that no later sample reaches
        if ready - lead < max(margin, 2 * least // hop):
            continue
        with torch.inference_mode():
            made = frontend(torch.from_numpy(held[: (ready + margin) * hop + frontend.n_fft])[None])[0]
        yield made[lead:ready].clone(), n
        keep = ready - margin
        held, lead, first = held[keep * hop :], margin, first + keep
    if n:
        if first == 0 and len(held) < least:
            held = np.pad(held, (0, least - len(held)))
        with torch.inference_mode():
            yield frontend(torch.from_numpy(held)[None])[0][lead:].clone(), n
