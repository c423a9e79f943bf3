"""The folder of an audit: a page and its numbers, which take the place of an earlier audit's and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from rl.audit.audit import Audit
from rl.audit.page import render
from rl.errors import UserError
from rl.folders.run import write_text
from rl.folders.written import files_below, require_own
from rl.report.page.document import finite

PAGE, SUMMARY = "index.html", "summary.json"


def check_out(out: Path) -> None:
    """Refuse a place that holds anything but an earlier audit. Errors: UserError."""
    if any(place.exists() and not place.is_dir() for place in (out, *out.absolute().parents)):
        raise UserError(f"cannot write {out}: Not a directory")
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        said = json.loads((out / SUMMARY).read_text())
    except (OSError, ValueError):
        said = None
    if not (isinstance(said, dict) and {"schema", "methods", "not_auditable"} <= set(said)):
        raise UserError(f"{out} holds something else than an audit; choose another --out")
    require_own(out, [p for p in files_below(out) if p.relative_to(out).as_posix() not in (PAGE, SUMMARY)], "an audit")


def write_audit(audit: Audit, out: Path, title: str) -> None:
    """summary.json, by which the folder is known again after a kill, then index.html with everything inside it.

    Errors: UserError.
    """
    check_out(out)
    page, numbers = render(audit, title), json.dumps(finite(audit.to_dict()), indent=2)
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / SUMMARY, numbers)
        write_text(out / PAGE, page)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
