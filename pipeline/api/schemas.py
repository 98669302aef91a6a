"""What the API takes: every body with an example. Amounts are integer micro-dollars."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.intake.models import Verdict
from pipeline.ledger.money import UNLIMITED, BudgetMode
from pipeline.speech.rules import Priority
from pipeline.views import PAGE_LIMIT
from pipeline.voices.service import Action

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Cap = Annotated[int | None, Field(ge=0, lt=UNLIMITED)]
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class Body(BaseModel):
    """A request body: unknown fields are refused, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Selectors = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=240)]],
    Field(
        max_length=1_000,
        description="What of the sheet is wanted: `character:NAME`, `line:ID`, `lang:TAG`, `state:failed`,"
        " `state:review`, `state:rejected`, `changed`; `*` stands for any letters. All of it where the list is empty.",
    ),
]

Fresh = Field(
    False,
    description="Whether lines that have a take are spoken anew. While a run that was asked for them lacks some, those"
    " alone are made.",
)


class UploadFile(Body):
    """One file that is to be uploaded."""

    sha256: Sha256
    bytes: int = Field(ge=1)


class UploadRequest(Body):
    """The files of a submission; those the bucket has already need no upload."""

    files: list[UploadFile] = Field(max_length=2_000)

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"files": [{"sha256": _HASH, "bytes": 184320}]}]}
    )


class MusicRequest(Body):
    """A piece of music, or a cover, that is to be shared."""

    suffix: Literal[".mp3", ".wav", ".flac", ".m4a", ".ogg", ".opus", ".jpg", ".jpeg", ".png"] = Field(
        description="How its file's name ends."
    )
    sha256: Sha256
    bytes: int = Field(ge=1)
    replace: bool = Field(False, description="Whether it takes the place of another piece of that name.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"suffix": ".mp3", "sha256": _HASH, "bytes": 1843200}]}
    )


class PlanRequest(Body):
    """A project to be planned: small documents inline, large ones and recordings by hash. Nothing is written."""

    project: str = Field(description="Path of the project file among the documents or files.")
    documents: dict[str, str] = Field(default_factory=dict, description="Each document's bytes in base64, by path.")
    files: dict[str, Sha256] = Field(
        default_factory=dict, description="SHA-256 of each document that was uploaded instead, by path."
    )
    references: dict[str, Sha256] = Field(default_factory=dict, description="SHA-256 of each recording, by path.")
    budget_micros: Cap = Field(None, description="Cap of a run of it, in micro-dollars; without it, the project's own.")
    only: Selectors = Field(default_factory=list)
    fresh: bool = Fresh
    limit: int = Field(PAGE_LIMIT, ge=0, le=PAGE_LIMIT, description="Most lines in the answer.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "project": "cast.yaml",
                    "documents": {"cast.yaml": "cHJvZHVjdGlvbjogLi4u", "lines.csv": "aWQsY2hhcmFjdGVyLHRleHQ="},
                    "references": {"references/mara.mp3": _HASH},
                }
            ]
        },
    )


class ExplainRequest(PlanRequest):
    """A project, and the line of it that is to be explained."""

    line: str = Field(min_length=1, max_length=200, description="Id of the line.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "project": "cast.yaml",
                    "documents": {"cast.yaml": "cHJvZHVjdGlvbjogLi4u", "lines.csv": "aWQsY2hhcmFjdGVyLHRleHQ="},
                    "references": {"references/mara.mp3": _HASH},
                    "line": "sm_020_mara_greet",
                }
            ]
        },
    )


SayText = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
SayLanguage = Annotated[str | None, Field(description="A language of the project; without it, the source.")]


