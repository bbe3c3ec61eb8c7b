"""How far long work has come, in numbers that a page can say."""

from dataclasses import dataclass

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Progress:
    """`total` is 0 while nobody knows how much there is; `seconds` are those of work, without pauses."""

    done: int
    total: int
    seconds: float

    @property
    def percent(self) -> int:
        """Full only at the end."""
        return min(100 * self.done // self.total, 100) if self.total else 0

    @property
    def rate(self) -> str:
        """ "about 40 a second", or a minute; nothing before it can be told."""
        if self.seconds < 1 or not self.done:
            return ""
        each_second = self.done / self.seconds
        return f"about {each_second:.0f} a second" if each_second >= 1 else f"about {each_second * MINUTE:.0f} a minute"

    @property
    def time_left(self) -> str:
        """ "about 3 minutes left"; nothing before it can be told."""
        if self.seconds < 1 or not self.done or self.done >= self.total:
            return ""
        seconds = (self.total - self.done) * self.seconds / self.done
        if seconds < MINUTE:
            return "less than a minute left"
        count, unit = (round(seconds / MINUTE), "minute") if seconds < HOUR else (round(seconds / HOUR), "hour")
        return f"about {count} {unit}{'' if count == 1 else 's'} left"
