from collections.abc import Callable

import pytest

from pipeline.errors import UsageError
from pipeline.intake.rules import episode_scaffold, missing_consent, scaffold
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


def test_a_new_episode_can_be_planned_as_it_is_and_shows_what_a_script_can_say() -> None:
    files = Submission()
    files.files = dict(episode_scaffold("Harbour: “Nights” {1}"))
    project = files.project("episode.md")
    assert (project.production, project.title, project.notes) == ("harbour-nights-1", "The first episode", ())
    assert project.episode is not None
    assert (project.episode.show, project.episode.narrator) == ("Harbour: “Nights” {1}", "HOST")
    assert {line.extras["chapter"] for line in project.lines} == {"0", "1", "2"}


@pytest.mark.parametrize("write", [scaffold, episode_scaffold])
@pytest.mark.parametrize("name", ["", "...", "線"])
def test_a_name_that_gives_no_id_is_refused(name: str, write: Callable[[str], dict[str, str]]) -> None:
    with pytest.raises(UsageError, match="gives no id"):
        write(name)
