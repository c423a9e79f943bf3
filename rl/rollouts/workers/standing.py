"""Whether a worker serves, and when it is asked again after a failure. No input, no output; the time is given."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds until a failed worker is asked how it is: doubled with each failure in a row, up to the second."""
MOST_MISSED = 3
"""Heartbeats in a row that a worker may miss: a busy machine answers late."""


@dataclass
class Standing:
    """What is known of one worker. It begins as one that is to be asked at once."""

    serves: bool = False
    coming: bool = True
    """It does not serve, but nothing is wrong with it."""
    version: int | None = None
    """The weights it is known to hold; None: not known, or not ours."""
    failures: int = 0
    """In a row, without a rollout between them."""
    refused: bool = False
    """It did not take a rollout that others do, and is asked more and more seldom."""
    missed: int = 0
    retry_at: float = 0.0
    reason: str = "not reached yet"
    """Why it does not serve."""

    def fail(self, reason: str, now: float) -> None:
        """It leaves, and what it holds is no longer known."""
        self.serves, self.coming, self.version, self.missed, self.reason = False, False, None, 0, reason
        self.failures += 1
        self.retry_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.failures - 1, 30))

    def join(self, version: int) -> None:
        """It answers, and holds this version."""
        self.serves, self.coming, self.version, self.missed = True, False, version, 0
        self.reason = self.reason if self.refused else ""

    @property
    def takes_all(self) -> bool:
        return self.serves and not self.refused

    def step_aside(self, until: float) -> None:
        """Nothing is wrong with it, but it is to be asked which weights it holds."""
        self.serves, self.coming, self.version, self.retry_at = False, True, None, until
        self.reason = "it takes in weights"

    def answered(self) -> None:
        """It made a rollout."""
        self.failures, self.missed = self.failures if self.refused else 0, 0

    def miss(self) -> bool:
        """It did not answer a heartbeat; whether that was one too many."""
        self.missed += 1
        return self.missed >= MOST_MISSED

    def due(self, now: float) -> bool:
        """Whether a worker that does not serve is to be asked again."""
        return not self.serves and now >= self.retry_at
