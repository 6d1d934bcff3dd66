"""Messages, for a user to act on, for the errors by which a broker refuses a connection. Pure: errors in, text out."""

import asyncio
import ssl
from dataclasses import dataclass

from aiokafka import errors

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = (62, 64)
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
_TLS_ALERT = 0x1503
"""Start of the TLS alert by which a broker refuses a client without TLS; that client reads it as a length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The broker's address and the security settings of a connection attempt."""

    address: str
    protocol: str
    mechanism: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Reason of a failed connection; a final one persists until a user changes a setting or the broker."""

    message: str
    is_final: bool = True


def refusal(error: BaseException, client: Client) -> Refusal | None:
    """Return why a connection attempt failed with *error*; None for a broker that is only unavailable."""
    for one in (error, error.__cause__):
        if reason := _by_login(one, client) or _by_certificate(one, client) or _by_protocol(one, client):
            return reason
    return None


def closed_at_first_request(client: Client) -> Refusal:
    """Return the likely reason why a broker accepts a connection and closes it at the first request."""
    return Refusal(
        message=f"Kafka at {client.address} closes the connection at the first request: it may require SASL: "
        f"set KAFKA_SECURITY_PROTOCOL=SASL_{client.protocol}",
        is_final=False,
    )


def _by_login(error: BaseException | None, client: Client) -> Refusal | None:
    match error:
        case errors.SaslAuthenticationFailed():
            message = (
                f"Kafka at {client.address} refuses user '{client.user}': wrong KAFKA_SASL_USERNAME or "
                f"KAFKA_SASL_PASSWORD, or no such user for {client.mechanism}"
            )
        case errors.UnsupportedSaslMechanismError():
            message = f"Kafka at {client.address} has not enabled KAFKA_SASL_MECHANISM={client.mechanism}: set another"
        case errors.IllegalSaslStateError():
            message = (
                f"Kafka at {client.address} does not use SASL on this port: set "
                f"KAFKA_SECURITY_PROTOCOL={client.protocol.removeprefix('SASL_')}, or use another port"
            )
        case _:
            return None
    return Refusal(message=message)


def _by_certificate(error: BaseException | None, client: Client) -> Refusal | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal(message=_unverified(error, client))
    if not isinstance(error, ssl.SSLError):
        return None
    alert = str(error).upper().replace(" ", "_")
    if "BAD_CERTIFICATE" in alert or "CERTIFICATE_REQUIRED" in alert:
        return Refusal(
            message=f"Kafka at {client.address} requires a client certificate: "
            "set KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
        )
    if "ALERT" in alert and ("CERTIFICATE" in alert or "UNKNOWN_CA" in alert):
        return Refusal(
            message=f"Kafka at {client.address} refuses the certificate in KAFKA_SSL_CERTFILE: it has expired, or is "
            "signed by an authority that the broker does not trust"
        )
    if "WRONG_VERSION_NUMBER" in alert:
        return Refusal(message=_no_tls(client))
    return Refusal(message=f"TLS with Kafka at {client.address} fails: {error.reason or error}", is_final=False)


def _unverified(error: ssl.SSLCertVerificationError, client: Client) -> str:
    certificate = f"the certificate of Kafka at {client.address}"
    if error.verify_code == _EXPIRED:
        return f"{certificate} has expired: the broker needs a new one"
    if error.verify_code == _NOT_YET:
        return f"{certificate} is not valid yet: check this machine's clock"
    if error.verify_code in _OTHER_NAME:
        return (
            f"{certificate} is for another host name: use a name that it has in KAFKA_BOOTSTRAP_SERVERS and in the "
            "broker's advertised.listeners, or set KAFKA_SSL_CHECK_HOSTNAME=false if you accept the risk"
        )
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"{certificate} is signed by an unknown authority: set KAFKA_SSL_CAFILE to the file of that CA"
    return f"{certificate} can't be trusted: {error.verify_message}"


def _by_protocol(error: BaseException | None, client: Client) -> Refusal | None:
    tls = client.protocol.endswith("SSL")
    if not tls and isinstance(error, asyncio.IncompleteReadError) and (error.expected or 0) >> 16 == _TLS_ALERT:
        wanted = "SASL_SSL" if client.protocol.startswith("SASL") else "SSL or SASL_SSL"
        return Refusal(message=f"Kafka at {client.address} requires TLS: set KAFKA_SECURITY_PROTOCOL={wanted}")
    if tls and isinstance(error, ConnectionResetError | ssl.SSLEOFError):
        return Refusal(message=_no_tls(client), is_final=False)
    return None


def _no_tls(client: Client) -> str:
    without = "SASL_PLAINTEXT" if client.protocol.startswith("SASL") else "PLAINTEXT"
    return (
        f"Kafka at {client.address} does not answer with TLS: use another port, or, for a connection "
        f"without TLS, set KAFKA_SECURITY_PROTOCOL={without}"
    )
