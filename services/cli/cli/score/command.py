"""`fraudstream score`: settings → input file → scored rows, progress, and the exit code."""

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from cli.output_file import UnwritableFileError, check_output
from cli.progress import Progress
from cli.score.writing import Results, rejected_beside
from cli.stopping import check_stop
from fraudstream.model import store
from fraudstream.model.amounts import amounts_of
from fraudstream.model.fraud_model import FraudModel
from fraudstream.payment_files.reading import count_lines, opened
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import Batch, columns, line_ids, payments
from fraudstream.runtime import logs
from fraudstream.runtime.schema_file import load_schema, tokens_of
from fraudstream.runtime.settings import CsvSettings, LogSettings, ModelSettings
from fraudstream.scored_payment import Scored, ScoredFormat
from fraudstream.secret_tokens import Tokens

_NO_TIMESTAMP = -1


async def run_score(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Score the file; return 0 even if rows were rejected. Raises FraudstreamError, and then leaves no output."""
    log = logs.configure(LogSettings.from_env(env), "score")
    file, live = arguments.file, CsvSettings.from_env(env).path
    out = arguments.out or live.with_name(f"{file.stem}.scored.csv")
    lines = count_lines(file)
    _check_out(out, file, live, force=arguments.force)
    schema = load_schema(env)
    form, tokens = ScoredFormat(schema), tokens_of(schema, env)
    settings = ModelSettings.from_env(env)
    model, manifest = store.load(
        settings.models_dir,
        settings.pinned,
        schema,
        review=settings.review_threshold,
        block=settings.block_threshold,
    )
    progress, rejections = Progress("scoring", lines, log), Rejections(file, log)
    with ExitStack() as stack:
        stack.callback(progress.finish)
        table = stack.enter_context(opened(file, payments(schema, line_ids(schema))))
        log.info("file format", file=str(file), **table.detected)
        results = stack.enter_context(Results(out, form.layout.header_line))
        for batch in table.batches:
            _score(batch, form, tokens, model, results)
            rejections.add(batch.rejected)
            progress.advance(None, len(batch.lines))
            await check_stop(stop)
        results.keep()
    rejections.finish(written_to=str(results.rejected_out))
    log.info(
        "file scored",
        file=str(out),
        rows=progress.count,
        rejected=rejections.count,
        model=manifest.version,
        model_version=model.version,
        per_second=progress.per_second,
    )
    return 0


def _check_out(out: Path, file: Path, live: Path, *, force: bool) -> None:
    for written in (out, rejected_beside(out)):
        for used, role in ((file, "the input file"), (live, "the scorers' CSV")):
            if written.resolve() == used.resolve():
                raise UnwritableFileError(f"{written} is {role}; --out must name another file")
        check_output(written, force=force)


def _score(batch: Batch, form: ScoredFormat, tokens: Tokens | None, model: FraudModel, results: Results) -> None:
    for one in batch.rejected:
        results.reject(one.line, one.reason, one.detail)
    by_field = columns(form.schema, batch.rows)
    probabilities = model.score(model.matrix(by_field))
    scored = Scored(
        payments=tokens.of_columns(form.schema, by_field) if tokens else by_field,
        fraud_probability=probabilities.tolist(),
        decision=model.decide(probabilities, amounts_of(form.schema, by_field)),
        model_version=[model.version] * len(batch.lines),
        timestamp_ms=[_NO_TIMESTAMP] * len(batch.lines),
        partition=[0] * len(batch.lines),
        offset=batch.lines,
    )
    results.write(form.texts(scored).csv_chunk())
