"""Settings: the only reader of the environment, of ``tape.toml``, ``risk_limits.json`` and ``pairs_universe.json``.

Precedence: option, environment, files in the home folder, default. Limits and universe are either in ``tape.toml`` or
in files of their own; they are checked here, and kept as documents.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from tape.execution.config import parse_limits, parse_universe
from tape.execution.slips import KEYS
from tape.execution.v6_flags import FIELDS, Flags
from tape.exporters.contract import STATE_FILES
from tape.mistakes import (
    expected,
    is_config_error,
    joined,
    near_variables,
    slips,
    slips_of_another,
    stray_keys,
    unknown_variables,
)
from tape.sections import (
    CONTRACT_VARIABLES,
    OFF_WORDS,
    ON_WORDS,
    AutotuneSettings,
    BackupSettings,
    DoorSettings,
    ExecutorSettings,
    FileStem,
    FreshnessSettings,
    Section,
    StoreSettings,
    Switch,
    SyncSettings,
    no_truth,
)
from tape.store.database import Resources
from tape.store.errors import StoreError
from tape.store.home import CONFIG_FILES
from tape.version import own_version

SECRETS = ("BINANCE_API_KEY", "BINANCE_API_SECRET")
"""Settings that are never shown."""


class SettingsInvalid(StoreError):
    """Settings are invalid. ``source``: the file or the variable; ``told``: key, what was expected, what was found."""

    def __init__(self, source: str, told: str) -> None:
        self.source, self.told = source, told
        super().__init__(f"settings ({source}): {told}")


def _parsed_by(parse: Callable[[object], object]) -> BeforeValidator:
    """Return the document unchanged, once it parses."""

    def checked(document: object) -> object:
        if document is not None:
            parse(document)
        return document

    return BeforeValidator(checked)


class _ContractVariables(PydanticBaseSettingsSource):
    """Settings under the contract's names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        sections: dict[str, Any] = {}
        for variable, (section, key) in CONTRACT_VARIABLES.items():
            if variable in os.environ:
                sections.setdefault(section, {})[key] = os.environ[variable]
        return sections


