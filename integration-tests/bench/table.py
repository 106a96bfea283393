# SPDX-License-Identifier: Apache-2.0
"""The rows of the benchmark, what each must reach, and the table as text, Markdown and JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass
class Row:
    """One figure of both hypervisors.

    name: key of the values in the measurements of both; nether_name: another key for Nether's.
    limit: what Nether's may be at most. factor: how many times better than Xen's it must be.
    more_is_better: for throughput.
    """

    name: str
    title: str
    unit: str
    limit: float | None = None
    factor: float | None = None
    more_is_better: bool = False
    nether_name: str | None = None


class Result:
    """A row with what was measured: lists of values, one a run; empty if that side was not measured."""

    def __init__(self, row, nether, xen):
        self.row = row
        self.nether = nether.get(row.nether_name or row.name, [])
        self.xen = xen.get(row.name, [])

    def ratio(self):
        """How many times better Nether is; None if one of the two is missing or nothing at all."""
        if not self.nether or not self.xen or not median(self.nether) or not median(self.xen):
            return None
        ratio = median(self.xen) / median(self.nether)
        return 1 / ratio if self.row.more_is_better else ratio

    def target(self):
        row = self.row
        if row.limit is not None:
            return f"at most {number(row.limit)}"
        if row.factor is None:
            return "-"
        return "as Xen" if row.factor == 1 else f"{row.factor:g} times"

    def reached(self):
        """True, False, or None: there is no target, or what it takes was not measured."""
        row = self.row
        if row.limit is not None and self.nether:
            return median(self.nether) <= row.limit
        if row.factor is None or not self.nether or not self.xen:
            return None
        nether, xen = median(self.nether), median(self.xen)
        return nether >= xen * row.factor if row.more_is_better else nether * row.factor <= xen

    def cells(self):
        ratio, reached = self.ratio(), self.reached()
        return [self.row.title, self.row.unit, *(number(median(values)) if values else "-"
                                                 for values in (self.nether, self.xen)),
                f"{ratio:.1f}" if ratio else "-", self.target(),
                "-" if reached is None else "yes" if reached else "NO"]

    def as_json(self):
        row = self.row
        return {"name": row.name, "title": row.title, "unit": row.unit, "moreIsBetter": row.more_is_better,
                "limit": row.limit, "factor": row.factor, "ratio": self.ratio(), "reached": self.reached(),
                **{side: {"median": median(values), "runs": values} if values else None
                   for side, values in (("nether", self.nether), ("xen", self.xen))}}


HEAD = ["", "unit", "Nether", "Xen 4.17", "ratio", "target", "reached"]


def number(value):
    """Three digits, or all of them before the point."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def text(results):
    rows = [HEAD, *(result.cells() for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    aligned = "<<>>>>>"
    return "\n".join("  ".join(f"{cell:{aligned[i]}{widths[i]}}" for i, cell in enumerate(row)).rstrip()
                     for row in rows)


def markdown(results):
    lines = ["| | unit | Nether | Xen 4.17 | ratio | target | reached |", "|---|---|---:|---:|---:|---:|---:|"]
    return "\n".join(lines + [f"| {' | '.join(result.cells())} |" for result in results])


def write_json(path, results, about):
    """about: what the figures depend on (runs, load, machine)."""
    Path(path).write_text(json.dumps({**about, "rows": [result.as_json() for result in results]}, indent=2) + "\n")
