"""States as codes, and the graph of their transitions. Pure numpy and scikit-learn."""

from __future__ import annotations

import warnings
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

Labels = Int[np.ndarray, "sample time"]
Step = tuple[int, ...]
Ways = dict[int, dict[Step, int]]


def codes(
    states: Float[np.ndarray, "*many number"], unexplained: float, most: int
) -> Int[np.ndarray, "*many"]:
    """The number of the nearest centre of k-means, with as few centres as it takes.

    Args:
        states: what is clustered, as vectors.
        unexplained: the share of the variance that the centres may leave.
        most: centres, at most.
    """
    flat = states.reshape(-1, states.shape[-1])
    variance, most = flat.var(0).sum() * len(flat), min(most, len(flat))
    least, number = 0, 1
    while number < most and _clustered(flat, number).inertia_ > unexplained * variance:
        least, number = number, min(2 * number, most)
    while number - least > 1:  # the fewest between them, as if fewer explained less
        middle = (least + number) // 2
        enough = _clustered(flat, middle).inertia_ <= unexplained * variance
        least, number = (least, middle) if enough else (middle, number)
    return _clustered(flat, number).labels_.reshape(states.shape[:-1])


def _clustered(states: np.ndarray, number: int) -> Any:
    """A fitted `KMeans`."""
    from sklearn.cluster import KMeans

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct states than centres
        options: dict[str, Any] = {"n_init": 2, "random_state": 0}
        return KMeans(number, **options).fit(states)


def transitions(labels: Labels) -> Int[np.ndarray, "code code"]:
    """How often each code followed each other one."""
    size = int(labels.max()) + 1
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (labels[:, :-1].ravel(), labels[:, 1:].ravel()), 1)
    return counts


def determinism(counts: Int[np.ndarray, "code code"]) -> float:
    """The share of transitions that go to the most frequent successor of their code."""
    return float(counts.max(1).sum() / counts.sum())


def edges(counts: Int[np.ndarray, "code code"], share: float = 0.05) -> int:
    """Pairs of codes of which the second follows the first more often than `share`."""
    return int((counts > share * counts.sum(1, keepdims=True)).sum())


def periods(
    labels: Labels, counts: Int[np.ndarray, "code code"]
) -> Float[np.ndarray, " sample"]:
    """The length of the cycle to which the last code of each sequence leads.

    From code to its most frequent successor; NaN where a code has none.
    """
    following = np.where(counts.any(1), counts.argmax(1), -1)
    return np.array([_cycle(following, int(last)) for last in labels[:, -1]])


def _cycle(following: np.ndarray, code: int) -> float:
    seen: dict[int, int] = {}
    while code not in seen:
        if code < 0:
            return np.nan
        seen[code] = len(seen)
        code = int(following[code])
    return float(len(seen) - seen[code])


def ways(labels: Int[np.ndarray, " time"], steps: Int[np.ndarray, "step axis"]) -> Ways:
    """Which code followed most often on each step that was taken at a code.

    Of equally many it is the first. Step t leads from label t to the next.
    """
    counts: dict[int, dict[Step, Counter[int]]] = {}
    for now, step, after in zip(labels[:-1], steps, labels[1:], strict=True):
        taken = counts.setdefault(int(now), {})
        taken.setdefault(tuple(map(int, step)), Counter())[int(after)] += 1
    return {
        code: {step: found.most_common(1)[0][0] for step, found in taken.items()}
        for code, taken in counts.items()
    }


def shortest(known: Ways, start: int, goal: int) -> Sequence[Step] | None:
    """The fewest steps from a code to another; None if no way is known."""
    came: dict[int, tuple[int, Step] | None] = {start: None}
    waiting = deque([start])
    while waiting and goal not in came:
        code = waiting.popleft()
        for step, after in known.get(code, {}).items():
            if after not in came:
                came[after] = code, step
                waiting.append(after)
    if goal not in came:
        return None
    path: list[Step] = []
    while (last := came[goal]) is not None:
        goal, step = last
        path.append(step)
    return path[::-1]
