import pytest

from pipeline.audio import FileCoding
from pipeline.errors import UsageError
from pipeline.packs.rules import Asked, Layout, PackFormat, planned

ENGINES = [layout for layout in Layout if layout is not Layout.FLAT]


def test_takes_are_delivered_as_they_were_spoken_unless_an_engine_is_named() -> None:
    plan = planned(Asked(), ["en"])
    assert (plan.template.text, plan.delivery, plan.settings(None)) == ("{character}/{line_id}.{ext}", None, "as-is")


def test_a_production_of_several_languages_has_a_folder_for_each() -> None:
    assert planned(Asked(), ["en", "de"]).template.text == "{lang}/{character}/{line_id}.{ext}"


@pytest.mark.parametrize("layout", ENGINES)
def test_every_engine_gets_mono_wav_at_48_khz_and_the_loudness_of_home_platforms(layout: Layout) -> None:
    wanted = planned(Asked(layout), ["en"]).delivery
    assert wanted
    assert (wanted.coding, wanted.rate, wanted.channels) == (FileCoding.WAV, 48_000, 1)
    assert (wanted.target_lufs, wanted.ceiling_dbtp) == (-23.0, -1.0)


@pytest.mark.parametrize(
    ("layout", "form"),
    [
        *((Layout.WWISE, PackFormat.OGG), (Layout.UNREAL, PackFormat.MP3), (Layout.YARN, PackFormat.FLAC)),
        *((layout, PackFormat.AS_IS) for layout in ENGINES),
    ],
)
def test_a_format_that_an_engine_does_not_read_is_refused(layout: Layout, form: PackFormat) -> None:
    with pytest.raises(UsageError, match=f"{layout} does not take {form}") as refused:
        planned(Asked(layout, form), ["en"])
    assert "wav" in refused.value.hint


def test_yarn_finds_a_line_by_its_id_so_the_file_has_no_other_name() -> None:
    with pytest.raises(UsageError, match="by the line's id"):
        planned(Asked(Layout.YARN, name="{lang}/{character}_{line_id}.{ext}"), ["en"])


@pytest.mark.parametrize("layout", ENGINES)
def test_an_engine_gets_no_two_languages_in_one_folder(layout: Layout) -> None:
    asked = Asked(layout, name="VO/{line_id}.{ext}")
    assert planned(asked, ["en"]).template.home("en") == "VO"
    with pytest.raises(UsageError, match="one a language"):
        planned(asked, ["en", "de"])


@pytest.mark.parametrize("change", [{"loudness": "-20"}, {"rate": 24_000}, {"bits": 24}, {"channels": 2}])
def test_bytes_that_are_kept_cannot_be_changed(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="keeps a take's own bytes"):
        planned(Asked(**change), ["en"])  # type: ignore[arg-type] # each is of its field's type


@pytest.mark.parametrize(
    "change", [{"loudness": "loud"}, {"loudness": "0"}, {"loudness": "nan"}, {"rate": 12}, {"bits": 8}, {"channels": 6}]
)
def test_a_figure_that_is_not_possible_is_refused_with_what_is(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="not possible") as refused:
        planned(Asked(Layout.FMOD, **change), ["en"])  # type: ignore[arg-type] # as above
    assert refused.value.hint


def test_settings_name_everything_that_shapes_a_file() -> None:
    plans = [
        planned(asked, ["en"])
        for asked in (
            Asked(Layout.FMOD),
            Asked(Layout.FMOD, loudness="-20"),
            Asked(Layout.FMOD, loudness="off"),
            Asked(Layout.FMOD, rate=24_000),
            Asked(Layout.FMOD, bits=24),
            Asked(Layout.FMOD, channels=2),
            Asked(Layout.FMOD, PackFormat.OGG),
        )
    ]
    assert len({plan.settings(plan.delivery) for plan in plans}) == len(plans)
