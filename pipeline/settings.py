"""One typed, frozen settings object: flag > environment > project file > user file > the running stack's.

Every field is an environment variable: `CALLSHEET_` and its name in capitals.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import EnvironmentFault

PREFIX = "CALLSHEET_"
PROJECT_FILE = Path("callsheet.toml")
USER_FILE = Path("~/.config/callsheet/config.toml")
STACK_FILE = "stack.json"


class Settings(BaseSettings):
    """Where the parts are and how hard they work. The defaults run on a bare machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    home: Path = Field(Path(".callsheet"), description="Folder of the embedded stack: database, bucket, logs, secrets.")
    database_url: str | None = Field(
        None, description="SQLAlchemy URL of PostgreSQL; without it SQLite in the home folder."
    )
    broker_url: SecretStr | None = Field(
        None,
        description="Redis or Valkey that carries the messages; without it the embedded one.",
    )
    s3_endpoint: str | None = Field(None, description="URL of the S3 service; none means the embedded one.")
    s3_bucket: str = Field("callsheet", description="Bucket that holds references, takes and submissions.")
    s3_region: str = Field("us-east-1", description="Region the requests are signed for.")
    s3_access_key: SecretStr | None = Field(None, description="Access key of the S3 service.")
    s3_secret_key: SecretStr | None = Field(None, description="Secret key of the S3 service.")

    provider: Literal["sandbox", "kyma", "minimax"] = Field(
        "sandbox", description="Who clones and speaks: the local sandbox, Kyma, or MiniMax's own API."
    )
    kyma_base_url: str = Field("https://kymaapi.com/v1", description="Base URL of Kyma's API.")
    kyma_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(f"{PREFIX}KYMA_API_KEY", "KYMA_API_KEY", "kyma_api_key"),
        description="Key of the Kyma account that pays; also read from KYMA_API_KEY.",
    )
    minimax_base_url: str = Field(
        "https://api.minimax.io/v1", description="Base URL of MiniMax's API; keys are per region."
    )
    minimax_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices(f"{PREFIX}MINIMAX_API_KEY", "MINIMAX_API_KEY", "minimax_api_key"),
        description="Key of the MiniMax account that pays; also read from MINIMAX_API_KEY.",
    )
    minimax_requests_per_minute: int = Field(
        60, ge=1, description="Calls a minute that MiniMax allows the account; it does not publish them by API."
    )
    minimax_characters_per_minute: int = Field(
        20_000, ge=1, description="Characters a minute that MiniMax speaks for the account."
    )
    minimax_concurrent_calls: int = Field(8, ge=1, description="Calls to MiniMax that may be in flight at once.")
    sandbox_url: str | None = Field(
        None, description="Base URL of the sandbox, /v1 included; `callsheet up` starts one."
    )
    sandbox_api: Literal["kyma", "minimax"] = Field(
        "kyma", description="Whose API is spoken with the sandbox: it answers both."
    )
    sandbox_api_key: SecretStr | None = Field(None, description="Key of a sandbox user.")
    sandbox_engine: Literal["auto", "natural", "pico", "tone"] = Field(
        "auto", description="The sandbox's voice engine: auto takes the best one installed."
    )
    sandbox_tier: Literal["T0", "T1", "T2", "T3", "T4", "lab"] = Field(
        "T3", description="The sandbox user's tier: how many calls a minute and at once; lab is for load tests."
    )
    sandbox_lateness_seconds: float = Field(
        10.0, gt=0, description="How long after its sender's end a call to the sandbox may still take effect."
    )
    sandbox_balance_usd: int = Field(500, gt=0, description="Sandbox dollars the sandbox user starts with.")
    sandbox_bad_audio: str = Field(
        "",
        pattern=r"^(((all|empty|cut|wrong_line|wrong_voice|clipped|long)=[01]?\.?\d*)(,|$))*$",
        description="Shares of the sandbox's takes that are bad: cut=0.02,wrong_line=0.01 with the kinds empty, "
        "cut, wrong_line, wrong_voice, clipped and long, or all=0.06.",
    )
    sandbox_bad_audio_seed: int = Field(1, description="Which takes of the sandbox are bad.")

    api_url: str | None = Field(None, description="URL of Callsheet's own API, which the commands speak to.")
    api_key: SecretStr | None = Field(None, description="Key of the Callsheet account the commands act for.")
    api_port: int = Field(0, ge=0, le=65535, description="Port of the API on loopback; 0 picks a free one.")
    flower_port: int = Field(0, ge=0, le=65535, description="Port of Flower on loopback; 0 picks a free one.")
    flower_url: str | None = Field(None, description="Where Flower listens.")
    flower_password: SecretStr | None = Field(None, description="Flower's password; generated where none is given.")

    listen_address: str = Field(
        "127.0.0.1",
        description="Address the API and the metrics listen on. Anything but loopback only inside a network of its "
        "own, such as a pod's, behind something that ends TLS.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that opens the metrics; without one they are shown to this machine alone."
    )
    worker_metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of a worker's metrics; 0 is none, and a free one under `callsheet up`."
    )
    sweeper_metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of a sweeper's metrics; 0 is none, and a free one under `callsheet up`."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="How worker, sweeper and API write their logs: for people, or one JSON object a line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe lines that are written."
    )

    spool_dir: Path | None = Field(
        None, description="Folder where paid answers are kept until the database has them; in the home folder if unset."
    )
    quiescence_seconds: float = Field(
        900.0,
        gt=0,
        description="How long after a paid call of unknown outcome its sender may still be sending, "
        "where nobody has seen that sender end.",
    )

    worker_threads: int = Field(
        48, ge=1, le=256, description="Tasks one worker may have under way; most of them wait for the provider."
    )
    worker_one_core: bool = Field(
        default=True,
        description="Keep a worker's threads on one core, which costs a fifth less; recordings are decoded on all.",
    )
    decoders: int = Field(
        0, ge=0, le=64, description="Recordings that one worker decodes at once, each on a core; 0 is one a core."
    )
    speech_timeout_seconds: float = Field(
        180.0, gt=0, description="Longest wait for one spoken line; 5,000 characters are minutes of speech."
    )
    clone_timeout_seconds: float = Field(180.0, ge=180, description="Longest wait for one clone.")

    signing_certificate: Path | None = Field(
        None,
        description="PEM file of the certificate that `--sign` signs delivered files with, followed by those that have "
        "issued it.",
    )
    signing_key: Path | None = Field(
        None, description="PEM file of that certificate's private key, without a passphrase; it is never shown."
    )
    signing_tsa: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="URL of a time-stamp authority (RFC 3161) that is asked for each signature; without one, signing "
        "needs no network.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the caller passes every source
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the caller passes every source
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: the first that knows a value wins."""
        project = TomlConfigSettingsSource(settings_cls, PROJECT_FILE)
        user = TomlConfigSettingsSource(settings_cls, USER_FILE.expanduser())
        stated = (init_settings, env_settings, project, user)
        home = next((Path(found["home"]) for source in stated if "home" in (found := source())), Path(".callsheet"))
        return (*stated, InitSettingsSource(settings_cls, _stack_state(home)))

    @property
    def spool(self) -> Path:
        """Return the folder of paid answers; it has to outlive the process."""
        return self.spool_dir or self.home.absolute() / "spool"

    @property
    def sqlalchemy_url(self) -> str:
        """Return the database that is the only truth."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'callsheet.db'}"

    @property
    def provider_name(self) -> str:
        """Return what the provider is called in rows and answers; voices of one API are nothing to the other."""
        return "sandbox-minimax" if (self.provider, self.sandbox_api) == ("sandbox", "minimax") else self.provider


def _stack_state(home: Path) -> dict[str, Any]:
    path = home / STACK_FILE
    try:
        state: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise EnvironmentFault(f"{path} is damaged.", hint="Remove it and run `callsheet up`.") from error
    return {name: value for name, value in state.items() if name in Settings.model_fields}


def load_settings(**flags: Any) -> Settings:  # noqa: ANN401 - any field's type
    """Read the settings; a wrong one is an `EnvironmentFault` that names the variable and what is allowed."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        faults = [_fault(dict(detail)) for detail in error.errors()]
        raise EnvironmentFault(
            "; ".join(faults), hint="Correct the setting, or unset it to use its default.", settings=faults
        ) from error


def _fault(detail: dict[str, Any]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else "settings"
    variable = name if name.isupper() else f"{PREFIX}{name.upper()}"
    return f"{variable}: {detail['msg']}"
