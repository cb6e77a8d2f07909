"""The projector: pulls the directory's feed of public changes into the read model, and nothing else writes there.

One cursor, kept as a document in the same commit as what it covers, makes it safe to kill at any point: what was
committed is never pulled again, what was not is. Messages only wake it; it also looks every `poll_s` seconds. The
first change after a calm is committed at once; while changes keep coming they are grouped, one commit for what came
while the one before was made, or in `GROUPED_S` where that took longer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog

from gateway.index import generation
from gateway.index.folder import Folder
from gateway.index.memory import few_arenas
from gateway.index.snapshots import FROM_ROWS, Snapshots, make
from gateway.index.writer import FeedItem, GenerationWriter
from services.kernel import clock
from services.kernel.giving import fit

T = TypeVar("T")

Fetch = Callable[[int, int], dict[str, Any]]
"""`fetch(after, limit)` → `{"items": [{"position", "op", "kind", "id", "event"}], "head": int}`, positions rising."""

Progress = Callable[[int, int], None]
"""`progress(position, head)`, after each batch of a rebuild."""

PAGE = 1_000
TOGETHER = 2_000
"""Changes in one commit where many wait: the next search in each web worker has to take up all of a commit first."""
FEED = ("directory", "directory.feed")
"""What wakes it: events of the directory, and its bell for what other nodes say."""
COMMITTED_AT_ONCE = 10_000
"""Records of a rebuild in one commit."""
GROUPED_S = 0.05
BUILDERS = 2
"""Threads that index during a rebuild: one alone is what a rebuild waits for (benchmarks/import_export.py)."""
HEARD_EVERY_S = 1.0
LONGEST_PAUSE_S = 5.0
STARTING_S = 10.0
"""A node's processes start together: that the directory is not there yet is no news for so long."""

log = structlog.get_logger(__name__)


def _here(work: Callable[[], T]) -> T:
    return work()


