"""A text file in the data directory that people edit while the service runs. Knows nothing of what it says."""

from pathlib import Path

from feedrank.errors import InvalidInput


class WatchedFile:
    """Tells the text of a file when it has changed since it was last taken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._looked = False

    def changed(self) -> str | None:
        """The text, "" where there is no file, or None if nothing changed. InvalidInput if it is empty or unreadable.

        What cannot be read is looked at again next time, and so is what changed meanwhile. An empty file would end all
        that it ruled: most likely somebody is about to write it, since writing in place begins by emptying.
        """
        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if self._looked and stamp == self._stamp:
                return None
            text = self.path.read_text(encoding="utf-8")
            after = self.path.stat()
            if (after.st_mtime_ns, after.st_size) != stamp:
                return None
        except FileNotFoundError:
            if self._looked and self._stamp is None:
                return None
            self._stamp, self._looked = None, True
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{self.path.name} cannot be read: {error}") from error
        if not text:
            raise InvalidInput(f"{self.path.name} is empty, and what was in force stays: write to it, or delete it")
        self._stamp, self._looked = stamp, True
        return text

    def look_again(self) -> None:
        """Takes the file for changed at the next look."""
        self._looked = False
