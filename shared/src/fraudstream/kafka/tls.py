"""The TLS context of every connection: trusted authorities, and the client certificate."""

import ssl
from functools import cache

from fraudstream.errors import SettingsError
from fraudstream.runtime.settings import KafkaSettings


@cache
def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context, created once per process from the files; None without TLS.

    Raises SettingsError, which names the file.
    """
    if not settings.uses_tls:
        return None
    context = _create_context(settings)
    # newer Python versions are stricter, and refuse hand-made authorities that Kafka's own clients accept
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_certfile:
        _load_certificate(context, settings)
    return context


def _create_context(settings: KafkaSettings) -> ssl.SSLContext:
    file = settings.ssl_cafile
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise SettingsError(f"KAFKA_SSL_CAFILE: {file} holds no certificates in PEM form") from None
    except OSError as error:
        raise SettingsError(f"KAFKA_SSL_CAFILE: {file} can't be read: {error.strerror}") from None


def _load_certificate(context: ssl.SSLContext, settings: KafkaSettings) -> None:
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    for variable, file in (("KAFKA_SSL_CERTFILE", certificate), ("KAFKA_SSL_KEYFILE", key)):
        try:
            text = file.read_text(encoding="ascii", errors="replace") if file else ""
        except OSError as error:
            raise SettingsError(f"{variable}: {file} can't be read: {error.strerror}") from None
        if variable == "KAFKA_SSL_CERTFILE" and "-----BEGIN CERTIFICATE-----" not in text:
            raise SettingsError(f"{variable}: {file} holds no certificate in PEM form")
    try:
        # always pass a password: without one, OpenSSL prompts for it on the terminal
        context.load_cert_chain(str(certificate), key, settings.ssl_key_password.get_secret_value)
    except ssl.SSLError as error:
        raise SettingsError(_explain(error, text, settings)) from None


def _explain(error: ssl.SSLError, key: str, settings: KafkaSettings) -> str:
    file = settings.ssl_keyfile or settings.ssl_certfile
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"KAFKA_SSL_KEYFILE: the key in {file} does not match the certificate in {settings.ssl_certfile}"
    if "ENCRYPTED" in key:
        problem = "is wrong" if settings.ssl_key_password.get_secret_value() else "is required"
        return f"KAFKA_SSL_KEY_PASSWORD: {problem}: the key in {file} is encrypted"
    return f"KAFKA_SSL_KEYFILE: {file} holds no private key in PEM form, or the certificate is damaged"
