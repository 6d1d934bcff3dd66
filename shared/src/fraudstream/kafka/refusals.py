"""Why a broker does not take a connection, in words that a user can act on. Pure: errors in, words out."""

import asyncio
import ssl
from dataclasses import dataclass

from aiokafka import errors

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = (62, 64)
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
_TLS_ALERT = 0x1503
"""How a TLS record begins by which a broker refuses what is no TLS; a plain client takes it for a length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who has tried to connect, and to whom."""

    address: str
    protocol: str
    mechanism: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no connection; a final one ends only when somebody changes a setting or the broker."""

    words: str
    is_final: bool = True


def refusal(error: BaseException, client: Client) -> Refusal | None:
    """What an attempt to connect that ended so means; None for a broker that is only away."""
    for one in (error, error.__cause__):
        if found := _by_login(one, client) or _by_certificate(one, client) or _by_protocol(one, client):
            return found
    return None


def asked_for_user(client: Client) -> Refusal:
    """What it means when the broker takes the connection, and closes it at the first request."""
    return Refusal(
        words=f"Kafka at {client.address} closes the connection at the first request: it may want a user: "
        f"KAFKA_SECURITY_PROTOCOL=SASL_{client.protocol}",
        is_final=False,
    )


def _by_login(error: BaseException | None, client: Client) -> Refusal | None:
    match error:
        case errors.SaslAuthenticationFailed():
            words = (
                f"Kafka at {client.address} refuses user '{client.user}': wrong KAFKA_SASL_USERNAME or "
                f"KAFKA_SASL_PASSWORD, or no such user for {client.mechanism}"
            )
        case errors.UnsupportedSaslMechanismError():
            words = f"Kafka at {client.address} has not enabled KAFKA_SASL_MECHANISM={client.mechanism}: set another"
        case errors.IllegalSaslStateError():
            words = (
                f"Kafka at {client.address} knows no users there: "
                f"KAFKA_SECURITY_PROTOCOL={client.protocol.removeprefix('SASL_')}, or another port"
            )
        case _:
            return None
    return Refusal(words=words)


def _by_certificate(error: BaseException | None, client: Client) -> Refusal | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal(words=_unverified(error, client))
    if not isinstance(error, ssl.SSLError):
        return None
    alert = str(error).upper().replace(" ", "_")
    if "BAD_CERTIFICATE" in alert or "CERTIFICATE_REQUIRED" in alert:
        return Refusal(
            words=f"Kafka at {client.address} wants a client certificate: set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
        )
    if "ALERT" in alert and ("CERTIFICATE" in alert or "UNKNOWN_CA" in alert):
        return Refusal(
            words=f"Kafka at {client.address} refuses the certificate in KAFKA_SSL_CERTFILE: it has expired, or is of "
            "an authority that the broker does not trust"
        )
    if "WRONG_VERSION_NUMBER" in alert:
        return Refusal(words=_no_tls(client))
    return Refusal(words=f"TLS with Kafka at {client.address} fails: {error.reason or error}", is_final=False)


def _unverified(error: ssl.SSLCertVerificationError, client: Client) -> str:
    certificate = f"the certificate of Kafka at {client.address}"
    if error.verify_code == _EXPIRED:
        return f"{certificate} has expired: the broker needs a new one"
    if error.verify_code == _NOT_YET:
        return f"{certificate} is not valid yet: is this machine's clock right?"
    if error.verify_code in _OTHER_NAME:
        return (
            f"{certificate} is of another host name: use a name that it has in KAFKA_BOOTSTRAP_SERVERS and in the "
            "broker's advertised.listeners, or set KAFKA_SSL_CHECK_HOSTNAME=false if you accept the risk"
        )
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"{certificate} is of an unknown authority: set KAFKA_SSL_CAFILE to the file of the CA that signed it"
    return f"{certificate} can't be trusted: {error.verify_message}"


def _by_protocol(error: BaseException | None, client: Client) -> Refusal | None:
    tls = client.protocol.endswith("SSL")
    if not tls and isinstance(error, asyncio.IncompleteReadError) and (error.expected or 0) >> 16 == _TLS_ALERT:
        wanted = "SASL_SSL" if client.protocol.startswith("SASL") else "SSL or SASL_SSL"
        return Refusal(words=f"Kafka at {client.address} wants TLS: KAFKA_SECURITY_PROTOCOL={wanted}")
    if tls and isinstance(error, ConnectionResetError | ssl.SSLEOFError):
        return Refusal(words=_no_tls(client), is_final=False)
    return None


def _no_tls(client: Client) -> str:
    without = "SASL_PLAINTEXT" if client.protocol.startswith("SASL") else "PLAINTEXT"
    return (
        f"Kafka at {client.address} does not answer in TLS: it needs another port, or, if you want no TLS, "
        f"KAFKA_SECURITY_PROTOCOL={without}"
    )
