"""The rules in force: `rules.toml` taken up when it changes, and the log's records of it.

Knows nothing of views or of requests.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from feedrank.errors import InvalidInput
from feedrank.pipeline.rules import NO_RULES, parse_rules, rules_hash
from feedrank.records import Kind, RulesChanged
from feedrank.serving.view import Rules
from feedrank.serving.watched_file import WatchedFile
from feedrank.store import LogStore
from feedrank.types import Micros
from feedrank.v1 import log_pb2

log = logging.getLogger(__name__)

FILE = "rules.toml"
SETTING = "rules_hash"  # of the last RulesChanged record


class Rulebook:
    """Holds the rules in force. Called from one thread."""

    def __init__(self, store: LogStore, data_dir: Path, clock: Callable[[], Micros]) -> None:
        self._store, self._clock = store, clock
        self._file = WatchedFile(data_dir / FILE)
        self.rules = Rules()
        self.problem: str | None = None  # what GetStatus should say

    def heed(self, fact: RulesChanged) -> None:
        """Takes up rules that another worker recorded."""
        self.rules = Rules(parse_rules(fact.toml), fact.hash)

    def look(self) -> None:
        """Takes up the file when it has changed. One that does not parse changes nothing and is reported."""
        try:
            text = self._file.changed()
            if text is None:
                return
            ruleset = parse_rules(text) if text else NO_RULES
        except InvalidInput as error:
            if self.problem != str(error):
                log.error("the rules file is not valid; the rules in force stay", extra={"error": str(error)})
            self.problem = str(error)
            return
        self.problem = None
        digest = rules_hash(text)
        self.rules = Rules(ruleset, digest)
        recorded = self._store.get_setting(SETTING)
        if recorded != digest.hex() and (text or recorded is not None):
            self._store.set_setting(SETTING, digest.hex())
            payload = log_pb2.RulesChanged(toml=text, hash=digest).SerializeToString()
            self._store.append_control(Kind.RULES_CHANGED, payload, self._clock())
