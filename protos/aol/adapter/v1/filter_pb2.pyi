from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Operator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATOR_UNSPECIFIED: _ClassVar[Operator]
    OPERATOR_EQ: _ClassVar[Operator]
    OPERATOR_NE: _ClassVar[Operator]
    OPERATOR_GT: _ClassVar[Operator]
    OPERATOR_GTE: _ClassVar[Operator]
    OPERATOR_LT: _ClassVar[Operator]
    OPERATOR_LTE: _ClassVar[Operator]

class RegexLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGEX_LEVEL_UNSPECIFIED: _ClassVar[RegexLevel]
    REGEX_LEVEL_COMMON: _ClassVar[RegexLevel]
    REGEX_LEVEL_FULL: _ClassVar[RegexLevel]
OPERATOR_UNSPECIFIED: Operator
OPERATOR_EQ: Operator
OPERATOR_NE: Operator
OPERATOR_GT: Operator
OPERATOR_GTE: Operator
OPERATOR_LT: Operator
OPERATOR_LTE: Operator
REGEX_LEVEL_UNSPECIFIED: RegexLevel
REGEX_LEVEL_COMMON: RegexLevel
REGEX_LEVEL_FULL: RegexLevel

class Filter(_message.Message):
    __slots__ = ("comparison", "membership", "exists", "contains", "regex", "text", "contains_any")
    AND_FIELD_NUMBER: _ClassVar[int]
    OR_FIELD_NUMBER: _ClassVar[int]
    NOT_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    MEMBERSHIP_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    CONTAINS_FIELD_NUMBER: _ClassVar[int]
    REGEX_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTAINS_ANY_FIELD_NUMBER: _ClassVar[int]
    comparison: Comparison
    membership: Membership
    exists: Exists
    contains: Contains
    regex: Regex
    text: Text
    contains_any: ContainsAny
    def __init__(self, comparison: _Optional[_Union[Comparison, _Mapping]] = ..., membership: _Optional[_Union[Membership, _Mapping]] = ..., exists: _Optional[_Union[Exists, _Mapping]] = ..., contains: _Optional[_Union[Contains, _Mapping]] = ..., regex: _Optional[_Union[Regex, _Mapping]] = ..., text: _Optional[_Union[Text, _Mapping]] = ..., contains_any: _Optional[_Union[ContainsAny, _Mapping]] = ..., **kwargs) -> None: ...

class FilterList(_message.Message):
    __slots__ = ("filters",)
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    filters: _containers.RepeatedCompositeFieldContainer[Filter]
    def __init__(self, filters: _Optional[_Iterable[_Union[Filter, _Mapping]]] = ...) -> None: ...

class Path(_message.Message):
    __slots__ = ("segments",)
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, segments: _Optional[_Iterable[str]] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("null", "boolean", "integer", "double", "string", "json")
    NULL_FIELD_NUMBER: _ClassVar[int]
    BOOLEAN_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_FIELD_NUMBER: _ClassVar[int]
    STRING_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    null: bool
    boolean: bool
    integer: int
    double: float
    string: str
    json: str
    def __init__(self, null: bool = ..., boolean: bool = ..., integer: _Optional[int] = ..., double: _Optional[float] = ..., string: _Optional[str] = ..., json: _Optional[str] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("path", "operator", "operand")
    PATH_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    OPERAND_FIELD_NUMBER: _ClassVar[int]
    path: Path
    operator: Operator
    operand: Value
    def __init__(self, path: _Optional[_Union[Path, _Mapping]] = ..., operator: _Optional[_Union[Operator, str]] = ..., operand: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class Membership(_message.Message):
    __slots__ = ("path", "values", "negated")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    NEGATED_FIELD_NUMBER: _ClassVar[int]
    path: Path
    values: _containers.RepeatedCompositeFieldContainer[Value]
    negated: bool
    def __init__(self, path: _Optional[_Union[Path, _Mapping]] = ..., values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ..., negated: bool = ...) -> None: ...

class Exists(_message.Message):
    __slots__ = ("path", "exists")
    PATH_FIELD_NUMBER: _ClassVar[int]
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    path: Path
    exists: bool
    def __init__(self, path: _Optional[_Union[Path, _Mapping]] = ..., exists: bool = ...) -> None: ...

class Contains(_message.Message):
    __slots__ = ("path", "element")
    PATH_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_FIELD_NUMBER: _ClassVar[int]
    path: Path
    element: Value
    def __init__(self, path: _Optional[_Union[Path, _Mapping]] = ..., element: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...

class ContainsAny(_message.Message):
    __slots__ = ("path", "elements")
    PATH_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    path: Path
    elements: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, path: _Optional[_Union[Path, _Mapping]] = ..., elements: _Optional[_Iterable[str]] = ...) -> None: ...

class Regex(_message.Message):
    __slots__ = ("path", "pattern", "ignore_case", "level")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    IGNORE_CASE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    path: Path
    pattern: str
    ignore_case: bool
    level: RegexLevel
    def __init__(self, path: _Optional[_Union[Path, _Mapping]] = ..., pattern: _Optional[str] = ..., ignore_case: bool = ..., level: _Optional[_Union[RegexLevel, str]] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("words",)
    WORDS_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, words: _Optional[_Iterable[str]] = ...) -> None: ...
