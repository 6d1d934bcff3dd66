"""`fraudstream model list | show | promote | rollback`: which versions are kept, and which of them scores."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fraudstream import artifact
from fraudstream.artifact import Manifest
from fraudstream.errors import ModelUnfitError
from fraudstream.settings import ModelSettings
from fraudstream.tables import aligned

_COLUMNS = ("", "version", "kind", "rows", "log loss", "auc", "review", "block", "scikit-learn")


def run(env: Mapping[str, str], arguments: argparse.Namespace) -> None:
    """Do it. Raises ModelUnfitError, SettingsError."""
    _COMMANDS[arguments.what](ModelSettings.from_env(env).models_dir, arguments)


def _list(models_dir: Path, _: argparse.Namespace) -> None:
    active = artifact.active(models_dir)
    manifests = artifact.kept(models_dir)
    if not manifests:
        raise ModelUnfitError(f"{models_dir} holds no version; run the trainer: docker compose run --rm trainer")
    rows = [_COLUMNS, *(_row(manifest, active) for manifest in manifests)]
    sys.stdout.write("\n".join(aligned(rows)) + "\n")


def _show(models_dir: Path, arguments: argparse.Namespace) -> None:
    if arguments.version is None:
        manifest = artifact.read_manifest(models_dir / artifact.MANIFEST_FILE)
    else:
        manifest = _named(models_dir, arguments.version)
    sys.stdout.write(manifest.model_dump_json(indent=2) + "\n")


def _promote(models_dir: Path, arguments: argparse.Namespace) -> None:
    _say(artifact.activate(models_dir, _named(models_dir, arguments.version).sha256))


def _rollback(models_dir: Path, _: argparse.Namespace) -> None:
    _say(artifact.rollback(models_dir))


def _challenge(models_dir: Path, arguments: argparse.Namespace) -> None:
    manifest = _named(models_dir, arguments.version) if arguments.version else None
    artifact.challenge(models_dir, manifest.sha256 if manifest else None)
    sys.stdout.write(f"challenger: {f'{manifest.version} ({manifest.kind})' if manifest else 'none'}\n")


_COMMANDS: Mapping[str, Callable[[Path, argparse.Namespace], None]] = {
    "list": _list,
    "show": _show,
    "promote": _promote,
    "rollback": _rollback,
    "challenge": _challenge,
}


def _named(models_dir: Path, beginning: str) -> Manifest:
    found = [manifest for manifest in artifact.kept(models_dir) if manifest.sha256.startswith(beginning.lower())]
    if len(found) == 1:
        return found[0]
    versions = ", ".join(manifest.version for manifest in found or artifact.kept(models_dir)) or "none"
    problem = f"more than one version begins with {beginning}" if found else f"no version begins with {beginning}"
    raise ModelUnfitError(f"{problem}: there are {versions}")


def _say(manifest: Manifest) -> None:
    sys.stdout.write(f"active: {manifest.version} ({manifest.kind}); running scorers take it within 5 s\n")


def _row(manifest: Manifest, active: Manifest | None) -> Sequence[str]:
    def metric(name: str) -> str:
        return f"{manifest.metrics[name]:.4f}" if name in manifest.metrics else ""

    return (
        "*" if active is not None and active.sha256 == manifest.sha256 else "",
        manifest.version,
        manifest.kind,
        f"{manifest.training_rows:,}",
        metric("log_loss"),
        metric("auc"),
        f"{manifest.thresholds.review:.3f}",
        f"{manifest.thresholds.block:.3f}",
        manifest.libraries.scikit_learn,
    )
