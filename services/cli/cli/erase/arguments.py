"""Command-line options of the subcommand `erase`."""

import argparse
import base64
import binascii


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser."""
    parser.add_argument(
        "--payment-id",
        action="append",
        default=[],
        metavar="ID",
        help="id of payments to erase, as in their messages",
    )
    parser.add_argument(
        "--key",
        type=str.encode,
        action="append",
        default=[],
        metavar="TEXT",
        help="Kafka key of the records to erase, as UTF-8",
    )
    parser.add_argument(
        "--key-base64", type=_decoded, action="append", dest="key", metavar="KEY", help="Kafka key of arbitrary bytes"
    )
    parser.add_argument("--dry-run", action="store_true", help="count the rows without erasing them")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise argparse.ArgumentTypeError("not Base64") from None
