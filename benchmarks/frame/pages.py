"""Results as people read them: a table on the terminal, one in the documentation, and one line for programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.frame.figures import Figure, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"
HEAD = ("measure", "figure", "reached", "to reach", "compared with", "load")


def show(outcome: Outcome, console: Console) -> None:
    """Print one outcome."""
    console.print(f"[bold]{outcome.measure}[/]: {outcome.about}", highlight=False)
    table = Table(show_edge=False)
    for column in HEAD[1:-1]:
        table.add_column(column)
    for figure in outcome.figures:
        table.add_row(figure.name, *_told(figure), style="bold red" if figure.is_short else None)
    console.print(table)
    told = f"{outcome.seconds:.0f} s, load {outcome.load:.1f} on {outcome.cores} cores"
    console.print(f"[red]{outcome.error}[/] ({told})" if outcome.error else told, end="\n\n")


def summary(outcomes: Iterable[Outcome]) -> str:
    """Return one line of `name=value` pairs: the figures that have something to reach."""
    pairs = [
        f"{outcome.measure}_{figure.name}={figure.value:.4g}"
        for outcome in outcomes
        for figure in outcome.figures
        if figure.bar is not None
    ]
    failed = [f"{outcome.measure}_failed=1" for outcome in outcomes if outcome.error is not None]
    return " ".join([*pairs, *failed])


def render(outcomes: Iterable[Outcome], page: Path = PAGE) -> None:
    """Put the table between the page's markers; raises `ValueError` where it has none."""
    text = page.read_text()
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"{page} has no place for the figures: it needs {BEGIN!r} and {END!r}")
    page.write_text(f"{before}{BEGIN}\n\n{table(outcomes)}\n{END}{after}")


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the figures as a Markdown table: those with something to reach, or that are compared over time."""
    lines = [_row(HEAD), _row("---" for _ in HEAD)]
    for outcome in outcomes:
        where = f"{outcome.load:.1f} on {outcome.cores} cores, {outcome.day}, {outcome.size}"
        figures = [figure for figure in outcome.figures if figure.direction is not None]
        lines += [_row((outcome.measure, figure.name, *_told(figure), where)) for figure in figures]
    told = [f"- **{outcome.measure}**: {outcome.about}." for outcome in outcomes if outcome.figures]
    return "\n".join([*lines, "", *told, ""])


def _told(figure: Figure) -> Sequence[str]:
    value = f"{figure.value:.3g}" if abs(figure.value) < 100 else f"{figure.value:.0f}"
    missed = " (short)" if figure.is_short else ""
    return f"{value} {figure.unit}".strip() + missed, str(figure.bar or ""), figure.against


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
