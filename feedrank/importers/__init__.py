"""Real logs into the store: MIND, EB-NeRD, and any table of items and events."""

from feedrank.importers.ebnerd import read_ebnerd
from feedrank.importers.event_file import read_files
from feedrank.importers.fields import TimeUnit
from feedrank.importers.mapping import TableFlags, parse_flags
from feedrank.importers.mind import read_mind
from feedrank.importers.plan import ImportPlan, Summary, Written
from feedrank.importers.write import write_plan

__all__ = [
    "ImportPlan",
    "Summary",
    "TableFlags",
    "TimeUnit",
    "Written",
    "parse_flags",
    "read_ebnerd",
    "read_files",
    "read_mind",
    "write_plan",
]