class SayPlanRequest(Body):
    """A text that a character of a project would say; documents and recordings as in a plan."""

    project: str = Field(description="Path of the project file among the documents or files.")
    documents: dict[str, str] = Field(default_factory=dict, description="Each document's bytes in base64, by path.")
    files: dict[str, Sha256] = Field(default_factory=dict, description="SHA-256 of each uploaded document, by path.")
    references: dict[str, Sha256] = Field(default_factory=dict, description="SHA-256 of each recording, by path.")
    text: SayText
    character: str = Field(min_length=1, max_length=200)
    language: SayLanguage = None
    budget_micros: Cap = Field(None, description="Cap of a run that says it, in micro-dollars.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"project": "cast.yaml", "text": "Xalthar", "character": "MARA"}]},
    )


class SayRequest(Body):
    """A text that is to be said once; the project's files have been uploaded."""

    project: str = Field(description="Path of the project file among the files.")
    files: dict[str, Sha256] = Field(description="SHA-256 of every file of the submission, by path.")
    text: SayText
    character: str = Field(min_length=1, max_length=200)
    language: SayLanguage = None
    agreed: Sha256 | None = Field(None, description="Digest of the plan that was agreed to.")
    budget_micros: Cap = Field(None, description="Cap of this run, in micro-dollars; without it, the project's own.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"project": "cast.yaml", "files": {"cast.yaml": _HASH}, "text": "Xalthar", "character": "MARA"}
            ]
        },
    )


class RunRequest(Body):
    """A run of a submission whose files have been uploaded."""

    project: str = Field(description="Path of the project file among the files.")
    files: dict[str, Sha256] = Field(description="SHA-256 of every file of the submission, by path.")
    agreed: Sha256 | None = Field(None, description="Digest of the plan that was agreed to.")
    only: Selectors = Field(default_factory=list)
    fresh: bool = Fresh
    budget_micros: Cap = Field(None, description="Cap of this run, in micro-dollars; without it, the project's own.")
    budget_mode: BudgetMode = Field(
        BudgetMode.HARD,
        description="`hard` refuses a plan that costs more than a cap has left; `soft` makes what it is enough for.",
    )
    priority: Priority = Field(
        Priority.NORMAL, description="Which of the account's lines are spoken first, whatever run they are of."
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "project": "cast.yaml",
                    "files": {"cast.yaml": _HASH, "lines.csv": _HASH, "references/mara.mp3": _HASH},
                    "agreed": _HASH,
                    "budget_micros": 25_000_000,
                }
            ]
        },
    )


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Names = Annotated[list[Name], Field(max_length=10_000)]


class CancelRequest(Body):
    """What of a run is cancelled: some of its lines, or, where both lists are empty, all of it."""

    characters: Names = Field(default_factory=list, description="Characters all of whose lines are meant.")
    lines: Names = Field(default_factory=list, description="Ids of lines.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"characters": ["MARA"], "lines": ["sm_020_mara_greet"]}]}
    )


class RetryChoice(Body):
    """What of a run is retried: where both lists are empty, all that it has not brought but what was cancelled."""

    causes: Names = Field(default_factory=list, description="Causes, as `failures` of the run names them.")
    lines: Names = Field(default_factory=list, description="Ids of lines.")
    budget_micros: Cap = Field(None, description="Cap of the run that retries, in micro-dollars.")

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"causes": ["provider_failed"]}]})


class RetryRequest(RetryChoice):
    """A retry that was looked at, and is wanted."""

    agreed: Sha256 | None = Field(None, description="Digest of the retry that was agreed to.")
    budget_mode: BudgetMode = Field(
        BudgetMode.HARD,
        description="`hard` refuses a retry that costs more than a cap has left; `soft` makes what it is enough for.",
    )

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"causes": ["provider_failed"], "agreed": _HASH}]}
    )


Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=r"^[^\x00]*$")]
LineIds = Annotated[list[Name], Field(min_length=1, max_length=1_000, description="Ids of lines.")]
MOST_ALTERNATIVES = 20


class RetakeChoice(Body):
    """More takes of lines that are spoken."""

    lines: LineIds
    count: int = Field(1, ge=1, le=MOST_ALTERNATIVES, description="How many more of each line.")
    direction: Note = Field("", description="What is asked of them; it is noted beside the takes and never spoken.")
    budget_micros: Cap = Field(None, description="Cap of the run that makes them, in micro-dollars.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"lines": ["sm_020_mara_greet"], "count": 3, "direction": "warmer"}]},
    )


