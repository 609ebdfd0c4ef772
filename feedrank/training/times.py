"""Instants as people write them. Inside, times are UTC microseconds; naive input is UTC."""

from datetime import UTC, datetime, timedelta

from feedrank.errors import InvalidInput
from feedrank.types import Micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_time(text: str) -> Micros:
    """Microseconds of an ISO 8601 instant, UTC where it names no offset. InvalidInput for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is not a time: write it as 2023-05-25T07:00:00, in UTC or with an offset"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def format_time(time: Micros) -> str:
    """ISO 8601 to the second, UTC."""
    return (_EPOCH + timedelta(microseconds=time)).strftime("%Y-%m-%dT%H:%M:%S")
