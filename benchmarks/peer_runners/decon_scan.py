"""Runs in decon's own environment: TRAIN EVALS OUT TOKENIZER WORKERS, all else at decon's defaults."""

import sys

import decon  # type: ignore[import-not-found]

train, evals, out, tokenizer, workers = sys.argv[1:]
decon.detect(
    decon.Config(
        training_dir=train,
        evals_dir=evals,
        report_output_dir=out,
        tokenizer=tokenizer,
        worker_threads=int(workers),
    )
)
