"""Kafka consumers that take their settings from the database, and follow them without a redeploy."""

from .base_consumer import BaseKafkaConsumer
from .changes import Apply
from .consumer_config_loader import KafkaConsumerConfigLoader
from .errors import (
    BadRow,
    DatabaseAway,
    DownstreamUnavailable,
    HandlerTimeout,
    LagproofError,
    NoRights,
    NotMigrated,
    NoTopics,
    PoisonRecord,
    RetiredService,
    SameInstance,
    SecurityMissing,
    UnknownService,
)
from .failures import OnPoison
from .settings import Config, Delivery, Retry, Settings

__all__ = [
    "Apply",
    "BadRow",
    "BaseKafkaConsumer",
    "Config",
    "DatabaseAway",
    "Delivery",
    "DownstreamUnavailable",
    "HandlerTimeout",
    "KafkaConsumerConfigLoader",
    "LagproofError",
    "NoRights",
    "NoTopics",
    "NotMigrated",
    "OnPoison",
    "PoisonRecord",
    "RetiredService",
    "Retry",
    "SameInstance",
    "SecurityMissing",
    "Settings",
    "UnknownService",
]
__version__ = "0.1.0"
