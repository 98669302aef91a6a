import pytest

from pipeline.errors import UsageError
from pipeline.intake.rules import missing_consent, scaffold
from pipeline.intake.rules.values import iso_date
from tests.unit.intake.rules.submissions import Submission


def test_a_new_project_lacks_only_what_the_user_alone_can_give() -> None:
    files = Submission()
    files.files = dict(scaffold("Harbour: “Nights” {1}"))

    problems = files.problems(exists=lambda path: path in files.files)
    assert [p["place"] for p in problems] == ["talents.mara.reference"]

    project = files.project()
    assert (project.production, project.title) == ("harbour-nights-1", "Harbour: “Nights” {1}")
    today = iso_date("2026-06-01")
    assert missing_consent(project.talents["mara"], project.production, project.language, today) == "consent"


def test_the_consent_it_suggests_is_whole_once_the_signs_before_it_are_removed() -> None:
    files = Submission()
    files.files = dict(scaffold("harbour"))
    files.files["cast.yaml"] = (
        str(files.files["cast.yaml"]).replace("    # consent", "    consent").replace("    #   ", "      ")
    )
    project = files.project()
    talent = project.talents["mara"]
    assert missing_consent(talent, project.production, project.language, iso_date("2026-06-01")) is None


@pytest.mark.parametrize("name", ["", "...", "線"])
def test_a_name_that_gives_no_id_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="gives no id"):
        scaffold(name)
