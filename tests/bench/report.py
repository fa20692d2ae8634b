#!/usr/bin/env python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Plots and tables of what the benchmarks measured.

  report.py plot DIRECTORY              packets.svg, routes.svg, fill.svg, flood.svg, of what is there
  report.py wire DIRECTORY              prints what wire.sh measured
  report.py results DIRECTORY FILE      all tables, as far as there are numbers

The directory has packets.json, pressure.json, cpus.json, routes.json, verifier.json,
wire.json and wire-tcp.txt, or some of them.
"""

import json
import pathlib
import statistics
import sys

from svg import LinearPlot, LogPlot, short

COLORS = ["#777777", "#1f6fb4", "#d9541e", "#2b8a3e", "#8e44ad", "#b8860b", "#c2185b"]

# Lines of the plot: path, family, mode.
LINES = [
    ("floor: hit", "ipv4", "nat"),
    ("TCP hit", "ipv4", "nat"),
    ("TCP hit", "ipv6", "nat"),
    ("TCP reply", "ipv4", "nat"),
    ("UDP hit", "ipv4", "nat"),
    ("TCP hit", "ipv4", "transparent"),
    ("TCP hit", "ipv4", "dsr-l2"),
]
FAMILY = {"ipv4": "IPv4", "ipv6": "IPv6"}


def load(directory, name):
    path = directory / name
    return json.loads(path.read_text()) if path.exists() else None


def curve_points(paths, name, family, mode):
    """One point for each number of flows: the first that was measured."""
    phases = ["few" if mode == "nat" else f"few {mode}", f"many {mode}"]
    points = {}
    for path in paths:
        if (path["hook"], path["path"], path["family"]) == ("xdp", name, family):
            if path["phase"] in phases:
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
    plot = LogPlot(
        max(points[-1][0] for points, _ in curves),
        max(point[3] for points, _ in curves for point in points),
    )
    plot.axes("flows, in random order")
    for color, (points, (name, family, mode)) in zip(COLORS, curves):
        prefix = "" if mode == "nat" else f"{mode}: "
        plot.curve(points, color, f"{prefix}{name} {FAMILY[family]}")
    plot.write(target)


def point(value, ns):
    return value, ns["median"], ns["min"], ns["max"]


def modes_of(entries):
    return list(dict.fromkeys(entry["mode"] for entry in entries))


def plot_lines(target, entries, where, lines, axis):
    """A curve for each mode and line (key of its ns, what to call it)."""
    curves = []
    for mode in modes_of(entries):
        for key, name in lines:
            points = [
                point(where(entry), entry[key])
                for entry in entries
                if entry["mode"] == mode and entry[key]["rounds"]
            ]
            if len(points) > 1:
                curves.append((points, f"{mode}: {name}"))
    if not curves:
        return
    most, step, form, label = axis
    plot = LinearPlot(
        max(most, max(points[-1][0] for points, _ in curves)),
        step,
        form,
        max(p[3] for points, _ in curves for p in points),
    )
    plot.axes(label)
    for color, (points, name) in zip(COLORS[1:], curves):
        plot.curve(points, color, name)
    plot.write(target)


def fill_percent(entry):
    """What is in the table: some of those that were tried may have been refused."""
    rounds = entry["new_ns"]["rounds"]
    return 100 * entry["established"] / rounds / entry["max_flows"]


def plot_pressure(pressure, directory):
    plot_lines(
        directory / "fill.svg",
        pressure["fill"],
        fill_percent,
        [("new_ns", "new flow"), ("hit_ns", "hit")],
        (125, 25, "{:.0f} %", "established flows, of --max-flows"),
    )
    plot_lines(
        directory / "flood.svg",
        pressure["flood"],
        lambda entry: entry["sent"],
        [("syn_ns", "SYN"), ("hit_ns", "hit")],
        (4, 1, "{:.0f}", "SYNs sent, by --max-flows"),
    )


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


ROUTE_LINES = [
    ("hit_ns", "hit, one route's flows"),
    ("spread_ns", "hit, all routes' flows"),
    ("first_ns", "first packet"),
]


def plot_routes(routes, target):
    curves = []
    for key, name in ROUTE_LINES:
        points = [
            (s["routes"], s[key]["median"], s[key]["min"], s[key]["max"]) for s in routes["scales"]
        ]
        curves.append((points, name))
    if len(routes["scales"]) < 2:
        return
    plot = LogPlot(
        max(points[-1][0] for points, _ in curves),
        max(point[3] for points, _ in curves for point in points),
    )
    plot.axes("routes")
    for color, (points, name) in zip(COLORS[1:], curves):
        plot.curve(points, color, name)
    plot.write(target)


def spread(value, scale, form):
    low, high = form.format(value["min"] * scale), form.format(value["max"] * scale)
    return f"{form.format(value['median'] * scale)} ({low}..{high})"


def routes_section(routes):
    columns = [
        ("hit, ns", "hit_ns", 1, "{:.0f}"),
        ("spread, ns", "spread_ns", 1, "{:.0f}"),
        ("first, ns", "first_ns", 1, "{:.0f}"),
        ("compile, ms", "compile_s", 1e3, "{:.1f}"),
        ("cold load, ms", "load_s", 1e3, "{:.1f}"),
        ("one backend, ms", "change_s", 1e3, "{:.1f}"),
        ("visible, ms", "visible_s", 1e3, "{:.1f}"),
        ("validate, ms", "validate_s", 1e3, "{:.0f}"),
        ("apply, ms", "apply_s", 1e3, "{:.0f}"),
        ("get, ms", "get_s", 1e3, "{:.0f}"),
        ("stats, ms", "stats_s", 1e3, "{:.0f}"),
    ]
    rows = []
    for scale in routes["scales"]:
        row = [f"{scale['routes']} x {scale['endpoints']}"]
        row += [spread(scale[key], factor, form) for _, key, factor, form in columns]
        rows.append([*row, f"{scale['map_bytes'] / 1e6:.1f}"])
    head = ["routes x endpoints", *(column[0] for column in columns), "maps, MB"]
    text = "## Routes (`make bench-scale`)\n\n" + describe_run(routes["run"]) + "\n"
    text += (
        "Medians (least..most) with 1,024 flows: a hit and a first packet of flows of one route "
        "among all, and a hit\nof flows spread over the routes. \"One backend\": a publish in "
        "which one endpoint changed, from the compiled\nimage on, and of that what is written "
        "for packets to see; `apply`, `get routes -o json` and `stats -o json`\nas processes. "
        "Of 100,000 routes 50,000 have traffic, the others wait for their listeners. What the "
        "numbers\ncan't tell: how much of the cache the tables get beside a node's other work.\n\n"
    )
    return text + table(head, rows)


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


def share_lost(part, whole):
    """Zero is said to be zero, and not to be little."""
    return f"{100 * part / whole:.3g} %" if part else "0"


def pressure_section(pressure):
    fill_rows = [
        [
            entry["mode"],
            f"{fill_percent(entry):.0f} %",
            f"{entry['new_ns']['median']:.0f}",
            f"{entry['new_ns']['min']:.0f}..{entry['new_ns']['max']:.0f}",
            f"{entry['hit_ns']['median']:.0f}",
            share_lost(entry["refused"], entry["wanted"]),
            entry["lost"],
        ]
        for entry in pressure["fill"]
    ]
    flood_rows = [
        [
            entry["mode"],
            f"{entry['sent']:.1f}",
            f"{entry['syn_ns']['median']:.0f}" if entry["syn_ns"]["rounds"] else "",
            f"{entry['hit_ns']['median']:.0f}",
            entry["established"] // entry["rounds"],
            entry["refused"],
        ]
        for entry in pressure["flood"]
    ]
    size = short((pressure["fill"] + pressure["flood"])[0]["max_flows"])
    text = "## Full tables (`make bench-pressure`)\n\n" + describe_run(pressure["run"])
    if fill_rows:
        text += (
            f"\nTables for {size} flows with that many established, of which more may fit than "
            "were asked for. New\nflows in them, and packets of those that are there; "
            "established flows that were lost meanwhile.\n\n"
        ) + table(
            ["mode", "full", "new flow, ns", "least..most", "hit, ns", "refused", "lost"],
            fill_rows,
        )
    if flood_rows:
        text += (
            f"\nA flood of SYNs, by what the tables are for ({size}), beside established flows, "
            "of which so many survive:\n\n"
        ) + table(["mode", "SYNs", "SYN, ns", "hit, ns", "established", "refused"], flood_rows)
    return text


def cpus_section(cpus):
    rows = [
        [
            pair["case"],
            f"{pair['alone_ns']['median']:.0f}",
            f"{pair['together_ns']['median']:.0f}",
            f"{pair['together_ns']['min']:.0f}..{pair['together_ns']['max']:.0f}",
            f"{pair['ratio']:.2f}" if pair["ratio"] is not None else "",
            f"{pair['empty_ratio']:.2f}",
            f"{pair['overlap']:.2f}",
        ]
        for pair in cpus["pairs"]
    ]
    head = ["two CPUs", "one alone, ns", "both, ns", "least..most", "both by one", "empty", "overlap"]
    text = "## Two CPUs (`make bench-cpus`)\n\n" + describe_run(cpus["run"]) + "\n"
    text += (
        "The program on two CPUs at once, each with flows of its own, and on one of them alone. "
        "Empty: the same of an\nempty program. Overlap: how much of the time both ran.\n"
    )
    if not cpus["shows_sharing"]:
        text += (
            "A number that both CPUs write costs hardly more here than one that one writes: they "
            "are as good as two\nthreads of one core, and say nothing about false sharing.\n"
        )
    return text + "\n" + table(head, rows)


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


# ---------------------------------------------------------------- wire


class Wire:
    """Values of each round, by metric and system."""

    def __init__(self, directory):
        document = load(directory, "wire.json")
        self.run = document["run"]
        self.values = {"mpps": document["mpps"]}
        for line in (directory / "wire-tcp.txt").read_text().splitlines():
            system, *words = line.split()
            for metric, value in zip(words[::2], words[1::2]):
                systems = self.values.setdefault(metric, {})
                systems.setdefault(system, []).append(float(value))

    def ratio(self, metric, system, other):
        pairs = zip(self.values[metric][system], self.values[metric][other])
        return statistics.median(a / b for a, b in pairs)

    def difference(self, metric, system, other):
        pairs = zip(self.values[metric][system], self.values[metric][other])
        return statistics.median(a - b for a, b in pairs)

    def table(self, metric, systems, base, form):
        rows = []
        for system in systems:
            values = self.values[metric][system]
            rows.append(
                [
                    SYSTEMS[system],
                    form.format(statistics.median(values)),
                    f"{form.format(min(values))}..{form.format(max(values))}",
                    f"{self.ratio(metric, system, base):.2f}",
                ]
            )
        return rows

    def goals(self):
        """Goal, what was measured, what is wanted, whether it is reached."""
        ratios = [
            ("packets: two devices / fixed redirect", "mpps", "l4gate", "redirect", 0.80),
            ("packets: one device / XDP_TX", "mpps", "l4gate-one-armed", "tx", 0.80),
            ("packets: XDP / kernel forwarding", "mpps", "l4gate", "kernel", 2.8),
            ("packets: XDP / nftables", "mpps", "l4gate", "nft", 4.2),
            ("bulk TCP: TC mode / kernel forwarding", "gbit", "l4gate-tc", "kernel", 0.95),
            ("connections: TC mode / nftables", "rate", "l4gate-tc", "nft", 1.1),
            ("connections: TC mode / HAProxy", "rate", "l4gate-tc", "haproxy", 1.6),
        ]
        rows = []
        for text, metric, system, other, wanted in ratios:
            value = self.ratio(metric, system, other)
            rows.append([text, f"{value:.2f}", f"at least {wanted}", value >= wanted])
        value = self.difference("p50", "l4gate-tc", "kernel")
        rows.append(
            ["one connection: TC mode - kernel, us", f"{value:.1f}", "at most 5", value <= 5]
        )
        return [[*row[:3], "reached" if row[3] else "NOT reached"] for row in rows]

    def connection_rows(self):
        rows = []
        for system in TCP_SYSTEMS:
            median = {
                metric: statistics.median(self.values[metric][system])
                for metric in ("rate", "p50", "p99")
            }
            rows.append(
                [
                    SYSTEMS[system],
                    f"{median['rate'] / 1000:.1f}",
                    f"{median['p50']:.0f}",
                    f"{median['p99']:.0f}",
                    f"{max(self.values['errors'][system]):.0f}",
                ]
            )
        return rows


SYSTEMS = {
    "redirect": "XDP redirect of all (limit)",
    "l4gate": "l4gate, XDP",
    "l4gate-tc": "l4gate, TC",
    "kernel": "kernel forwarding",
    "nft": "nftables DNAT and masquerade",
    "tx": "XDP_TX of all (limit)",
    "l4gate-one-armed": "l4gate, XDP",
    "haproxy": "HAProxy, one thread",
}
TCP_SYSTEMS = ["kernel", "l4gate-tc", "nft", "haproxy"]


def wire_section(directory):
    wire = Wire(directory)
    head = ["system", "Mpps", "least..most", "by limit"]
    two = ["redirect", "l4gate", "l4gate-tc", "kernel", "nft"]
    return (
        "## End to end (`make bench-wire`)\n\n" + describe_run(wire.run) + "\n"
        "Network namespaces and veth pairs. UDP frames of 60 bytes (64 on a wire), 1,024 flows; "
        "generator, system\nand sink run on one CPU, so a rate is one by the sum of what all three "
        "take, and ratios are flatter than\nthe systems' own costs. TCP with a client and a server "
        "on a CPU each, which takes most of the time. No NIC,\nno driver, no second queue. "
        "Compare within one run.\n\n"
        "Client and backend behind different devices:\n\n"
        + table(head, wire.table("mpps", two, "redirect", "{:.2f}"))
        + "\nBehind one:\n\n"
        + table(head, wire.table("mpps", ["tx", "l4gate-one-armed"], "tx", "{:.2f}"))
        + "\nOne TCP stream, segmentation offload on:\n\n"
        + table(
            ["system", "Gbit/s", "least..most", "by kernel"],
            wire.table("gbit", TCP_SYSTEMS, "kernel", "{:.1f}"),
        )
        + "\nConnections (connect, 16 bytes there and back, RST): of eight threads, and how long "
        "one takes alone:\n\n"
        + table(
            ["system", "thousands/s", "median us", "p99 us", "errors"], wire.connection_rows()
        )
        + "\n"
        + table(["goal", "measured", "wanted", ""], wire.goals())
    )


def align(markdown):
    """The same for a terminal: no rules, columns below each other."""
    out, rows = [], []
    for line in [*markdown.splitlines(), ""]:
        if line.startswith("|"):
            if not line.startswith("|---"):
                rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths))
            out.append("  ".join(cells).rstrip())
        rows = []
        out.append(line.lstrip("# "))
    return "\n".join(out).strip()


# ---------------------------------------------------------------- main


def results(directory):
    text = (
        "<!-- Written by tests/bench/report.py (make bench-results): don't edit. -->\n"
        "# What l4gate costs\n\n"
    )
    parts = []
    packets, verifier = load(directory, "packets.json"), load(directory, "verifier.json")
    if packets:
        parts.append(packets_section(packets))
    routes = load(directory, "routes.json")
    if routes:
        parts.append(routes_section(routes))
    pressure, cpus = load(directory, "pressure.json"), load(directory, "cpus.json")
    if pressure:
        parts.append(pressure_section(pressure))
    if cpus:
        parts.append(cpus_section(cpus))
    if (directory / "wire.json").exists():
        parts.append(wire_section(directory))
    if verifier:
        parts.append(verifier_section(verifier))
    return text + "\n".join(parts)


def main():
    command, *arguments = sys.argv[1:] or [""]
    if len(arguments) != {"plot": 1, "wire": 1, "results": 2}.get(command):
        sys.exit(__doc__)
    directory = pathlib.Path(arguments[0])
    if command == "plot":
        packets, pressure = load(directory, "packets.json"), load(directory, "pressure.json")
        routes = load(directory, "routes.json")
        if packets:
            plot_packets(packets, directory / "packets.svg")
        if routes:
            plot_routes(routes, directory / "routes.svg")
        if pressure:
            plot_pressure(pressure, directory)
    elif command == "wire":
        print(align(wire_section(directory)))
    else:
        pathlib.Path(arguments[1]).write_text(results(directory))


if __name__ == "__main__":
    main()
