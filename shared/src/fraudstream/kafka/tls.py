"""The TLS side of every connection: whom we trust, and the certificate that we show."""

import ssl
from functools import cache

from fraudstream.errors import SettingsError
from fraudstream.runtime.settings import KafkaSettings


@cache
def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Made once a process, from the files as they are then; None without TLS. Raises SettingsError naming the file."""
    if not settings.uses_tls:
        return None
    context = _trusting(settings)
    # a later Python's strictness refuses authorities made by hand, which Kafka's own clients take
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_certfile:
        _show(context, settings)
    return context


def _trusting(settings: KafkaSettings) -> ssl.SSLContext:
    file = settings.ssl_cafile
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise SettingsError(f"KAFKA_SSL_CAFILE: {file} holds no certificates in PEM form") from None
    except OSError as error:
        raise SettingsError(f"KAFKA_SSL_CAFILE: {file} can't be read: {error.strerror}") from None


def _show(context: ssl.SSLContext, settings: KafkaSettings) -> None:
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    for variable, file in (("KAFKA_SSL_CERTFILE", certificate), ("KAFKA_SSL_KEYFILE", key)):
        try:
            text = file.read_text(encoding="ascii", errors="replace") if file else ""
        except OSError as error:
            raise SettingsError(f"{variable}: {file} can't be read: {error.strerror}") from None
        if variable == "KAFKA_SSL_CERTFILE" and "-----BEGIN CERTIFICATE-----" not in text:
            raise SettingsError(f"{variable}: {file} holds no certificate in PEM form")
    try:
        # always a password: without one, OpenSSL asks for it on the terminal
        context.load_cert_chain(str(certificate), key, settings.ssl_key_password.get_secret_value)
    except ssl.SSLError as error:
        raise SettingsError(_why_unfit(error, text, settings)) from None


def _why_unfit(error: ssl.SSLError, key: str, settings: KafkaSettings) -> str:
    file = settings.ssl_keyfile or settings.ssl_certfile
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"KAFKA_SSL_KEYFILE: the key in {file} is not that of the certificate in {settings.ssl_certfile}"
    if "ENCRYPTED" in key:
        wrong = "is not the right one" if settings.ssl_key_password.get_secret_value() else "is needed"
        return f"KAFKA_SSL_KEY_PASSWORD: {wrong}: the key in {file} is encrypted"
    return f"KAFKA_SSL_KEYFILE: {file} holds no private key in PEM form, or the certificate is damaged"
