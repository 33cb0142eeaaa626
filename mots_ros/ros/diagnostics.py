"""How a running tracker is doing, in numbers."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

_LATENCIES_KEPT = 300
_INACTIVE = DiagnosticStatus.OK, "not active"


class Health:
    """Counts what happens to messages and reports it as a diagnostic status.

    Safe to use from several threads. Totals are since the start; the rate and the level look at
    the time since the last report. ``device`` is where the network runs.
    """

    def __init__(self) -> None:
        self.device = ""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._bad: Counter[str] = Counter()
        self._failures: set[str] = set()
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self._tracks = 0
        self._last_error = ""
        self._unusable = ""
        self._reported_at = time.monotonic()
        self._reported: Counter[str] = Counter()

    def received(self) -> None:
        """A message came."""
        self._count("received")

    def dropped(self) -> None:
        """A message made way for a newer one before it was looked at."""
        self._count("dropped")

    def bad(self, reason: str, error: str) -> None:
        """A message could not be used; ``reason`` is what it is counted under."""
        with self._lock:
            self._counts["bad"] += 1
            self._bad[reason] += 1
            self._last_error = error

    def repeated_stamp(self) -> None:
        """An image had the stamp of the one before."""
        self._count("repeated_stamps")

    def failed(self, error: str, where: str, frames: int = 1) -> bool:
        """Good messages could not be processed; returns whether nothing failed there before."""
        with self._lock:
            self._counts["failed"] += frames
            self._last_error = error
            is_new = where not in self._failures
            self._failures.add(where)
            return is_new

    def processed(self, latency_s: float, tracks: int) -> None:
        """A frame was published ``latency_s`` seconds after its message came."""
        with self._lock:
            self._counts["processed"] += 1
            self._latencies_ms.append(1000.0 * latency_s)
            self._tracks = tracks

    def rests(self, unusable: str = "") -> None:
        """Nothing is tracked now; ``unusable`` says why nothing can be."""
        with self._lock:
            self._tracks = 0
            self._latencies_ms.clear()
            self._unusable = unusable
            self._last_error = unusable or self._last_error

    def report(self, name: str, active: bool) -> DiagnosticStatus:
        """The state of things, and the start of the next interval."""
        with self._lock:
            now = time.monotonic()
            recent = self._counts - self._reported
            rate = recent["processed"] / max(now - self._reported_at, 1e-3)
            self._reported_at, self._reported = now, self._counts.copy()
            level, summary = _judged(recent, rate) if active else _INACTIVE
            if self._unusable:
                level, summary = DiagnosticStatus.ERROR, self._unusable
            values = {"rate_hz": f"{rate:.1f}"}
            if self._latencies_ms:
                p50, p99 = np.percentile(self._latencies_ms, (50, 99))
                values |= {"latency_p50_ms": f"{p50:.1f}", "latency_p99_ms": f"{p99:.1f}"}
            for key in ("received", "processed", "dropped", "bad", "failed", "repeated_stamps"):
                values[key] = str(self._counts[key])
            for reason, count in sorted(self._bad.items()):
                values[f"bad: {reason}"] = str(count)
            values |= {
                "tracks": str(self._tracks),
                "device": self.device,
                "last_error": self._last_error,
            }
        return DiagnosticStatus(
            level=level,
            name=name,
            message=summary,
            hardware_id=self.device,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1


def _judged(recent: Counter[str], rate: float) -> tuple[bytes, str]:
    """Level and one line about what happened since the last report."""
    troubles = [
        f"{recent[key]} {text}"
        for key, text in (
            ("bad", "bad messages"),
            ("failed", "frames failed"),
            ("dropped", "frames dropped"),
            ("repeated_stamps", "images with the stamp of the one before"),
        )
        if recent[key]
    ]
    if troubles:
        return DiagnosticStatus.WARN, ", ".join(troubles)
    if not recent["received"]:
        return DiagnosticStatus.WARN, "no images"
    return DiagnosticStatus.OK, f"tracking at {rate:.1f} Hz"
