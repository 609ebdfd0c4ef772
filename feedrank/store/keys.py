"""Keyed hashes: how users, events and requests are found without storing their names in an index.

All are BLAKE2b under the data directory's own secret, so that a hash that outlives its user says nothing to who lacks
the secret. 63 bits fit a signed SQLite integer; whoever looks one up confirms the name itself where that is stored.
Knows nothing of tables.
"""

import hashlib
from dataclasses import dataclass

from feedrank.types import DAY, Micros

_EVENT, _REQUEST, _USER = b"event", b"request", b"user"  # BLAKE2 personalisation: one domain cannot meet another
_BITS_DROPPED = 1  # 64 bits to 63

# An event's key is the week it was received in above a hash: keys of one time stand together, so that appending changes
# few pages of their index however large it grows. Finding one takes a look into each week of the horizon.
_HASH_BITS = 48
_HASH_MASK = (1 << _HASH_BITS) - 1
_WEEK: Micros = 7 * DAY


@dataclass(frozen=True, slots=True)
class Keys:
    """Hashes under one data directory's secret."""

    secret: bytes

    def user_hash(self, user_id: str) -> bytes:
        """16 bytes that stand for a user, also after erasure."""
        return hashlib.blake2b(user_id.encode(), key=self.secret, person=_USER, digest_size=16).digest()

    def user_key(self, user_id: str) -> int:
        """63 bits by which a user's row is found."""
        return _to_int(self.user_hash(user_id)[:8])

    def event_hash(self, user_id: str, event_id: str) -> int:
        """48 bits of a user's event id: the lower part of an event's key."""
        return self._pair(user_id, event_id, _EVENT) & _HASH_MASK

    def request_key(self, user_id: str, request_id: str) -> int:
        """63 bits by which the views and clicks of one slate find each other."""
        return self._pair(user_id, request_id, _REQUEST)

    def _pair(self, user_id: str, name: str, domain: bytes) -> int:
        # No id holds a NUL, so that the joined text is unambiguous.
        text = f"{user_id}\0{name}".encode()
        return _to_int(hashlib.blake2b(text, key=self.secret, person=domain, digest_size=8).digest())


def event_key(event_hash: int, received_at: Micros) -> int:
    """63 bits by which an event received at this time is found."""
    return received_at // _WEEK << _HASH_BITS | event_hash


def hash_of(event_key: int) -> int:
    """The hash within an event's key."""
    return event_key & _HASH_MASK


def event_keys_within(event_hash: int, received_at: Micros, horizon: Micros) -> range:
    """Every key under which the same event may stand that was received within `horizon` of this time."""
    first, last = (received_at - horizon) // _WEEK, (received_at + horizon) // _WEEK
    return range(first << _HASH_BITS | event_hash, (last << _HASH_BITS | event_hash) + 1, 1 << _HASH_BITS)


def _to_int(digest: bytes) -> int:
    return int.from_bytes(digest, "little") >> _BITS_DROPPED
