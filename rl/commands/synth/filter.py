"""`lengthwise synth filter`: the synthetic rows that a model solves sometimes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rl.commands.options import AllowedHosts, Json, KeyVariable, Quiet, Settings
from rl.commands.output import require_place, write_json
from rl.commands.synth.rows import RowFile, bad_files_are_mistakes, counted
from rl.errors import UserError
from rl.secrecy import Granted
from rl.terminal import say

OPENAI = "OPENAI_API_KEY"
"""The variable whose key goes to a server unless another is named."""


def filter_(
    file: RowFile,
    out: Annotated[Path, typer.Option(help="Where the kept rows go, as parquet; results are kept beside it.")],
    rates: Annotated[Path | None, typer.Option(help="Known pass rates: `id` and `pass_rate` a line or row.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="An OpenAI-compatible server, e.g. http://host:8000/v1.")] = None,
    model: Annotated[str | None, typer.Option(help="The server's model; without --endpoint a local one.")] = None,
    samples: Annotated[int, typer.Option(min=1, max=65_536, help="Answers to each row.")] = 8,
    above: Annotated[float, typer.Option(help="Keep rows with a pass rate above this.")] = 0.0,
    below: Annotated[float, typer.Option(help="Keep rows with a pass rate below this.")] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens an answer may have.")] = 2048,
    temperature: Annotated[float, typer.Option(min=0, help="Sampling temperature.")] = 1.0,
    verifier: Annotated[str, typer.Option(help="Who judges: a verifier's name, or a function as file.py:name.")] = (
        "substring"
    ),
    settings: Settings = None,
    api_key_env: KeyVariable = None,
    allow_host: AllowedHosts = None,
    parallel: Annotated[int, typer.Option(min=1, max=4096, help="Rows asked of the server at once.")] = 8,
    retries: Annotated[int, typer.Option(min=0, help="Times a failed request is sent again.")] = 5,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the server's answer.")] = 600.0,
    seed: Annotated[int, typer.Option(help="Seed of a local model's sampling.")] = 0,
    quiet: Quiet = False,
    json_file: Json = None,
) -> None:
    """Keep rows that a model solves sometimes: the same command again goes on where it was stopped."""
    from rl.elsewhere.offline import parse_settings
    from rl.plugins import load_verifier
    from rl.synth import filter as filtering

    require_place(json_file)
    if sum(given is not None for given in (rates, endpoint or model)) != 1:
        raise UserError("give --rates FILE, or --endpoint URL with --model NAME, or --model with a local model")
    if endpoint and not model:
        raise UserError("--endpoint needs --model, the name the server knows its model by")
    if not above < below:
        raise UserError(f"--above {above:g} must lie below --below {below:g}; no row could be kept")
    variable = api_key_env or (OPENAI if os.environ.get(OPENAI) else None)
    key = Granted(variable, allow_host or ()).key_for([endpoint], None, "--endpoint") if endpoint else None
    judges = load_verifier(verifier, parse_settings(settings or []))
    options = filtering.Sampled(samples, max_tokens, temperature, seed)
    asked = {"endpoint": endpoint, "model": model, "verifier": [verifier, *(settings or [])]}
    with bad_files_are_mistakes(), counted(file, quiet) as advance:
        filtering.check_output(file, out)
        if rates:
            found = filtering.known_rates(rates, file)
        else:
            source = _answerer(endpoint, str(model), options, retries, timeout, key)
            rows_at_once = parallel if endpoint else 1
            try:
                found = filtering.measured_rates(file, out, source, judges, options, asked, rows_at_once, advance)
            except KeyboardInterrupt:
                say(f"stopped; the same command goes on from {filtering.results_of(out)}", error=True)
                raise typer.Exit(130) from None
        result = filtering.keep(file, out, found, above, below)
    hard, easy, unjudged = result["too_hard"], result["too_easy"], result["unjudged"]
    say(f"kept {result['kept']} of {result['rows']} rows in {out}")
    say(f"{hard} rows at or below {above:g}, {easy} at or above {below:g}, {unjudged} not judged")
    if json_file:
        write_json(json_file, result)


def _answerer(endpoint: str | None, model: str, options: Any, retries: int, timeout: float, key: str | None) -> Any:
    """Who answers: a server, or a model on this machine."""
    if endpoint:
        from rl.synth.endpoint import Endpoint

        return Endpoint(endpoint, model, options, retries, timeout, key=key)
    from rl.synth.local import LocalModel

    return LocalModel(model, options)
