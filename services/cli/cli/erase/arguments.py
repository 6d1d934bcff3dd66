"""What the subcommand `erase` takes."""

import argparse
import base64
import binascii


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--payment-id", type=int, action="append", default=[], metavar="ID", help="of the payments")
    parser.add_argument(
        "--key", type=str.encode, action="append", default=[], metavar="TEXT", help="Kafka key, as UTF-8"
    )
    parser.add_argument(
        "--key-base64", type=_decoded, action="append", dest="key", metavar="KEY", help="Kafka key of any bytes"
    )
    parser.add_argument("--dry-run", action="store_true", help="count what is there, and erase nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise argparse.ArgumentTypeError("not Base64") from None
