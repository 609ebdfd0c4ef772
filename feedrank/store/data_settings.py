"""The data directory's own settings, as they stand in any store under one name.

Knows nothing of what they change.
"""

from pydantic import ValidationError

from feedrank.errors import StoreError
from feedrank.settings import DataSettings
from feedrank.store.protocol import LogStore

SETTING = "data"


def load_data_settings(store: LogStore) -> DataSettings:
    """The settings kept in this store, or their defaults."""
    return parse_data_settings(store.get_setting(SETTING))


def save_data_settings(store: LogStore, settings: DataSettings) -> None:
    """Keeps these settings in this store."""
    store.set_setting(SETTING, settings.model_dump_json())


def parse_data_settings(text: str | None) -> DataSettings:
    """The settings of their JSON text; defaults for None. Raises StoreError for text that is not theirs."""
    if text is None:
        return DataSettings()
    try:
        return DataSettings.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(f'the setting "{SETTING}" of the data directory is damaged: {error}') from error
