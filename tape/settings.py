"""Settings: the only reader of the environment and of ``tape.toml``.

Precedence: option, environment, ``tape.toml`` in the home folder, default.
"""

from __future__ import annotations

import json
import os
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from store.database import Resources
from store.errors import StoreError


class SettingsInvalid(StoreError):
    """A setting has a value that cannot be used."""

    def __init__(self, source: str, error: ValidationError) -> None:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        super().__init__(f"settings ({source}): {key}: {first['msg']}, found {first['input']!r}")


def _is_on(value: object) -> object:
    return value.strip().lower() in ("1", "true", "yes", "on") if isinstance(value, str) else value


Switch = Annotated[bool, BeforeValidator(_is_on)]
"""On iff 1, true, yes or on."""


class StoreSettings(BaseModel):
    """``[store]``: what the database may use. RSS is about ``memory_limit`` plus 90-130 MB."""

    memory_limit: str = Field("400MB", pattern=r"^[0-9.]+ ?([KMGT]i?B)$", description="memory of the database")
    threads: int = Field(2, ge=1, description="threads of the database")


class Settings(BaseSettings):
    """Everything that can be set. Flags unset mean on, but for APPLY."""

    model_config = SettingsConfigDict(env_prefix="TAPE_", env_nested_delimiter="__", extra="ignore")

    store: StoreSettings = StoreSettings()
    intel_enabled: Switch = Field(True, validation_alias="INTEL_V6_ENABLED")
    risk_engine_enabled: Switch = Field(True, validation_alias="RISK_ENGINE_V6_ENABLED")
    pipeline_shadow_enabled: Switch = Field(True, validation_alias="PIPELINE_V6_SHADOW_ENABLED")
    router_autotune_enabled: Switch = Field(True, validation_alias="ROUTER_AUTOTUNE_V6_ENABLED")
    feedback_allocator_enabled: Switch = Field(True, validation_alias="FEEDBACK_ALLOCATOR_V6_ENABLED")
    router_autotune_apply_enabled: Switch = Field(False, validation_alias="ROUTER_AUTOTUNE_V6_APPLY_ENABLED")
    env: str = Field("dev", validation_alias="ENV")
    dry_run: str = Field("1", validation_alias="DRY_RUN")
    testnet: str = Field("0", validation_alias="BINANCE_TESTNET")
    engine_version: str = Field("", validation_alias="ENGINE_VERSION")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)

    @property
    def resources(self) -> Resources:
        return Resources(self.store.memory_limit, self.store.threads)

    @property
    def configured(self) -> str:
        """JSON of what probe and synced state show where no flag snapshot is recorded."""
        named: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            if name not in ("store", "engine_version"):
                named[str(field.validation_alias)] = getattr(self, name)
        return json.dumps({**named, "engine_version": self.engine_version or f"tape-{own_version()}"})


def own_version() -> str:
    """The installed version of this program."""
    try:
        return version("tape")
    except PackageNotFoundError:
        return "0+unknown"


def home_folder(option: Path | None) -> Path:
    """The home folder: ``--home``, else ``TAPE_HOME``, else the current folder."""
    return Path(option or os.environ.get("TAPE_HOME") or ".")


def load_settings(home: Path) -> Settings:
    """The settings of a home folder.

    Raises:
        SettingsInvalid: a value in the environment or in ``tape.toml`` cannot be used.
        StoreError: ``tape.toml`` is no TOML.
    """
    path = home / "tape.toml"
    values: dict[str, Any] = {}
    if path.is_file():
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"settings ({path}): {error}") from error
    try:
        return Settings(**values)
    except SettingsError as error:
        raise StoreError(f"settings (environment): {error}") from error
    except ValidationError as error:
        raise SettingsInvalid("environment or tape.toml", error) from error
