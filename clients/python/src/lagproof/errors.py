"""What can go wrong, each with its consequence and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LagproofError(Exception):
    """Anything that this package refuses or can't do. Its text says what happened and what to do."""


class NotMigrated(LagproofError):
    """The database has no lagproof schema, or an older one."""

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"the database has no {missing}: nothing says how services should run. "
            "Run `lagproof migrate` with DATABASE_URL set to this database, "
            "or apply migrations/038_*.sql to 041_*.sql and the seeds in generated/migrations with psql"
        )


class NoRights(LagproofError):
    """The login may not do what services do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the database refused: {what}. Grant this login the role: GRANT lagproof_service TO …")


class UnknownService(LagproofError):
    """No row has that name."""

    def __init__(self, service_name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        nearest = difflib.get_close_matches(service_name, names, n=1, cutoff=0.6)
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        super().__init__(
            f"service {service_name!r} is not in pipeline_consumer_configs"
            + (f"; did you mean {nearest[0]!r}?" if nearest else ".")
            + (f" Known: {shown}." if names else " There is no service at all yet.")
            + " A new service begins as profiles/services/NAME.toml, then `lagproof compile` and `lagproof migrate`"
        )
        self.service_name = service_name
        self.known = names


class RetiredService(LagproofError):
    """The service's profile was removed."""

    def __init__(self, service_name: str, version: int | None) -> None:
        super().__init__(
            f"service {service_name!r} is retired (version {version}): its profile was removed. "
            "Stop running it, or bring profiles/services/"
            f"{service_name}.toml back, then `lagproof compile` and `lagproof migrate`"
        )


class BadRow(LagproofError):
    """The row can't be understood, or says what this client can't do."""

    def __init__(self, service_name: str, key: str, problem: str, fix: str) -> None:
        super().__init__(f"service {service_name!r}: {key}: {problem}. {fix}")
        self.key = key


class NoTopics(LagproofError):
    """There is nothing to subscribe to."""

    def __init__(self, service_name: str) -> None:
        super().__init__(
            f"service {service_name!r} has no topics: neither topics=[…] nor its row names one, and a consumer without "
            "topics would idle for ever. Name them in the call, or in the service's profile"
        )


class DatabaseAway(LagproofError):
    """The database can't be reached, and there is no last-good file."""

    def __init__(self, service_name: str, cause: object, file: object) -> None:
        super().__init__(
            f"the database can't be reached ({cause}), and there are no last good settings of service "
            f"{service_name!r} in {file}: it is not known how to run. Bring the database back; after one good start the "
            "settings are kept in that file"
        )


class SecurityMissing(LagproofError):
    """The environment's security variables contradict each other or lack something."""


class StopAllChange(LagproofError):
    """A change that running replicas can't take one by one."""


class SameInstance(LagproofError):
    """Two processes have one static member id."""

    def __init__(self, service_name: str, instance: str, other: str) -> None:
        super().__init__(
            f"another running replica of {service_name!r} has the static member id {instance!r} ({other}): the broker "
            "lets only one of them in at a time, and they would throw each other out for ever. "
            "Give each replica its own (instance_id with a variable such as ${POD_NAME})"
        )


class HandlerTimeout(LagproofError):
    """A handler took so long that the group would have thrown this member out."""


class PoisonRecord(LagproofError):
    """A record failed for good, and there is nowhere to put it."""


class DownstreamUnavailable(LagproofError):
    """Raise it from a handler where what it calls is down: the record is kept and tried again, and counts as no failure."""


class Stopped(LagproofError):
    """It was stopped before it could begin."""
