"""Running a job for the command line: it is loaded when it is called, and its end is an exit code.

Loading late lets `unrinse --help` answer at once. stdout carries one JSON object per job, for
machines; people read stderr.

Exit codes: 0 done; 2 refused (nothing written); 3 done in part (rows in quarantine, too many
addresses not scored); 4 an alarm of `monitor` or `replay`; 130 stopped with Ctrl-C, 143 by `kill`;
1 a bug.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NoReturn

import typer


def run(job: str, done: str, *arguments: object, **options: object) -> NoReturn:
    """Call the job of that name, say what it did, and end with its exit code."""
    run_one_of(job, job, done, *arguments, **options)


def run_one_of(
    job: str, function: str, done: str, *arguments: object, **options: object
) -> NoReturn:
    """Do the same for a module that holds several jobs."""
    from pipelines import console

    with guarded():
        result = call(job, function, *arguments, **options)
        console.result(done, result)
        console.emit(result)
    raise typer.Exit(int(getattr(result, "exit_code", 0)))


def print_result(
    job: str, function: str, *arguments: object, said: str | None = None, **options: object
) -> None:
    """Call a job whose whole result goes to stdout; with words, people get it in short as well."""
    from pipelines import console

    with guarded():
        result = call(job, function, *arguments, **options)
        if said is not None:
            console.records(said, result)
        console.emit(result)


def call(job: str, function: str, *arguments: object, **options: object) -> Any:
    """Import a job and call it with the options that were given."""
    given = {name: plain(value) for name, value in options.items() if value is not None}
    return getattr(importlib.import_module(f"pipelines.{job}"), function)(*arguments, **given)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Turn the end of a job into an exit code and, where it went wrong, one clear message."""
    from data.errors import Refused
    from pipelines import console, stopping

    try:
        yield
    except Refused as error:
        console.refused(error)
        raise typer.Exit(2) from None
    except KeyboardInterrupt as error:
        console.stopped(*console.notes_of(error))
        raise typer.Exit(stopping.exit_code(error)) from None
    except BrokenPipeError:
        # The reader of stdout went away; what Python would flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(141) from None
    except (typer.Exit, SystemExit, GeneratorExit):
        raise
    except BaseException:  # a panic in polars is not an Exception
        console.bug()
        raise typer.Exit(1) from None


def one_of(first: str, a: object, second: str, b: object) -> object:
    """Return the option that was given; both at once contradict each other."""
    if a and b:
        raise typer.BadParameter(f"{first} and {second} exclude each other.", param_hint=first)
    return a or b


def plain(value: object) -> object:
    """Return what a job takes in place of an option's enumeration."""
    return value.value if isinstance(value, StrEnum) else value
