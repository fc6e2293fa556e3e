"""The table of docs/grpc.md, made of the file of results."""

from typing import Any

BEGIN = "<!-- figures: written by `python -m benchmarks protocols` -->"
END = "<!-- /figures -->"


def to_markdown(found: dict[str, Any]) -> str:
    """The table, and below it how it was made."""
    plan, conditions = found["plan"], found["conditions"]
    machine = conditions["machine"]
    lines = [
        "| texts a request | way | requests a second (least to most) | p50 | p99 "
        "| service's processor a request | n |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in found["rows"]:
        failed = f"; failed: {'; '.join(row['failures'])}" if row["failures"] else ""
        lines.append(
            f"| {row['texts']} | {row['way']}{failed} "
            f"| {row['per_second']:,.0f} ({row['least']:,.0f} to {row['most']:,.0f}) "
            f"| {row['p50_ms']:.2f} ms | {row['p99_ms']:.2f} ms "
            f"| {row['service_ms']:.3f} ms | {row['requests']:,} |"
        )
    busiest = max(row["client_busy"] for row in found["rows"])
    same = machine["server_core"] == machine["client_core"]
    where = "one core for both" if same else "the service on one core and the client on another"
    lines += [
        "",
        f"`{plan['model']}`, {plan['at_once']} requests in flight, {plan['rounds']} rounds of "
        f"{plan['seconds']:g} s in which the ways took turns, {where} ({machine['cpu']}, "
        f"{machine['cpus']} CPUs); before the start others kept the service's core "
        f"{100 * machine['server_core_busy']:.0f}% busy. The client is Python's in every row and "
        f"used up to {100 * busiest:.0f}% of its core: near 100%, it is the client that is "
        "measured, and the processor's time of the service tells more. "
        f"{conditions['started_at']}, commit {conditions['commit']}.",
    ]
    return "\n".join(lines) + "\n"
