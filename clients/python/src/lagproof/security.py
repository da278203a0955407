"""Where the cluster is and how to log in: from the environment, never from the table.

KAFKA_BOOTSTRAP_SERVERS   host:port[,host:port…], where the call names none
KAFKA_SECURITY_PROTOCOL   PLAINTEXT (the default), SSL, SASL_PLAINTEXT or SASL_SSL
KAFKA_SASL_MECHANISM      PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
KAFKA_SASL_USERNAME       and KAFKA_SASL_PASSWORD
KAFKA_SSL_CA              the path of the certificate authorities' file; unset, the system's
KAFKA_SSL_CERTIFICATE     and KAFKA_SSL_KEY: paths of the client's own certificate and key, KAFKA_SSL_KEY_PASSWORD
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any

from .errors import SecurityMissing

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def bootstrap(given: str | list[str] | None, environment: Mapping[str, str] | None = None) -> str:
    """The servers that the call names, else KAFKA_BOOTSTRAP_SERVERS."""
    variables = os.environ if environment is None else environment
    servers = ",".join(given) if isinstance(given, list) else given
    servers = servers or variables.get("KAFKA_BOOTSTRAP_SERVERS", "")
    if not servers:
        raise SecurityMissing(
            "no bootstrap servers: the call names none, and KAFKA_BOOTSTRAP_SERVERS is not set. Set it to host:port"
        )
    return servers


def for_aiokafka(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Keyword arguments of aiokafka's consumers, producers and admin clients."""
    found = _read(os.environ if environment is None else environment)
    arguments: dict[str, Any] = {"security_protocol": found["protocol"]}
    if found["protocol"].endswith("SSL"):
        try:
            context = ssl.create_default_context(cafile=found["ca"])
            if found["certificate"]:
                context.load_cert_chain(found["certificate"], found["key"], found["key_password"])
        except (OSError, ssl.SSLError) as error:
            raise SecurityMissing(
                f"the certificates of KAFKA_SSL_CA, KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY can't be used: {error}"
            ) from error
        arguments["ssl_context"] = context
    if found["protocol"].startswith("SASL"):
        arguments["sasl_mechanism"] = found["mechanism"]
        arguments["sasl_plain_username"] = found["username"]
        arguments["sasl_plain_password"] = found["password"]
    return arguments


def for_librdkafka(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Properties of librdkafka's clients."""
    found = _read(os.environ if environment is None else environment)
    names = {
        "security.protocol": found["protocol"].lower(),
        "ssl.ca.location": found["ca"],
        "ssl.certificate.location": found["certificate"],
        "ssl.key.location": found["key"],
        "ssl.key.password": found["key_password"],
    }
    if found["protocol"].startswith("SASL"):
        names |= {
            "sasl.mechanism": found["mechanism"],
            "sasl.username": found["username"],
            "sasl.password": found["password"],
        }
    return {name: value for name, value in names.items() if value}


def _read(variables: Mapping[str, str]) -> dict[str, Any]:
    protocol = variables.get("KAFKA_SECURITY_PROTOCOL", "").upper() or "PLAINTEXT"
    if protocol not in PROTOCOLS:
        raise SecurityMissing(f"KAFKA_SECURITY_PROTOCOL is {protocol!r}: it must be one of {', '.join(PROTOCOLS)}")
    found: dict[str, Any] = {
        "protocol": protocol,
        "mechanism": variables.get("KAFKA_SASL_MECHANISM", "").upper() or "PLAIN",
        "username": variables.get("KAFKA_SASL_USERNAME"),
        "password": variables.get("KAFKA_SASL_PASSWORD"),
        "ca": variables.get("KAFKA_SSL_CA") or None,
        "certificate": variables.get("KAFKA_SSL_CERTIFICATE") or None,
        "key": variables.get("KAFKA_SSL_KEY") or None,
        "key_password": variables.get("KAFKA_SSL_KEY_PASSWORD") or None,
    }
    if protocol.startswith("SASL"):
        if found["mechanism"] not in MECHANISMS:
            raise SecurityMissing(
                f"KAFKA_SASL_MECHANISM is {found['mechanism']!r}: it must be one of {', '.join(MECHANISMS)}"
            )
        missing = [name for name in ("username", "password") if not found[name]]
        if missing:
            names = " and ".join(f"KAFKA_SASL_{name.upper()}" for name in missing)
            raise SecurityMissing(f"KAFKA_SECURITY_PROTOCOL is {protocol}, and {names} is not set")
    elif found["username"] or found["password"]:
        raise SecurityMissing(
            f"KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD is set, but KAFKA_SECURITY_PROTOCOL is {protocol}: nothing would "
            "be logged in. Set it to SASL_SSL, or unset them"
        )
    if bool(found["certificate"]) != bool(found["key"]):
        raise SecurityMissing("KAFKA_SSL_CERTIFICATE and KAFKA_SSL_KEY go together: one of them is not set")
    return found
