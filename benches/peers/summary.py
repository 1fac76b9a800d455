"""Medians, ratios and targets of a run of scripts/bench-peers, as text, Markdown and SVG.

    summary.py FOLDER      reads figures.tsv there, writes table.md and performance.svg
"""

import statistics
import sys
from pathlib import Path
from xml.sax.saxutils import escape

OURS = "fips-boundary"
FLOOR = "floor of primitives"
RUSTLS = "rustls 0.23.43, its own FIPS provider"
CASES = {
    "full-p256": "TLS 1.3, mutual, P-256: full",
    "resumed-p256": "TLS 1.3, mutual, P-256: resumed",
    "full-mlkem768": "TLS 1.3, mutual, MLKEM768: full",
    "resumed-mlkem768": "TLS 1.3, mutual, MLKEM768: resumed",
    "full-secp256r1mlkem768": "TLS 1.3, mutual, SecP256r1MLKEM768: full",
}


def main(folder: Path) -> None:
    medians = read(folder / "figures.tsv")
    table = "\n".join(figures(medians) + [""] + targets(medians)) + "\n"
    (folder / "table.md").write_text(table)
    (folder / "performance.svg").write_text(svg(medians))
    print(table)
    print(f"in {folder}: figures.tsv, table.md, performance.svg")


def read(path: Path) -> dict[str, dict[str, float]]:
    """Microseconds by case and label, in the order of the file."""
    times: dict[str, dict[str, list[int]]] = {}
    for line in path.read_text().splitlines():
        case, label, nanoseconds = line.split("\t")
        times.setdefault(case, {}).setdefault(label, []).append(int(nanoseconds))
    return {
        case: {label: statistics.median(found) / 1000 for label, found in labels.items()}
        for case, labels in times.items()
    }


def figures(medians: dict[str, dict[str, float]]) -> list[str]:
    rows = [
        "| handshake, both sides together | | µs of CPU time | to ours |",
        "|---|---|---:|---:|",
    ]
    for case, labels in medians.items():
        for label, micros in labels.items():
            ratio = micros / labels[OURS]
            rows.append(f"| {CASES[case]} | {label} | {micros:.0f} | {ratio:.2f} |")
    return rows


def targets(medians: dict[str, dict[str, float]]) -> list[str]:
    """What ours is to reach, and what it reaches."""
    full, resumed, ml_kem = (
        medians[case] for case in ("full-p256", "resumed-p256", "full-mlkem768")
    )
    others = [
        label for label in full if label not in (FLOOR, RUSTLS) and not label.startswith(OURS)
    ]
    rows = [
        ("full, to rustls's own FIPS provider", full[RUSTLS] / full[OURS], 1.45),
        ("resumed, to rustls's own FIPS provider", resumed[RUSTLS] / resumed[OURS], 1.3),
        ("MLKEM768 full, to rustls over MLKEM768", ml_kem[RUSTLS] / ml_kem[OURS], 1.6),
        ("MLKEM768 full, to rustls over P-256", full[RUSTLS] / ml_kem[OURS], 1.6),
    ]
    for label in others:
        rows.append((f"full, to {label}", full[label] / full[OURS], 1.0))
        rows.append((f"resumed, to {label}", resumed[label] / resumed[OURS], 1.0))
    lines = [
        "| handshakes in the same time | reached | target | |",
        "|---|---:|---:|---|",
    ]
    for what, reached, target in rows:
        lines.append(f"| {what} | {reached:.2f} | ≥ {target:.2f} | {said(reached >= target)} |")
    floor = full[OURS] / full[FLOOR]
    flat = full[f"{OURS}, 100,000 serials revoked"] / full[f"{OURS}, 1 serial revoked"]
    lines.append(f"| full, over its floor | {floor:.2f} | ≤ 1.12 | {said(floor <= 1.12)} |")
    lines.append(f"| full, 100,000 revoked serials over 1 | {flat:.2f} | ≤ 1.02 | {said(flat <= 1.02)} |")
    return lines


def said(reached: bool) -> str:
    return "reached" if reached else "missed"


def svg(medians: dict[str, dict[str, float]]) -> str:
    """Horizontal bars, grouped by case, on one scale."""
    left, width, bar, gap = 350, 430, 18, 34
    longest = max(micros for labels in medians.values() for micros in labels.values())
    parts, y = [], 34
    for case, labels in medians.items():
        parts.append(f'<text x="12" y="{y}" class="case">{escape(CASES[case])}</text>')
        y += 10
        for label, micros in labels.items():
            length = micros / longest * width
            kind = {OURS: "ours", FLOOR: "floor"}.get(label, "peer")
            kind = "lever" if label.startswith(f"{OURS},") else kind
            parts.append(
                f'<text x="{left - 8}" y="{y + 13}" class="label">{escape(label)}</text>'
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" class="{kind}"/>'
                f'<text x="{left + length + 6:.1f}" y="{y + 13}">{micros:.0f}</text>'
            )
            y += bar
        y += gap
    height = y - gap + 34
    foot = "µs of CPU time per handshake, client and server together; medians of one run"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 {height}" role="img">
<title>{escape(foot)}</title>
<style>
text {{ font: 12px sans-serif; fill: #24292f; }}
.case {{ font-weight: bold; }}
.label {{ text-anchor: end; }}
.ours {{ fill: #1a7f37; }}
.lever {{ fill: #8fce9f; }}
.floor {{ fill: #afb8c1; }}
.peer {{ fill: #54708f; }}
</style>
<rect width="850" height="{height}" fill="#ffffff"/>
{chr(10).join(parts)}
<text x="12" y="{height - 12}">{escape(foot)}</text>
</svg>
"""


main(Path(sys.argv[1]))
