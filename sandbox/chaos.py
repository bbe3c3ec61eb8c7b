"""Misbehaviour on request: failing answers, latency, lost and reordered deliveries. Seeded, so it can be repeated."""

import time
from collections import deque
from dataclasses import dataclass, field
from random import Random

from sandbox.chaos_wishes import read_wishes
from sandbox.types import Obj


@dataclass
class Chaos:
    """`answers` are tried in order; a rule with `times` wears out."""

    answers: list[Obj] = field(default_factory=list)
    deliveries: Obj = field(default_factory=dict)
    latency: float = 0.0
    seed: int = 1
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - not a secret
    done: deque[Obj] = field(default_factory=lambda: deque(maxlen=1_000))

    def configure(self, wishes: Obj) -> None:
        """Replace the parts that `wishes` names: deliveries, answers, latency (seconds), seed.

        All of it or, where one field is wrong, nothing: raises InvalidRequest.
        """
        parts = read_wishes(wishes)
        self.seed = parts.get("seed", self.seed)
        self.random = Random(self.seed)  # noqa: S311 - not a secret
        self.deliveries = dict(parts.get("deliveries", self.deliveries))
        self.answers = [dict(rule) for rule in parts.get("answers", self.answers)]
        self.latency = float(parts.get("latency", self.latency))

    def answer_for(self, *, method: str, path: str) -> Obj | None:
        """The rule that spoils this request, if one does: {"status": …, "seconds": …}."""
        for rule in self.answers:
            if not path.startswith(rule.get("path", "/")) or rule.get("method", method).upper() != method:
                continue
            if rule.get("times") == 0 or self.random.random() >= rule.get("probability", 1):
                continue
            if "times" in rule:
                rule["times"] -= 1
            self.done.append(
                {"at": int(time.time()), "what": "answer", "method": method, "path": path, "status": rule["status"]}
            )
            return rule
        return None

    def happens(self, what: str, *, event: str) -> bool:
        """Whether the delivery of `event` suffers `what` (drop, duplicate) this time."""
        chance = self.deliveries.get(what, 0)
        if not chance or self.random.random() >= chance:
            return False
        self.note({"what": what, "event": event})
        return True

    def note(self, entry: Obj) -> None:
        """Log what was spoilt, in real time."""
        self.done.append({"at": int(time.time()), **entry})

    def delay(self) -> float:
        """Seconds that a delivery waits. `reorder` spreads deliveries without other delay over a second."""
        low, high = self.deliveries.get("delay") or ((0, 1) if self.deliveries.get("reorder") else (0, 0))
        return self.random.uniform(low, high)

    def as_json(self) -> Obj:
        return {
            "answers": self.answers,
            "deliveries": self.deliveries,
            "latency": self.latency,
            "seed": self.seed,
            "done": list(self.done)[-100:],
        }
