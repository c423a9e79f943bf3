"""Upload a released folder to the Hugging Face hub, or only say what would be uploaded."""

from __future__ import annotations

import re
from pathlib import Path

from rl.errors import UserError
from rl.folders.run import write_text
from rl.folders.sums import SUMS, require_released, write_sums
from rl.release.card import place_of
from rl.secrecy import require_nothing_secret


def require_repository(name: str) -> None:
    """Errors: UserError when it cannot be a repository's name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UserError(f"--push {name!r} is no repository: {str(error).splitlines()[0]}") from None


CARD = "README.md"


def _rename(folder: Path, before: str, repository: str) -> None:
    """Have the card of a released folder say where it is found now; its checksums hold again."""
    text = (folder / CARD).read_text()
    write_text(folder / CARD, re.sub(rf"{re.escape(before)}(?![\w./-])", lambda _: repository, text))
    write_sums(folder)


def push(folder: Path, repository: str, yes: bool, private: bool = True) -> list[str]:
    """What is, or without `yes` would be, uploaded, in lines; without `yes`, no network is used.

    The folder must be as it was released; a card that names another place is made to name this one. A repository that
    is not there yet is made. Errors: UserError, also when the hub refuses; the folder stays.
    """
    require_repository(repository)
    require_released(folder)
    require_nothing_secret(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in files)
    lines = [f"{path.stat().st_size:>14,}  {path.relative_to(folder).as_posix()}" for path in files]
    lines.append(f"{total:>14,}  bytes in {len(files)} files")
    named = place_of((folder / CARD).read_text())
    if not yes:
        again = f", and its card then says {repository}, not {named}" if named not in (None, repository) else ""
        return [*lines, f"nothing uploaded; with --yes, this goes to {repository}{again}"]
    before = {name: (folder / name).read_text() for name in (CARD, SUMS)}
    if named not in (None, repository):
        _rename(folder, str(named), repository)
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"Release {folder.name}")
    except Exception as error:
        for name, text in before.items():
            write_text(folder / name, text)
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"cannot upload to {repository}: {what}; {folder} is as it was") from error
    return [*lines, f"uploaded: {getattr(commit, 'commit_url', repository)}"]
