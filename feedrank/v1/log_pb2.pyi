from feedrank.v1 import feedrank_pb2 as _feedrank_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ItemUpserted(_message.Message):
    __slots__ = ("item", "row", "content_hash")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    item: _feedrank_pb2.Item
    row: int
    content_hash: bytes
    def __init__(self, item: _Optional[_Union[_feedrank_pb2.Item, _Mapping]] = ..., row: _Optional[int] = ..., content_hash: _Optional[bytes] = ...) -> None: ...

class ItemDeleted(_message.Message):
    __slots__ = ("item_id", "row")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    row: int
    def __init__(self, item_id: _Optional[str] = ..., row: _Optional[int] = ...) -> None: ...

class VectorLanded(_message.Message):
    __slots__ = ("space", "row", "content_hash", "values", "story_row", "item_id")
    SPACE_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    STORY_ROW_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    space: str
    row: int
    content_hash: bytes
    values: bytes
    story_row: int
    item_id: str
    def __init__(self, space: _Optional[str] = ..., row: _Optional[int] = ..., content_hash: _Optional[bytes] = ..., values: _Optional[bytes] = ..., story_row: _Optional[int] = ..., item_id: _Optional[str] = ...) -> None: ...

class EventRecorded(_message.Message):
    __slots__ = ("event", "rows", "previous_rows", "answers_view", "late_clicks", "region")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_ROWS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_VIEW_FIELD_NUMBER: _ClassVar[int]
    LATE_CLICKS_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    event: _feedrank_pb2.Event
    rows: _containers.RepeatedScalarFieldContainer[int]
    previous_rows: _containers.RepeatedScalarFieldContainer[int]
    answers_view: bool
    late_clicks: _containers.RepeatedCompositeFieldContainer[LateClick]
    region: str
    def __init__(self, event: _Optional[_Union[_feedrank_pb2.Event, _Mapping]] = ..., rows: _Optional[_Iterable[int]] = ..., previous_rows: _Optional[_Iterable[int]] = ..., answers_view: _Optional[bool] = ..., late_clicks: _Optional[_Iterable[_Union[LateClick, _Mapping]]] = ..., region: _Optional[str] = ...) -> None: ...

class LateClick(_message.Message):
    __slots__ = ("row", "time_us")
    ROW_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    row: int
    time_us: int
    def __init__(self, row: _Optional[int] = ..., time_us: _Optional[int] = ...) -> None: ...

