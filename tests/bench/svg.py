# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Curves with their spread, as SVG."""

import math

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 30, 50


def short(count):
    """65536 as 64k; a flow more or less than a round number does not matter."""
    for size, unit in ((1 << 20, "M"), (1 << 10, "k")):
        if count >= size * 0.99:
            return f"{round(count / size)}{unit}"
    return str(count)


class Plot:
    """ns upwards; what is on the other axis, a subclass says."""

    title = "net ns a packet: median, least and most"

    def __init__(self, most_ns):
        self.most_ns = max(math.ceil(most_ns / 100) * 100, 100)
        self.parts = []
        self.names = []

    def share(self, value):
        """Where a value is between left (0) and right (1)."""
        raise NotImplementedError

    def ticks(self):
        """Values with marks, and their texts."""
        raise NotImplementedError

    def x(self, value):
        return LEFT + self.share(value) * (WIDTH - LEFT - RIGHT)

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

    def axes(self, label):
        step = 100 if self.most_ns <= 1000 else 200
        for ns in range(0, self.most_ns + 1, step):
            self.line(LEFT, self.y(ns), WIDTH - RIGHT, self.y(ns), "#dddddd")
            self.text(LEFT - 8, self.y(ns) + 4, ns, "end")
        for value, text in self.ticks():
            self.line(self.x(value), self.y(0), self.x(value), self.y(0) + 5, "#333333")
            self.text(self.x(value), self.y(0) + 20, text)
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, label)
        self.text(LEFT, TOP - 12, self.title, "start")

    def curve(self, points, color, name):
        """Points are (value, median, min, max)."""
        for value, _, least, most in points:
            self.line(self.x(value), self.y(least), self.x(value), self.y(most), color)
        path = " ".join(f"{self.x(p[0]):.1f},{self.y(p[1]):.1f}" for p in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        )
        for value, median, _, _ in points:
            self.parts.append(
                f'<circle cx="{self.x(value):.1f}" cy="{self.y(median):.1f}" r="3" fill="{color}"/>'
            )
        self.names.append((self.y(points[-1][1]) + 4, self.x(points[-1][0]) + 10, name, color))

    def write(self, path):
        """Names beside the ends of curves, not over each other."""
        lowest = 0
        for y, x, name, color in sorted(self.names):
            lowest = max(y, lowest + 13)
            self.text(x, lowest, name, "start", color)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        )
        path.write_text("\n".join([head, *self.parts, "</svg>"]) + "\n")


class LogPlot(Plot):
    """From 1 to the right, logarithmic: flows, or routes."""

    def __init__(self, most, most_ns):
        super().__init__(most_ns)
        self.most = most

    def share(self, value):
        return math.log2(value) / math.log2(self.most)

    def ticks(self):
        powers = range(0, int(math.log2(self.most)) + 1, 2)
        return [(1 << power, short(1 << power)) for power in powers]


class LinearPlot(Plot):
    """From 0 to the right."""

    def __init__(self, most, step, form, most_ns):
        super().__init__(most_ns)
        self.most, self.step, self.form = most, step, form

    def share(self, value):
        return value / self.most

    def ticks(self):
        count = int(self.most / self.step + 0.001)
        return [(i * self.step, self.form.format(i * self.step)) for i in range(count + 1)]
