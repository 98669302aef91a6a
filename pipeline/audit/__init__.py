"""Every promise about money recomputed from the rows: I1 to I10, by set-based questions that change nothing."""

from pipeline.audit.report import Broken, Finding, Report
from pipeline.audit.service import audit

__all__ = ["Broken", "Finding", "Report", "audit"]
