"""Points that papers print, to be drawn beside one's own: accuracy in per cent, mean tokens, and by what protocol."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from rl.errors import unknown


@dataclass(frozen=True)
class Quoted:
    """One model's figures as a paper prints them."""

    method: str
    base: str
    accuracy: float
    tokens: float
    paper: str
    protocol: str

    @property
    def name(self) -> str:
        return f"{self.base}, untrained" if self.method == "untrained" else f"{self.method}, from {self.base}"


@dataclass(frozen=True)
class Published:
    """All points for one benchmark."""

    benchmark: str
    points: list[Quoted]

    @property
    def caveat(self) -> str:
        """What must stand beside the points wherever they are drawn."""
        sources = dict.fromkeys(f"{point.paper} ({point.protocol})" for point in self.points)
        return (
            f"Grey crosses are what papers print for {self.benchmark}. Models, data and protocols differ from paper to "
            "paper and from the runs here, so they show where the field stands and rank nothing. "
            f"Sources: {'; '.join(sources)}."
        )


def load_published(name: str) -> Published:
    """The points for a benchmark by its short name. Errors: UserError naming the nearest."""
    text = resources.files("rl.report").joinpath("published.yaml").read_text()
    data: dict[str, Any] = yaml.safe_load(text)
    if name not in data["benchmarks"]:
        raise unknown("benchmark", name, data["benchmarks"], "--published")
    points = []
    for source in data["sources"]:
        for method, base, figures in source["models"]:
            if name in figures:
                accuracy, tokens = figures[name]
                points.append(Quoted(method, base, accuracy, tokens, source["paper"], source["protocol"]))
    return Published(data["benchmarks"][name], points)
