from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """How loud a recording is. Levels that are digital silence read -120."""

    seconds: float
    lufs: float | None
    """Integrated loudness (BS.1770-4); None below 0.4 s or where everything is under -70 LUFS."""
    true_peak_dbtp: float
    sample_peak_dbfs: float
    clipping_share: float
    silence_share: float
    noise_floor_dbfs: float