class UserUpserted(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: _feedrank_pb2.User
    def __init__(self, user: _Optional[_Union[_feedrank_pb2.User, _Mapping]] = ...) -> None: ...

class PersonalizationSet(_message.Message):
    __slots__ = ("user_id", "personalization")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PERSONALIZATION_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    personalization: _feedrank_pb2.Personalization
    def __init__(self, user_id: _Optional[str] = ..., personalization: _Optional[_Union[_feedrank_pb2.Personalization, str]] = ...) -> None: ...

class UserErased(_message.Message):
    __slots__ = ("user_hash",)
    USER_HASH_FIELD_NUMBER: _ClassVar[int]
    user_hash: bytes
    def __init__(self, user_hash: _Optional[bytes] = ...) -> None: ...

class QueryEmbedded(_message.Message):
    __slots__ = ("user_id", "space", "search_offset", "values")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    SEARCH_OFFSET_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    space: str
    search_offset: int
    values: bytes
    def __init__(self, user_id: _Optional[str] = ..., space: _Optional[str] = ..., search_offset: _Optional[int] = ..., values: _Optional[bytes] = ...) -> None: ...

class ModelActivated(_message.Message):
    __slots__ = ("name", "version", "previous_version", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    previous_version: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., previous_version: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RulesChanged(_message.Message):
    __slots__ = ("toml", "hash")
    TOML_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    toml: str
    hash: bytes
    def __init__(self, toml: _Optional[str] = ..., hash: _Optional[bytes] = ...) -> None: ...

class ExperimentsChanged(_message.Message):
    __slots__ = ("toml", "hash")
    TOML_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    toml: str
    hash: bytes
    def __init__(self, toml: _Optional[str] = ..., hash: _Optional[bytes] = ...) -> None: ...

class Slate(_message.Message):
    __slots__ = ("request_id", "user_id", "surface", "context", "now_us", "seed", "state_position", "history_position", "candidate_rows", "candidate_sources", "source_names", "shown", "propensities", "sampled", "sampling_probability", "feature_names", "feature_rows", "scores", "model_version", "variants", "rules_hash", "experiments_hash", "recipe_hash", "degraded", "vector_space", "exposures", "teams", "team_names", "rank_us")
    class VariantsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    NOW_US_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STATE_POSITION_FIELD_NUMBER: _ClassVar[int]
    HISTORY_POSITION_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_ROWS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_SOURCES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_NAMES_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    PROPENSITIES_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    FEATURE_NAMES_FIELD_NUMBER: _ClassVar[int]
    FEATURE_ROWS_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    RULES_HASH_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENTS_HASH_FIELD_NUMBER: _ClassVar[int]
    RECIPE_HASH_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    VECTOR_SPACE_FIELD_NUMBER: _ClassVar[int]
    EXPOSURES_FIELD_NUMBER: _ClassVar[int]
    TEAMS_FIELD_NUMBER: _ClassVar[int]
    TEAM_NAMES_FIELD_NUMBER: _ClassVar[int]
    RANK_US_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    user_id: str
    surface: str
    context: _feedrank_pb2.Context
    now_us: int
    seed: int
    state_position: int
    history_position: int
    candidate_rows: _containers.RepeatedScalarFieldContainer[int]
    candidate_sources: _containers.RepeatedScalarFieldContainer[int]
    source_names: _containers.RepeatedScalarFieldContainer[str]
    shown: _containers.RepeatedScalarFieldContainer[int]
    propensities: _containers.RepeatedScalarFieldContainer[float]
    sampled: _containers.RepeatedScalarFieldContainer[int]
    sampling_probability: float
    feature_names: _containers.RepeatedScalarFieldContainer[str]
    feature_rows: bytes
    scores: _containers.RepeatedScalarFieldContainer[float]
    model_version: str
    variants: _containers.ScalarMap[str, str]
    rules_hash: bytes
    experiments_hash: bytes
    recipe_hash: bytes
    degraded: bool
    vector_space: str
    exposures: _containers.RepeatedCompositeFieldContainer[Exposure]
    teams: _containers.RepeatedScalarFieldContainer[int]
    team_names: _containers.RepeatedScalarFieldContainer[str]
    rank_us: int
    def __init__(self, request_id: _Optional[str] = ..., user_id: _Optional[str] = ..., surface: _Optional[str] = ..., context: _Optional[_Union[_feedrank_pb2.Context, _Mapping]] = ..., now_us: _Optional[int] = ..., seed: _Optional[int] = ..., state_position: _Optional[int] = ..., history_position: _Optional[int] = ..., candidate_rows: _Optional[_Iterable[int]] = ..., candidate_sources: _Optional[_Iterable[int]] = ..., source_names: _Optional[_Iterable[str]] = ..., shown: _Optional[_Iterable[int]] = ..., propensities: _Optional[_Iterable[float]] = ..., sampled: _Optional[_Iterable[int]] = ..., sampling_probability: _Optional[float] = ..., feature_names: _Optional[_Iterable[str]] = ..., feature_rows: _Optional[bytes] = ..., scores: _Optional[_Iterable[float]] = ..., model_version: _Optional[str] = ..., variants: _Optional[_Mapping[str, str]] = ..., rules_hash: _Optional[bytes] = ..., experiments_hash: _Optional[bytes] = ..., recipe_hash: _Optional[bytes] = ..., degraded: _Optional[bool] = ..., vector_space: _Optional[str] = ..., exposures: _Optional[_Iterable[_Union[Exposure, _Mapping]]] = ..., teams: _Optional[_Iterable[int]] = ..., team_names: _Optional[_Iterable[str]] = ..., rank_us: _Optional[int] = ...) -> None: ...

class Exposure(_message.Message):
    __slots__ = ("experiment", "assigned", "served", "overridden", "unit")
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_FIELD_NUMBER: _ClassVar[int]
    SERVED_FIELD_NUMBER: _ClassVar[int]
    OVERRIDDEN_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    experiment: str
    assigned: str
    served: str
    overridden: bool
    unit: str
    def __init__(self, experiment: _Optional[str] = ..., assigned: _Optional[str] = ..., served: _Optional[str] = ..., overridden: _Optional[bool] = ..., unit: _Optional[str] = ...) -> None: ...
