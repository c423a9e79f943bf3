"""Upload a released folder to the Hugging Face hub, or only say what would be uploaded."""

from __future__ import annotations

from pathlib import Path

from rl.errors import UserError
from rl.folders.sums import require_released
from rl.secrecy import require_nothing_secret


def require_repository(name: str) -> None:
    """Errors: UserError when it cannot be a repository's name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UserError(f"--push {name!r} is no repository: {str(error).splitlines()[0]}") from None


def push(folder: Path, repository: str, yes: bool, private: bool = True) -> list[str]:
    """What is, or without `yes` would be, uploaded, in lines; without `yes`, no network is used.

    The folder must be as it was released. A repository that is not there yet is made. Errors:
    UserError, also when the hub refuses; the folder stays.
    """
    require_repository(repository)
    require_released(folder)
    require_nothing_secret(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in files)
    lines = [f"{path.stat().st_size:>14,}  {path.relative_to(folder).as_posix()}" for path in files]
    lines.append(f"{total:>14,}  bytes in {len(files)} files")
    if not yes:
        return [*lines, f"nothing uploaded; with --yes, this goes to {repository}"]
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"Release {folder.name}")
    except Exception as error:
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"cannot upload to {repository}: {what}; {folder} is as it was") from error
    return [*lines, f"uploaded: {getattr(commit, 'commit_url', repository)}"]