class Projector:
    """The one writer of a read model folder; a second one on the same folder raises `Conflict`.

    Args:
        path: the folder (`index/` of a node).
        fetch: the directory's `changes`; may raise when the directory is away, it is then asked again.
        poll_s: how often to look without being woken.
        execute: runs a piece of blocking index work and returns its result; an embedded node passes a thread pool's,
            so that its one thread goes on serving.
        erased: a file that is touched when something was erased for good: an index only marks what it deletes, so one
            that was begun before is built anew.
    """

    def __init__(
        self,
        path: Path,
        fetch: Fetch,
        *,
        poll_s: float = 1.0,
        execute: Callable[[Callable[[], Any]], Any] = _here,
        erased: Path | None = None,
    ) -> None:
        self._folder = Folder(path)
        self._folder.lock()
        few_arenas()
        self._fetch = fetch
        self._poll_s = poll_s
        self._erased = erased
        self._execute = execute
        self._woken = threading.Event()
        self._writing = threading.Lock()
        self._writer: GenerationWriter | None = None
        self._snapshots = Snapshots()
        self._heard_s = float("-inf")

    def wake(self) -> None:
        """Look at the feed now; callable from any thread or greenlet, any number of times."""
        self._woken.set()

    def pull(self) -> int:
        """Take up all there is in the feed and commit; returns how many changes were taken.

        Raises what `fetch` raises, and `OSError` or `ValueError` when the disk is full or the index unreadable;
        nothing half done is then visible, and the next pull begins where the last commit ended.
        """
        taken = 0
        while True:
            with self._writing:
                try:
                    count, more = self._pull_page()
                except BaseException:
                    self._release()
                    raise
            taken += count
            if not more:
                return taken

    def run(self, stop: threading.Event) -> None:
        """Follow the feed until `stop` is set (call `wake` after setting it, or wait `poll_s`)."""
        pause_s, expected_until_s = 0.1, time.monotonic() + STARTING_S
        while not stop.is_set():
            self._woken.clear()
            try:
                began_s = time.monotonic()
                if self.pull():
                    self._group(stop, time.monotonic() - began_s)
                if self._erased and self._folder.is_older(self._erased):
                    self.rebuild()
                pause_s = 0.1
            except Exception as error:
                # Whatever it is (directory away, disk full), the read model stays readable and is brought up later.
                tell = log.debug if time.monotonic() < expected_until_s else log.warning
                tell("projection.pull_failed", error=repr(error), again_in_s=pause_s)
                stop.wait(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            self._woken.wait(self._poll_s)

    def rebuild(self, progress: Progress | None = None) -> int:
        """Build a new generation from the whole feed beside the old one, switch, return the number of records.

        May be called while `run` follows the feed in another thread: reads and changes go on in the old generation
        until the new one has caught up.
        """
        writer = self._execute(lambda: GenerationWriter.create(self._folder.new_generation(), BUILDERS))
        try:
            taken = self._catch_up(writer, progress)
            if taken >= FROM_ROWS:
                self._execute(make(writer.path).wait)
            with self._writing:
                taken += self._catch_up(writer, None)
                self._switch(writer)
        except BaseException:
            writer.close()
            self._folder.drop(writer.path)
            raise
        return taken

    def _catch_up(self, writer: GenerationWriter, progress: Progress | None) -> int:
        taken, after, more = 0, writer.position.feed, True
        while more:
            page = self._fetch(after, fit(PAGE))
            items, head = page["items"], page["head"]
            taken += len(items)
            after = items[-1]["position"] if items else after
            more = bool(items) and after < head
            self._write(writer, items, after)
            if not more or taken % COMMITTED_AT_ONCE < len(items):
                self._execute(writer.commit)
            self._heard(changed=False)
            if progress:
                progress(after, head)
        return taken

    def close(self) -> None:
        """Release the folder; what was pulled is committed already."""
        with self._writing:
            self._release()
            self._snapshots.close()
            self._folder.unlock()

    def _pull_page(self) -> tuple[int, bool]:
        writer = self._writer or self._open()
        count, more, head = self._take(writer)
        if head < writer.position.feed:
            log.warning("projection.feed_went_back", head=head, position=writer.position.feed)
            self._release()
            self._begin()
            return 0, True
        return count, more

    def _take(self, writer: GenerationWriter) -> tuple[int, bool, int]:
        """Fetch pages, small ones where somebody asks, and commit them: how many items, are there more, the head."""
        after, taken, more = writer.position.feed, 0, True
        while more and taken < TOGETHER:
            page = self._fetch(after, fit(PAGE))
            items, head = page["items"], page["head"]
            more = bool(items) and items[-1]["position"] < head
            if items:
                after = items[-1]["position"]
                self._write(writer, items, after)
                taken += len(items)
        if taken:
            self._execute(writer.commit)
            self._snapshots.keep_up(writer.path, writer.position.stamp, sum(writer.position.rows.values()))
        self._heard(changed=bool(taken))
        return taken, more, head

    def _write(self, writer: GenerationWriter, items: list[FeedItem], after: int) -> None:
        """Not by the executor: another thread would hold up the one that answers, where this gives way to it."""
        if writer.awaits(items):
            self._execute(writer.commit)
        writer.write(items, after)

    def _open(self) -> GenerationWriter:
        current = self._folder.current()
        if current is None:
            return self._begin()
        try:
            self._writer = self._execute(lambda: GenerationWriter.open(current))
        except (generation.WrongFormat, FileNotFoundError) as error:
            log.warning("projection.begins_anew", reason=str(error))
            return self._begin()
        return self._writer

    def _begin(self) -> GenerationWriter:
        """Start from nothing, in view of the readers: for a first time, or when there is nothing worth keeping."""
        writer: GenerationWriter = self._execute(lambda: GenerationWriter.create(self._folder.new_generation()))
        self._switch(writer)
        return writer

    def _switch(self, writer: GenerationWriter) -> None:
        self._release()
        self._folder.switch(writer.path)
        self._folder.drop_others()
        self._writer = writer

    def _release(self) -> None:
        if self._writer:
            self._writer.close()
            self._writer = None

    def _group(self, stop: threading.Event, worked_s: float) -> None:
        """After a commit, let changes come together for as long as it took: half of the time at most is commits."""
        stop.wait(min(worked_s, GROUPED_S))

    def _heard(self, *, changed: bool) -> None:
        if changed or time.monotonic() - self._heard_s > HEARD_EVERY_S:
            self._heard_s = time.monotonic()
            self._folder.heard(clock.now())