class RetakeRequest(RetakeChoice):
    """A retake that was looked at, and is wanted."""

    agreed: Sha256 | None = Field(None, description="Digest of the retake that was agreed to.")
    budget_mode: BudgetMode = Field(
        BudgetMode.HARD,
        description="`hard` refuses a retake that costs more than a cap has left; `soft` makes what it is enough for.",
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"lines": ["sm_020_mara_greet"], "count": 3, "agreed": _HASH}]},
    )


TakeNumber = Annotated[int, Field(ge=1, lt=2**31, description="Number of a take in the line's history.")]


class ChoiceRequest(Body):
    """The take that is to speak a line."""

    line: Name = Field(description="Id of the line.")
    number: TakeNumber

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"line": "sm_020_mara_greet", "number": 1}]}
    )


By = Annotated[str, StringConstraints(max_length=80, pattern=r"^[^\x00]*$")]


class VerdictRequest(Body):
    """What a person thinks of takes."""

    lines: LineIds
    verdict: Verdict | None = Field(description="`approved` or `rejected`; null takes the verdict back.")
    number: TakeNumber | None = Field(None, description="The take that is meant; without it, each line's chosen one.")
    note: Note = Field("", description="Why; it is kept with the take.")
    by: By = Field("", description="Who decided; kept beside the id of the key.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"lines": ["sm_020_mara_greet"], "verdict": "rejected", "note": "Too fast.", "by": "ines"}]
        },
    )


class UnlockRequest(Body):
    """Lines: some by their ids, and all of some characters."""

    lines: Names = Field(default_factory=list, description="Ids of lines.")
    characters: Names = Field(default_factory=list, description="Characters all of whose lines are meant.")

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"characters": ["MARA"]}]})


class LockRequest(UnlockRequest):
    """Lines that no plan may change."""

    by: By = Field("", description="Who decided; kept beside the id of the key.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"lines": ["sm_020_mara_greet"], "by": "ines"}]}
    )


Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2_000, pattern=r"^[^\x00]*$")]
VoiceId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


class CapRequest(Body):
    """A new cap, and why."""

    cap_micros: Cap = Field(description="Most that may be spent in all, in micro-dollars; null for no cap.")
    reason: Reason = Field(description="Why; it is kept with the decision.")
    by: By = Field("", description="Who decided; kept beside the id of the key.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cap_micros": 50_000_000, "reason": "Act two was approved."}]}
    )


class TalentRequest(Body):
    """Why a talent is suspended, or reinstated."""

    reason: Reason = Field(description="Why; it is kept with the consent, and told where a line is refused.")
    by: By = Field("", description="Who decided; kept beside the id of the key.")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The agency has withdrawn the permission."}]}
    )


class RefundRequest(Body):
    """Money of one transfer that came back, and why."""

    amount_micros: int = Field(ge=1, lt=UNLIMITED, description="How much of the transfer came back, in micro-dollars.")
    reason: Reason = Field(description="Why; it is kept with the decision.")
    by: By = Field("", description="Who decided; kept beside the id of the key.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"amount_micros": 2_100_000, "reason": "Credited by the provider's support."}]},
    )


class DecisionRequest(Body):
    """What a person has found out about a paid call or a voice that came too late."""

    action: Action = Field(
        description="`adopt`: the voice is ours. `write_off`: charged and lost. `allow`: not charged, make it anew."
        " `discard`: a voice that came too late is not wanted."
    )
    voice_id: VoiceId | None = Field(None, description="The provider's id of the voice that is adopted.")
    reason: Reason = Field(description="What was found out; it is kept with the decision.")
    by: By = Field("", description="Who decided; kept beside the id of the key.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"action": "write_off", "reason": "Kyma's support finds no such voice.", "by": "ines"}]
        },
    )
