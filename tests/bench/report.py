#!/usr/bin/env python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Plots and tables of what the benchmarks measured.

  report.py DIRECTORY [RESULTS.md]

Reads packets.json, verifier.json and wire.json there, as far as they exist;
writes packets.svg beside them and, if it is named, the file of tables.
"""

import json
import math
import pathlib
import sys

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 30, 50
COLORS = ["#777777", "#1f6fb4", "#d9541e", "#2b8a3e", "#8e44ad", "#b8860b"]

# Lines of the plot: path, family.
LINES = [
    ("floor: hit", "ipv4"),
    ("TCP hit", "ipv4"),
    ("TCP hit", "ipv6"),
    ("TCP reply", "ipv4"),
    ("UDP hit", "ipv4"),
]
FAMILY = {"ipv4": "IPv4", "ipv6": "IPv6"}


def load(directory, name):
    path = directory / name
    return json.loads(path.read_text()) if path.exists() else None


def short(count):
    """65536 as 64k; a flow more or less than a round number does not matter."""
    for size, unit in ((1 << 20, "M"), (1 << 10, "k")):
        if count >= size * 0.99:
            return f"{round(count / size)}{unit}"
    return str(count)


# ---------------------------------------------------------------- SVG


class Plot:
    """Flows from left to right (logarithmic), ns upwards."""

    def __init__(self, most_flows, most_ns):
        self.most_flows = most_flows
        self.most_ns = math.ceil(most_ns / 100) * 100
        self.parts = []

    def x(self, flows):
        share = math.log2(flows) / math.log2(self.most_flows)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, ns):
        return HEIGHT - BOTTOM - ns / self.most_ns * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, text, anchor="middle", color="#333333"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{text}</text>'
        )

    def line(self, x1, y1, x2, y2, color):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'
        )

    def axes(self):
        step = 100 if self.most_ns <= 1000 else 200
        for ns in range(0, self.most_ns + 1, step):
            self.line(LEFT, self.y(ns), WIDTH - RIGHT, self.y(ns), "#dddddd")
            self.text(LEFT - 8, self.y(ns) + 4, ns, "end")
        for power in range(0, int(math.log2(self.most_flows)) + 1, 2):
            self.line(self.x(1 << power), self.y(0), self.x(1 << power), self.y(0) + 5, "#333333")
            self.text(self.x(1 << power), self.y(0) + 20, short(1 << power))
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "flows, in random order")
        self.text(LEFT, TOP - 12, "net ns a packet: median, least and most", "start")

    def curve(self, points, color, name):
        """Points are (flows, median, min, max)."""
        for flows, _, least, most in points:
            self.line(self.x(flows), self.y(least), self.x(flows), self.y(most), color)
        path = " ".join(f"{self.x(p[0]):.1f},{self.y(p[1]):.1f}" for p in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        )
        for flows, median, _, _ in points:
            self.parts.append(
                f'<circle cx="{self.x(flows):.1f}" cy="{self.y(median):.1f}" r="3" fill="{color}"/>'
            )
        self.text(self.x(points[-1][0]) + 10, self.y(points[-1][1]) + 4, name, "start", color)

    def write(self, path):
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        )
        path.write_text("\n".join([head, *self.parts, "</svg>"]) + "\n")


def curve_points(paths, name, family):
    """One point for each number of flows: the first that was measured."""
    points = {}
    for path in paths:
        if (path["hook"], path["path"], path["family"]) == ("xdp", name, family):
            if path["phase"] in ("few", "many"):
                ns = path["net_ns"]
                points.setdefault(
                    path["flows"], (path["flows"], ns["median"], ns["min"], ns["max"])
                )
    return [points[flows] for flows in sorted(points)]


def plot_packets(packets, target):
    curves = [(curve_points(packets["paths"], *line), line) for line in LINES]
    curves = [(points, line) for points, line in curves if len(points) > 1]
    if not curves:
        return
    plot = Plot(
        max(points[-1][0] for points, _ in curves),
        max(point[3] for points, _ in curves for point in points),
    )
    plot.axes()
    for color, (points, (name, family)) in zip(COLORS, curves):
        plot.curve(points, color, f"{name} {FAMILY[family]}")
    plot.write(target)


# ---------------------------------------------------------------- tables


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def describe_run(run):
    return (
        f"{run['cpus']} CPUs {run['cpu']} ({run['architecture']}), {run['memory_gb']} GB, "
        f"Linux {run['kernel']}, l4gate {run['commit']}, {run['date']}.\n"
    )


def packets_section(packets):
    rows = []
    for path in packets["paths"]:
        ns, ratio = path["net_ns"], path["floor_ratio"]
        rows.append(
            [
                path["hook"],
                path["path"],
                FAMILY[path["family"]],
                short(path["flows"]),
                short(path["max_flows"]),
                f"{ns['median']:.0f}",
                f"{ns['min']:.0f}..{ns['max']:.0f}",
                f"{ratio:.2f}" if ratio is not None else "",
            ]
        )
    head = ["hook", "path", "IP", "flows", "table", "net ns", "least..most", "by floor"]
    text = "## A packet (`make bench`)\n\n" + describe_run(packets["run"]) + "\n"
    text += (
        "BPF_PROG_TEST_RUN of the real programs on real maps, net of an empty program on the "
        "same packets. The\nfloor is one lookup in the kernel's LRU hash with everything in its "
        "value (`floor.bpf.c`), for \"not ours\"\none lookup in a hash, for a new flow an insert "
        "into a full LRU hash. One CPU, no NIC: what drivers,\nbuses and other CPUs add is not in "
        "these numbers, and between 16k and 64k flows they depend on\nwhat else is in the cache. "
        "Compare within one run.\n\n"
    )
    gate = packets["gate"]
    if gate:
        text += (
            f"TCP hit, 1 to 4k flows, by floor: {gate['ratio']:.2f}, at most {gate['limit']:.1f} "
            f"wanted: {'reached' if gate['reached'] else 'NOT reached'}.\n\n"
        )
    return text + table(head, rows)


def verifier_section(verifier):
    rows = [
        [
            f"`{p['program']}`",
            p["insns"],
            p["processed"],
            p["states"],
            p["jited_bytes"],
            f"{p['map_bytes'] / 1048576:.1f}",
        ]
        for p in verifier["programs"]
    ]
    head = ["program", "instructions", "processed", "states", "jited, bytes", "maps, MiB"]
    text = "## The verifier (`make verifier-stats`)\n\n" + describe_run(verifier["run"]) + "\n"
    text += f"Budget: {verifier['budget']} instructions processed a program.\n\n"
    return text + table(head, rows)


def results(directory):
    text = (
        "<!-- Written by tests/bench/report.py (make bench-results): don't edit. -->\n"
        "# What l4gate costs\n\n"
    )
    sections = [
        ("packets.json", packets_section),
        ("verifier.json", verifier_section),
    ]
    parts = [
        section(document)
        for name, section in sections
        if (document := load(directory, name)) is not None
    ]
    return text + "\n".join(parts)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    packets = load(directory, "packets.json")
    if packets:
        plot_packets(packets, directory / "packets.svg")
    if len(sys.argv) == 3:
        pathlib.Path(sys.argv[2]).write_text(results(directory))


if __name__ == "__main__":
    main()
