"""`fraudstream model list | show | promote | challenge | rollback`: the stored versions and the active one."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cli.tables import aligned
from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.checks import check_pinned
from fraudstream.model.manifest import Manifest, encode, read_manifest
from fraudstream.runtime import terminal
from fraudstream.runtime.settings import ModelSettings

_COLUMNS = ("", "version", "kind", "rows", "log loss", "auc", "decides by", "scikit-learn")


async def run_model(env: Mapping[str, str], _: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Run the `fraudstream model` subcommand; return 0. Raises ModelUnfitError, SettingsError."""
    _COMMANDS[arguments.what](ModelSettings.from_env(env), arguments)
    return 0


def _list(settings: ModelSettings, _: argparse.Namespace) -> None:
    models_dir = settings.models_dir
    active = store.active(models_dir)
    manifests = store.kept(models_dir)
    if not manifests:
        raise ModelUnfitError(f"{models_dir} contains no version; run the trainer: docker compose run --rm trainer")
    rows = [_COLUMNS, *(_row(manifest, active) for manifest in manifests)]
    terminal.write("\n".join(aligned(rows)) + "\n")
    if active is not None:
        terminal.write(_published(active, settings))


def _show(settings: ModelSettings, arguments: argparse.Namespace) -> None:
    models_dir = settings.models_dir
    if arguments.version is None:
        manifest = read_manifest(models_dir / store.MANIFEST_FILE)
    else:
        manifest = _named(models_dir, arguments.version)
    terminal.write(encode(manifest).decode())
    terminal.write(_published(manifest, settings), sys.stderr)


def _promote(settings: ModelSettings, arguments: argparse.Namespace) -> None:
    wanted = _pinned(settings, _named(settings.models_dir, arguments.version))
    _report(store.activate(settings.models_dir, wanted.content_sha256), settings)


def _rollback(settings: ModelSettings, _: argparse.Namespace) -> None:
    _pinned(settings, store.previous(settings.models_dir))
    _report(store.rollback(settings.models_dir), settings)


def _challenge(settings: ModelSettings, arguments: argparse.Namespace) -> None:
    models_dir = settings.models_dir
    manifest = None if arguments.version is None else _pinned(settings, _named(models_dir, arguments.version))
    store.challenge(models_dir, manifest.content_sha256 if manifest else None)
    terminal.write(f"challenger: {f'{manifest.version} ({manifest.kind})' if manifest else 'none'}\n")


_COMMANDS: Mapping[str, Callable[[ModelSettings, argparse.Namespace], None]] = {
    "list": _list,
    "show": _show,
    "promote": _promote,
    "rollback": _rollback,
    "challenge": _challenge,
}


def _named(models_dir: Path, prefix: str) -> Manifest:
    kept = store.kept(models_dir)
    wanted = prefix.strip().lower()
    found = [manifest for manifest in kept if wanted and any(one.startswith(wanted) for one in _names(manifest))]
    if len(found) == 1:
        return found[0]
    versions = ", ".join(manifest.version for manifest in found or kept) or "none"
    if not wanted:
        problem = "the version is empty"
    elif found:
        problem = f"more than one version begins with {prefix}"
    else:
        problem = f"no version begins with {prefix}"
    raise ModelUnfitError(f"{problem}; stored versions: {versions}")


def _names(manifest: Manifest) -> Sequence[str]:
    return (manifest.content_sha256, *([manifest.older_version] if manifest.older_version else []))


def _pinned(settings: ModelSettings, manifest: Manifest) -> Manifest:
    check_pinned(settings.models_dir / store.VERSIONS, manifest, settings.pinned)
    return manifest


def _report(active: Manifest, settings: ModelSettings) -> None:
    terminal.write(f"active: {active.version} ({active.kind}); running scorers load it within 5 s\n")
    terminal.write(_published(active, settings))


def _published(manifest: Manifest, settings: ModelSettings) -> str:
    """Return a line if the settings override the rule, and so change the version that scorers publish."""
    published = manifest.with_thresholds(settings.review_threshold, settings.block_threshold)
    if published.content_sha256 == manifest.content_sha256:
        return ""
    limits = published.thresholds
    return (
        f"REVIEW_THRESHOLD, BLOCK_THRESHOLD: with review {limits.review:g} and block {limits.block:g}, "
        f"{manifest.version} scores as model_version {published.version}\n"
    )


def _rule(manifest: Manifest) -> str:
    """Return the decision rule as text; `show` has all its digits."""
    limits, costs = manifest.thresholds, manifest.costs
    if costs is None:
        return f"thresholds {limits.review:.3f}, {limits.block:.3f}"
    prices = f"fraud {costs.fraud:g}, review {costs.review:g}, wrong block {costs.wrong_block:g}"
    return f"cost: {prices}; blocks from {costs.min_block:g}"


def _row(manifest: Manifest, active: Manifest | None) -> Sequence[str]:
    def metric(name: str) -> str:
        return f"{manifest.metrics[name]:.4f}" if name in manifest.metrics else ""

    return (
        "*" if active is not None and active.content_sha256 == manifest.content_sha256 else "",
        manifest.version,
        manifest.kind,
        f"{manifest.training_rows:,}",
        metric("log_loss"),
        metric("auc"),
        _rule(manifest),
        manifest.libraries.scikit_learn,
    )
