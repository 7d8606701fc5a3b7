"""The command line: every job, its arguments, its summary on stderr, its result on stdout.

Nothing is decided here. A command parses its arguments and passes on what was given; what was left
out keeps the default that the job's function defines. How a job is loaded, and how it ends, stands
in `pipelines.running`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.cli_evaluate import evaluate
from pipelines.commands.cli_labels import labels_app
from pipelines.commands.cli_models import models_app
from pipelines.commands.cli_monitor import EXAMPLE, monitor
from pipelines.commands.cli_nightly import EXAMPLE as NIGHTLY_EXAMPLE
from pipelines.commands.cli_nightly import nightly
from pipelines.commands.cli_runs import DIFF_EXAMPLE, REPLAY_EXAMPLE, diff, replay
from pipelines.commands.cli_stores import COMPACT_EXAMPLE, PREPARE_EXAMPLE, Append, compact, prepare
from pipelines.commands.cli_trace import EXAMPLE as TRACE_EXAMPLE
from pipelines.commands.cli_trace import trace
from pipelines.commands.cli_train import train
from pipelines.commands.options import (
    Account,
    AddressList,
    AgainstBenign,
    AgainstCriminal,
    AlsoMeasure,
    AsOf,
    AssumeComplete,
    BasisOption,
    BundlePath,
    CatalogueOption,
    Chain,
    ColumnMap,
    ControlSample,
    Days,
    DemoSize,
    Diagnostic,
    ExportFiles,
    Exports,
    ExportsOf,
    FetchedAt,
    FormatName,
    Legs,
    LongEnough,
    MappingFile,
    MaxUnscored,
    OnlyThese,
    OutFolder,
    OutTable,
    PagesFolder,
    Prevalence,
    Prices,
    Reasons,
    Report,
    ResearchUse,
    Sar,
    Seed,
    Services,
    SignalName,
    Threads,
    Top,
    TransfersPath,
    Workers,
    WorldPath,
    WorldSize,
    flag,
)
from pipelines.commands.options_engine import EngineOption, SparkMaster
from pipelines.commands.options_explorers import ExplorerTable, NoExplorerLinks
from pipelines.commands.options_memory import Memory, Resume, SpillFolder, StartAgain
from pipelines.running import one_of, print_result, run

app = typer.Typer(
    name="unrinse",
    help="Score blockchain addresses for pig-butchering laundering, and show why.\n\n"
    "Begin with `unrinse demo`. Results and one line of JSON go to where you say and to stdout; "
    "what people read goes to stderr. Exit codes: 0 done, 2 refused and nothing written, "
    "3 done in part, 4 an alarm (monitor, nightly, replay), 130 or 143 "
    "stopped, 1 a bug.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models_app, name="models")
app.add_typer(labels_app, name="labels")


@app.command(epilog="Example: unrinse demo --out runs/demo")
def demo(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it all goes. Default: runs/demo.")
    ] = None,
    seed: Seed = None,
    addresses: DemoSize = None,
    prevalence: Prevalence = None,
) -> None:
    """Simulate a world, train on it, evaluate, score and explain: the whole in one go."""
    run(
        "demo",
        "The demo is done.",
        out=out,
        seed=seed,
        addresses=addresses,
        prevalence=prevalence,
    )


@app.command(
    epilog="Example: unrinse simulate --out runs/world --addresses 3000 --seed 1\n\nWith export "
    "files to try ingest on: unrinse simulate --out runs/world --exports runs/exports"
)
def simulate(
    out: OutFolder,
    seed: Seed = None,
    addresses: WorldSize = None,
    days: Days = None,
    prevalence: Prevalence = None,
    workers: Workers = None,
    exports: Exports = None,
    exports_of: ExportsOf = None,
    report: Report = False,
    against_criminal: AgainstCriminal = None,
    against_benign: AgainstBenign = None,
) -> None:
    """Make a synthetic world in which the truth is known: a store with labels beside it."""
    if exports_of is not None and exports is None:
        raise typer.BadParameter("It is of use only with --exports.", param_hint="--exports-of")
    run(
        "simulate",
        "The world is made.",
        out,
        seed=seed,
        addresses=addresses,
        days=days,
        prevalence=prevalence,
        workers=workers,
        exports=exports,
        exports_of=exports_of,
        report=report or None,
        against_criminal=against_criminal,
        against_benign=against_benign,
    )


@app.command(
    epilog="Example: unrinse realism runs/world --out runs/realism\n\nWith your own data: "
    "unrinse realism runs/world --against-benign runs/store --out runs/realism"
)
def realism(
    world: WorldPath,
    out: OutFolder,
    against_criminal: AgainstCriminal = None,
    against_benign: AgainstBenign = None,
    min_transfers: LongEnough = None,
    seed: Seed = None,
) -> None:
    """Say how real a synthetic world looks, beside published figures and real histories."""
    run(
        "realism",
        "The world is compared.",
        world,
        out,
        against_criminal=against_criminal,
        against_benign=against_benign,
        min_transfers=min_transfers,
        seed=seed,
    )


@app.command(
    epilog="Example: unrinse ingest auto data/sample/txlist.json data/sample/tokentx.json "
    "--out runs/store\n\nFor any other table: unrinse ingest table bank.csv --chain generic "
    "--map sender=Payer --map receiver=Payee ... --out runs/bank\n\n"
    "A further delivery: unrinse ingest auto today/ --out runs/store --append"
)
def ingest(
    format: FormatName,
    files: ExportFiles,
    out: OutFolder,
    chain: Chain = None,
    account: Account = None,
    prices: Prices = None,
    as_of: FetchedAt = None,
    map_: ColumnMap = None,
    mapping: MappingFile = None,
    append: Append = False,
) -> None:
    """Read exports into a store: transfers, coverage, quarantine and manifest."""
    run(
        "ingest",
        "The exports are in.",
        format,
        files,
        out,
        chain=chain,
        account=account,
        prices=prices,
        as_of=as_of,
        mapping=one_of("--map", map_, "--mapping", mapping),
        append=append or None,
    )


@app.command(
    epilog="Example: unrinse signals runs/store --out runs/signals.parquet\n\n"
    "More transfers than memory holds: unrinse signals runs/store --memory 2GiB "
    "--out runs/signals.parquet\n\n"
    "On a cluster: unrinse signals runs/store --engine spark --spark-master spark://host:7077 "
    "--out runs/signals.parquet"
)
def signals(
    transfers: TransfersPath,
    out: OutTable,
    addresses: OnlyThese = None,
    as_of: AsOf = None,
    basis: BasisOption = None,
    legs: Legs = None,
    services: Services = None,
    also: AlsoMeasure = None,
    engine: EngineOption = None,
    spark_master: SparkMaster = None,
    threads: Threads = None,
    memory: Memory = None,
    spill: SpillFolder = None,
    assume_complete: AssumeComplete = False,
    resume: Resume = False,
    start_again: StartAgain = False,
) -> None:
    """Compute every behavioural signal of every address; motifs where asked for."""
    run(
        "signals",
        "The signals are computed.",
        transfers,
        out,
        addresses=addresses,
        as_of=as_of,
        basis=basis,
        legs=legs,
        services=services,
        also=also,
        engine=engine,
        spark_master=spark_master,
        threads=threads,
        memory=memory,
        spill=spill,
        assume_complete=assume_complete or None,
        resume=resume or None,
        start_again=start_again or None,
    )


app.command(epilog="Example: unrinse train runs/store labels.csv --out runs/bundle")(train)


app.command(
    epilog="Example: unrinse evaluate runs/bundle runs/store labels.csv --out runs/report\n\n"
    "Beside the champion: unrinse evaluate ... --against runs/champion --budget 10"
)(evaluate)


@app.command(
    epilog="Example: unrinse score runs/bundle runs/store --addresses list.txt "
    "--out runs/scores.csv"
)
def score(
    bundle: BundlePath,
    transfers: TransfersPath,
    out: OutTable,
    addresses: OnlyThese = None,
    as_of: AsOf = None,
    reasons: Reasons = None,
    engine: EngineOption = None,
    spark_master: SparkMaster = None,
    services: Services = None,
    threads: Threads = None,
    memory: Memory = None,
    spill: SpillFolder = None,
    max_unscored: MaxUnscored = None,
    research_use: ResearchUse = False,
    control_sample: ControlSample = None,
    assume_complete: AssumeComplete = False,
    resume: Resume = False,
    start_again: StartAgain = False,
) -> None:
    """Score a list of addresses, one row for each in the order requested; or every covered one."""
    run(
        "score",
        "The addresses are scored.",
        bundle,
        transfers,
        addresses,
        out,
        as_of=as_of,
        reasons=reasons,
        engine=engine,
        spark_master=spark_master,
        services=services,
        threads=threads,
        memory=memory,
        spill=spill,
        max_unscored=max_unscored,
        research_use=research_use or None,
        control_sample=control_sample,
        assume_complete=assume_complete or None,
        resume=resume or None,
        start_again=start_again or None,
    )


@app.command(
    epilog="Example: unrinse explain runs/bundle runs/store --addresses list.txt --out runs/alerts"
    "\n\nWith drafts of reports: unrinse explain runs/bundle runs/store --addresses list.txt --sar "
    "--out runs/alerts"
)
def explain(
    bundle: BundlePath,
    transfers: TransfersPath,
    addresses: AddressList,
    out: OutFolder,
    as_of: AsOf = None,
    top: Top = None,
    services: Services = None,
    threads: Threads = None,
    max_unscored: MaxUnscored = None,
    research_use: ResearchUse = False,
    assume_complete: AssumeComplete = False,
    diagnostic: Diagnostic = None,
    sar: Sar = False,
    resume: Resume = False,
    start_again: StartAgain = False,
    explorers: ExplorerTable = None,
    no_explorer_links: NoExplorerLinks = False,
) -> None:
    """Explain the highest scores: alerts, their cases, a page for each, and an index."""
    run(
        "explain",
        "The alerts are written.",
        bundle,
        transfers,
        addresses,
        out,
        as_of=as_of,
        top=top,
        services=services,
        threads=threads,
        max_unscored=max_unscored,
        research_use=research_use or None,
        assume_complete=assume_complete or None,
        diagnostic=diagnostic,
        sar=sar or None,
        resume=resume or None,
        start_again=start_again or None,
        explorers=explorers,
        explorer_links=False if no_explorer_links else None,
    )


app.command(epilog=COMPACT_EXAMPLE)(compact)
app.command(epilog=PREPARE_EXAMPLE)(prepare)
app.command(epilog=TRACE_EXAMPLE)(trace)


app.command(epilog=EXAMPLE)(monitor)


app.command(epilog=NIGHTLY_EXAMPLE)(nightly)


app.command(epilog=REPLAY_EXAMPLE)(replay)


app.command(epilog=DIFF_EXAMPLE)(diff)


@app.command(
    epilog="Example: unrinse catalogue peel_share\n\nA line for each signal: "
    "unrinse catalogue --format text"
)
def catalogue(
    signal: SignalName = None,
    format: CatalogueOption = None,
    out: PagesFolder = None,
) -> None:
    """Print every signal, or one: its meaning, formula, unit, red flags, and an example."""
    print_result("catalogue", "catalogue", signal=signal, format=format, out=out)


@app.callback(invoke_without_command=True)
def _common(
    version: Annotated[bool, flag("--version", "Print the version.")] = False,
    log_json: Annotated[
        bool,
        typer.Option(
            "--log-json",
            envvar="UNRINSE_LOG_JSON",
            help="Log to stderr as JSON Lines, for machines: steps with rows, rate and time left; "
            "the end. Before the command: unrinse --log-json score ...",
        ),
    ] = False,
) -> None:
    if log_json:
        from pipelines import console

        console.log_json()
    if version:
        import unrinse

        sys.stdout.write(f"unrinse {unrinse.__version__}\n")
        raise typer.Exit


def main() -> None:
    """Run the command line; the entry point of the `unrinse` script."""
    try:
        import unrinse

        unrinse.check_packages()
    except ImportError as error:
        sys.stderr.write(f"Refused: {error}\n")
        sys.exit(2)
    from data.allocator import ask_for_huge_pages

    ask_for_huge_pages()
    from pipelines import console, stopping

    console.switch_on()
    with stopping.watched(lambda: console.stopped(*stopping.said_at_the_end())):
        app()


if __name__ == "__main__":
    main()
