"""What a line costs us in CPU, beside scripts and queues that do less."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.frame.figures import Bar, Better, Figure, Size, at_most
from benchmarks.ground.product import Cpu, Product, product
from benchmarks.ground.upstream import Terms
from benchmarks.rivals.errand import Address
from benchmarks.rivals.runs import CELERY, DRAMATIQ, PROCRASTINATE, Bench, Floor, Rival, Running
from pipeline.db.engine import Database

TERMS = Terms(0.15, 16)
ROUNDS = {Size.QUICK: 3, Size.FULL: 5}
LINES = {Size.QUICK: 240, Size.FULL: 1_000}
BARS: Mapping[str, Bar] = {"floor": at_most(1.5), "celery": at_most(1.0)}


@dataclass(frozen=True)
class CpuPerLine:
    """CPU seconds of all our processes a line, against rivals on the same database, broker and bucket, in turn."""

    name: str
    database: str
    rivals: Sequence[Rival]
    seconds: float = 90.0

    @property
    def about(self) -> str:
        """Say on which database."""
        return (
            f"CPU a line on {self.database}: all our processes, without the database's, broker's and bucket's servers"
        )

    def run(self, size: Size) -> Sequence[Figure]:
        """Measure all in turn, so that whatever else the machine does meets all."""
        with product(TERMS, database=self.database) as stage, ExitStack() as opened:
            bench = opened.enter_context(bench_on(stage, self.database))
            installed = [rival for rival in self.rivals if rival.is_installed]
            running = {rival.name: opened.enter_context(rival.running(bench)) for rival in installed}
            stage.speak("warm", 40)
            ours, theirs = _measure(stage, running, size)
        return cpu_figures(ours, theirs, LINES[size])


def _measure(stage: Product, running: Mapping[str, Running], size: Size) -> tuple[list[Cpu], dict[str, list[float]]]:
    ours: list[Cpu] = []
    theirs: dict[str, list[float]] = {name: [] for name in running}
    for number in range(ROUNDS[size]):
        stage.upstream.begin(TERMS)
        before = stage.cpu()
        stage.speak(f"round{number}", LINES[size])
        ours.append(stage.cpu().since(before))
        for place, (name, rival) in enumerate(running.items()):
            stage.upstream.begin(TERMS)
            first = (number * len(running) + place) * LINES[size]
            theirs[name].append(rival.speak(first, LINES[size]))
    return ours, theirs


def cpu_figures(ours: Sequence[Cpu], theirs: Mapping[str, Sequence[float]], lines: int) -> Sequence[Figure]:
    """Return what a line costs in milliseconds of CPU: ours from seconds a round, the rivals' from seconds a line."""

    def in_ms(seconds: Sequence[float]) -> float:
        return median(seconds) / lines * 1000

    total = in_ms([cpu.total for cpu in ours])
    compared = [
        Figure(f"of_{name}", total / (median(costs) * 1000), "x", name, BARS.get(name), Better.LOWER)
        for name, costs in theirs.items()
    ]
    parts = sorted(ours[0].ours)
    return (
        *compared,
        Figure("ours", total, "ms"),
        Figure("servers", in_ms([cpu.servers for cpu in ours]), "ms", "broker and bucket, for comparison"),
        *(Figure(name, median(costs) * 1000, "ms") for name, costs in theirs.items()),
        *(Figure(f"part_{part.replace(' ', '_')}", in_ms([cpu.ours[part] for cpu in ours]), "ms") for part in parts),
    )


@contextmanager
def bench_on(stage: Product, database: str) -> Iterator[Bench]:
    """Lay the rivals' table beside the product's, on the same server."""
    url = f"sqlite:///{stage.stack.home / 'rivals.db'}" if database == "sqlite" else stage.settings.sqlalchemy_url
    facts = stage.stack.facts()
    address = Address(
        provider_url=stage.upstream.url,
        database_url=url,
        s3_endpoint=facts["s3_endpoint"],
        s3_access_key=facts["s3_access_key"],
        s3_secret_key=facts["s3_secret_key"],
        bucket=stage.settings.s3_bucket,
        broker_url=facts["broker_url"],
        threads=TERMS.concurrent,
    )
    rows = Database(url)
    try:
        yield Bench(rows, address, stage.stack.home)
    finally:
        rows.close()


CPU = (
    CpuPerLine("cpu_sqlite", "sqlite", (Floor(), CELERY, DRAMATIQ)),
    CpuPerLine("cpu_postgresql", "postgresql", (Floor(), CELERY, PROCRASTINATE)),
)
