"""Several rows at a time, and those of one entry one after the other."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Event, Thread

from mintmark._enrolment.enroller import Result
from mintmark._enrolment.row import ENTRY, PATH, Row

Work = tuple[int, Row, str]  # a row's number, the row, and the SHA-256 of its photo, '' if nobody has read it


def results(work: Sequence[Work], enroll: Callable[[Row, str], Result], workers: int) -> Iterator[tuple[int, Result]]:
    """The result of each row, with its number, in their order. What `enroll` raises ends the work, and is raised here.

    Who stops listening stops the workers; what they have under way is carried out, or not.
    """
    lanes: list[list[Work]] = [[] for _ in range(workers)]
    for one in work:
        cells = one[1].cells
        coin = cells.get(ENTRY) or cells.get(PATH, "")
        lanes[zlib.crc32(coin.encode(errors="surrogatepass")) % workers].append(one)
    done: SimpleQueue[tuple[int, Result] | BaseException] = SimpleQueue()
    stopped = Event()

    def run(lane: Sequence[Work]) -> None:
        for number, row, photo in lane:
            if stopped.is_set():
                return
            try:
                done.put((number, enroll(row, photo)))
            except BaseException as error:
                done.put(error)
                return

    for lane in lanes:
        Thread(target=run, args=(lane,), daemon=True).start()  # Ctrl-C does not wait for them
    early: dict[int, Result] = {}
    try:
        for number, _, _ in work:
            while number not in early:
                came = done.get()
                if isinstance(came, BaseException):
                    raise came
                early[came[0]] = came[1]
            yield number, early.pop(number)
    finally:
        stopped.set()
