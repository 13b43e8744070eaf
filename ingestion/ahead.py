"""Work on blocks of a file done by a few threads ahead of the one that writes, its results in the file's order.

What a block is, and what is made of it, belongs to each reader.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_THREADS = min(4, os.cpu_count() or 1)

Result = TypeVar("Result")


def in_order(jobs: Iterable[Callable[[], Result]]) -> Iterator[Result]:
    """What each job returns, one after another; no more jobs are begun than there are threads to spare."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