class _Environment(PydanticBaseSettingsSource):
    """Settings under their names in the environment; there, values of limits and universe are JSON or text."""

    def __init__(self, settings_cls: type[BaseSettings], variables: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = self._variables()
        for kind in CONFIG_FILES:
            if kind in values:
                values[kind] = _meant(_decoded(values[kind]))
                if found := slips(kind, values[kind], section_keys):
                    raise SettingsInvalid("environment", joined(found))
        return values


def _decoded(value: Any) -> Any:
    """Return text from the environment as the JSON value that it is, if any."""
    if isinstance(value, dict):
        return {key: _decoded(each) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


NO_LIMIT = "none"
"""TOML has no null: this text says that a limit is meant not to be there."""


def _meant(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _meant(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_meant(value) for value in document]
    return None if document == NO_LIMIT else document


class Settings(BaseSettings):
    """All settings. Flags that are not set are on, except APPLY."""

    model_config = SettingsConfigDict(env_prefix="TAPE_", env_nested_delimiter="__", extra="ignore")

    store: StoreSettings = StoreSettings()
    backup: BackupSettings = BackupSettings()
    door: DoorSettings = DoorSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    executor: ExecutorSettings = ExecutorSettings()
    autotune: AutotuneSettings = AutotuneSettings()
    sync: SyncSettings = SyncSettings()
    intervals: dict[FileStem, Annotated[float, BeforeValidator(no_truth), Field(gt=0, allow_inf_nan=False)]] = Field(
        {}, description="seconds from publication to publication, by file stem; the contract's where left out"
    )
    limits: Annotated[dict[str, Any] | None, _parsed_by(parse_limits)] = Field(
        None, description="the keys of risk_limits.json; or that file, in the home folder"
    )
    universe: Annotated[dict[str, Any] | list[Any] | None, _parsed_by(parse_universe)] = Field(
        None, description="the keys of pairs_universe.json; or that file, in the home folder"
    )
    intel_enabled: Switch = Field(True, validation_alias="INTEL_V6_ENABLED")
    risk_engine_enabled: Switch = Field(True, validation_alias="RISK_ENGINE_V6_ENABLED")
    pipeline_shadow_enabled: Switch = Field(True, validation_alias="PIPELINE_V6_SHADOW_ENABLED")
    router_autotune_enabled: Switch = Field(True, validation_alias="ROUTER_AUTOTUNE_V6_ENABLED")
    feedback_allocator_enabled: Switch = Field(True, validation_alias="FEEDBACK_ALLOCATOR_V6_ENABLED")
    router_autotune_apply_enabled: Switch = Field(False, validation_alias="ROUTER_AUTOTUNE_V6_APPLY_ENABLED")
    firestore_enabled: Switch = Field(
        False, validation_alias="FIRESTORE_ENABLED", description="whether anything goes to Firestore"
    )
    firestore_emulator_host: str = Field(
        "",
        validation_alias="FIRESTORE_EMULATOR_HOST",
        description="host:port of an emulator, instead of Google's Firestore",
    )
    google_cloud_project: str = Field(
        "", validation_alias="GOOGLE_CLOUD_PROJECT", description="Google Cloud project where [sync] names none"
    )
    allow_prod_sync: Switch = Field(
        False, validation_alias="ALLOW_PROD_SYNC", description="needed beside ENV=prod for `tape sync` to write"
    )
    allow_prod_write: Switch = Field(
        False, validation_alias="ALLOW_PROD_WRITE", description="the same as ALLOW_PROD_SYNC"
    )
    env: str = Field("dev", validation_alias="ENV")
    dry_run: str = Field("1", validation_alias="DRY_RUN")
    testnet: str = Field("0", validation_alias="BINANCE_TESTNET")
    engine_version: str = Field(
        "", validation_alias="ENGINE_VERSION", description="version of the engine; unset: that of this program"
    )
    api_key: SecretStr = Field(
        SecretStr(""), validation_alias="BINANCE_API_KEY", description="key of the account at Binance; never shown"
    )
    api_secret: SecretStr = Field(
        SecretStr(""), validation_alias="BINANCE_API_SECRET", description="its secret; never shown"
    )

    _notes: tuple[str, ...] = PrivateAttr(())

    @property
    def notes(self) -> tuple[str, ...]:
        """Return remarks for the start: settings that are used otherwise than they may be meant."""
        return self._notes

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (_ContractVariables(settings_cls), _Environment(settings_cls, env_settings), init_settings)

    def resources(self, *, threads: int = 2) -> Resources:
        """Return what the database may use; ``threads``: its threads, unless set.

        An owner uses one thread: its many small statements then cost a third less, and the other core is left to the
        trader.
        """
        store = self.store
        return Resources(store.memory_limit, store.threads or threads, store.temp_limit, store.checkpoint_wal)

    @property
    def flags(self) -> Flags:
        """Return the flags and the mode with which this runtime is configured."""
        fields = type(self).model_fields
        named = {str(field.validation_alias): getattr(self, name) for name, field in fields.items()}
        named["engine_version"] = self.engine_version.strip() or f"tape-{own_version()}"
        return Flags(**{field: named[key] for key, field in FIELDS.items()})

    @property
    def configured(self) -> str:
        """JSON of what views read of the settings: when inputs count as stopped, and flags where none is recorded."""
        stops_after = {f"{name}_stops_after_s": getattr(self.freshness, f"{name}_s") for name in ("executor", "shadow")}
        return json.dumps({**self.flags.by_contract_name(), **stops_after})


def named_home(option: Path | None) -> Path | None:
    """Return the home folder that the user named: ``--home``, else ``TAPE_HOME``; ``None`` if neither is given."""
    named = option or os.environ.get("TAPE_HOME")
    return Path(named) if named else None


def home_folder(option: Path | None) -> Path:
    """Return the home folder: ``--home``, else ``TAPE_HOME``, else the current folder."""
    return named_home(option) or Path()


def is_checkout(folder: Path) -> bool:
    """Return whether ``folder`` is the source checkout that this program runs from."""
    root = Path(__file__).resolve().parent.parent
    return folder.resolve() == root and (root / "pyproject.toml").is_file()


def state_folder() -> Path:
    """Return the folder for the user's own files: ``tape`` in XDG_STATE_HOME, else in ``~/.local/state``."""
    given = os.environ.get("XDG_STATE_HOME") or ""
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state") / "tape"


def spool_folder() -> Path | None:
    """Return the folder for large temporary files: TMPDIR, else /var/tmp, since /tmp is memory on many machines.

    ``None``: Python chooses.
    """
    place = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108 (files without a name)
    return place if place.is_dir() and os.access(place, os.W_OK) else None


def load_settings(home: Path) -> Settings:
    """Load the settings of a home folder.

    Raises:
        SettingsInvalid: a key or a value in the environment or in a file is wrong.
        StoreError: a file is not TOML or JSON, or repeats what another file sets.
    """
    if found := unknown_variables(os.environ, [*variables(), "TAPE_HOME"], "TAPE_", _FREE):
        raise SettingsInvalid("environment", joined(found))
    values = _of_toml(home / "tape.toml")
    notes = [*_doubtful_variables(), *_doubtful_switches(values)]
    documents = {kind: home / name for kind, name in CONFIG_FILES.items() if (home / name).is_file()}
    for kind, path in documents.items():
        if kind in values:
            raise StoreError(f"settings: {kind}: expected in one place, found in {home / 'tape.toml'} and {path}")
        values[kind] = _of_json(path)
        refused, more = slips_of_another(kind, values[kind])
        if refused:
            raise SettingsInvalid(str(path), joined(refused))
        notes += [f"{path.name}: {each}" for each in more]
    try:
        settings = Settings(**values)
    except SettingsError as error:
        raise StoreError(f"settings (environment): {error}") from error
    except ValidationError as error:
        raise _refusal(error, home, documents) from error
    settings._notes = tuple(notes)
    return settings


def _sections() -> dict[str, type[Section]]:
    """Return the sections of ``tape.toml`` that have keys of their own."""
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: each for name, each in annotations.items() if isinstance(each, type) and issubclass(each, Section)}


@cache
def section_keys() -> dict[str, tuple[str, ...]]:
    """Return the keys of each section of ``tape.toml``; for the top level, "", also the names of sections."""
    return {
        **{name: tuple(model.model_fields) for name, model in _sections().items()},
        **KEYS,
        "intervals": tuple(file.stem for file in STATE_FILES),
        "": tuple(sorted(_top_level())),
    }


def _top_level() -> set[str]:
    return {str(field.validation_alias or name) for name, field in Settings.model_fields.items()}


_FREE = ("TAPE_LIMITS__", "TAPE_UNIVERSE__", "TAPE_INTERVALS__")
"""Beginnings of variables whose ends are keys of a document, checked with it."""


def variables() -> list[str]:
    """Return the environment variables that are settings, without TAPE_HOME and those that begin as ``_FREE``."""
    named = [str(field.validation_alias or f"TAPE_{name.upper()}") for name, field in Settings.model_fields.items()]
    named += [
        f"TAPE_{name.upper()}__{key.upper()}" for name, model in _sections().items() for key in model.model_fields
    ]
    return [*named, *CONTRACT_VARIABLES]


def _of_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"settings ({path}): {error}") from error
    for kind in CONFIG_FILES:
        values.update({kind: _meant(values[kind])} if kind in values else {})
    if found := _slips_of_toml(values):
        raise SettingsInvalid(str(path), joined(found))
    return values


def _slips_of_toml(values: Mapping[str, Any]) -> list[str]:
    """Return mistakes in the file's keys; its values are checked with those of the environment."""
    found = stray_keys("", values, _top_level(), section_keys)
    for name, model in _sections().items():
        if isinstance(section := values.get(name), dict):
            found += stray_keys(name, section, model.model_fields, section_keys)
    if isinstance(intervals := values.get("intervals"), dict):
        found += stray_keys("intervals", intervals, section_keys()["intervals"], section_keys)
    for kind in CONFIG_FILES:
        found += slips(kind, values.get(kind), section_keys)
    return found


def _of_json(path: Path) -> Any:
    """Return the document; ``null`` is refused like any other value that is not a document."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"settings ({path}): {error}") from error
    if document is None:
        raise StoreError(f"settings ({path}): expected a document, found null")
    return document


def _refusal(error: ValidationError, home: Path, documents: Mapping[str, Path]) -> SettingsInvalid:
    """Return the first wrong value, and its place."""
    first = error.errors()[0]
    loc = tuple(str(part) for part in first["loc"] if part != "[key]")
    if config := is_config_error(first):
        path = documents.get(loc[0], home / "tape.toml")
        from_environment = any(name.upper().startswith(f"TAPE_{loc[0].upper()}") for name in os.environ)
        return SettingsInvalid(f"environment or {path}" if from_environment else str(path), str(config))
    key = ".".join(loc)
    if key in SECRETS:
        first["input"] = "something else"
    source = next((name for name in _variables_of(loc) if name in os.environ), str(home / "tape.toml"))
    return SettingsInvalid(source, f"{key:.100}: {expected(first, section_keys())}")


def _variables_of(loc: tuple[str, ...]) -> list[str]:
    """Return the environment variables that may set a value."""
    contract = [name for name, place in CONTRACT_VARIABLES.items() if place == loc]
    return [*contract, *loc[:1], f"TAPE_{'__'.join(loc).upper()}", f"TAPE_{loc[0].upper()}"]


def _doubtful_variables() -> list[str]:
    """Return variables that are one letter away from a setting's name in the contract.

    Raises:
        SettingsInvalid: the misspelt name can only mean the contract's setting.
    """
    contract = [name for name in variables() if not name.startswith("TAPE_") and len(name) >= len("DRY_RUN")]
    near = near_variables(os.environ, contract)
    told = {name: f"{name}: expected the name of a setting; did you mean {meant}?" for name, meant in near.items()}
    if refused := [told[name] for name in near if "_V6_" in near[name]]:
        raise SettingsInvalid("environment", joined(refused))
    return [f"environment: {each}" for each in told.values()]


def _doubtful_switches(values: Mapping[str, Any]) -> list[str]:
    """Return switches whose text is neither on nor off; every text that is not on counts as off."""
    found = []
    for name, field in Settings.model_fields.items():
        if field.annotation is bool:
            alias = str(field.validation_alias or name)
            found.append((alias, os.environ.get(alias, values.get(alias))))
        elif model := _sections().get(name):
            section = values.get(name)
            given = section if isinstance(section, dict) else {}
            found += [
                (
                    f"{name}.{key}",
                    next(
                        (os.environ[each] for each in _variables_of((name, key)) if each in os.environ), given.get(key)
                    ),
                )
                for key, each in model.model_fields.items()
                if each.annotation is bool
            ]
    return [
        f"{name}: expected one of {', '.join((*ON_WORDS, *OFF_WORDS[:-1]))}, found {text!r:.40}, which counts as off"
        for name, text in found
        if isinstance(text, str) and text.strip().lower() not in (*ON_WORDS, *OFF_WORDS)
    ]
