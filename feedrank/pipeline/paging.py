"""Page tokens: stateless, signed, short-lived; they carry what the feed has served so far. Knows nothing of ranking."""

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from dataclasses import dataclass

from feedrank.errors import InvalidInput
from feedrank.types import MINUTE, Micros

MAX_TOKEN = 64 * 1024  # bytes; about 2,000 ids of usual length
_SIGNATURE = 16  # bytes of HMAC-SHA256: plenty for half an hour


@dataclass(frozen=True, slots=True)
class Page:
    """What a token says: whose feed, since when, and the item ids served so far in order."""

    feed_id: str  # request_id of the first page
    reader: str  # keyed hash of the user, so that a token names nobody
    issued_at: Micros
    served: tuple[str, ...]


class PageTokens:
    """Issues and reads tokens under the data directory's secret."""

    def __init__(self, secret: bytes, lifetime_minutes: int) -> None:
        self._secret = secret
        self._lifetime = lifetime_minutes * MINUTE

    def reader_of(self, user_id: str) -> str:
        """The keyed hash by which a token remembers its user."""
        return hmac.digest(self._secret, b"reader:" + user_id.encode(), "sha256")[:12].hex()

    def issue(self, page: Page) -> str:
        """The token of a page."""
        body = zlib.compress(json.dumps([page.feed_id, page.reader, page.issued_at, page.served]).encode())
        signature = hmac.digest(self._secret, b"page:" + body, "sha256")[:_SIGNATURE]
        return base64.urlsafe_b64encode(signature + body).decode()

    def read(self, token: str, user_id: str, now: Micros) -> Page:
        """The page of a token. InvalidInput if it is altered, expired, or of another user's feed."""
        if len(token) > MAX_TOKEN:
            raise InvalidInput(
                f"page_token is {len(token)} bytes long, at most {MAX_TOKEN} are allowed; start the feed anew"
            )
        try:
            data = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError) as error:
            raise InvalidInput("page_token is not one this service issued; start the feed anew without it") from error
        signature, body = data[:_SIGNATURE], data[_SIGNATURE:]
        if not hmac.compare_digest(signature, hmac.digest(self._secret, b"page:" + body, hashlib.sha256)[:_SIGNATURE]):
            raise InvalidInput("page_token is not one this service issued; start the feed anew without it")
        feed_id, reader, issued_at, served = json.loads(zlib.decompress(body))
        if now - issued_at > self._lifetime:
            raise InvalidInput(
                f"page_token expired after {self._lifetime // MINUTE} minutes; start the feed anew without it"
            )
        if reader != self.reader_of(user_id):
            raise InvalidInput("page_token belongs to another user's feed; start the feed anew without it")
        return Page(feed_id, reader, issued_at, tuple(served))
