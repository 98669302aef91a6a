"""Every table, for the migrations."""

from pipeline.db import leases, limits
from pipeline.db.base import Base
from pipeline.intake import models as intake
from pipeline.ledger import models as ledger
from pipeline.references import models as references
from pipeline.speech import models as speech
from pipeline.voices import models as voices

TABLES = (ledger, intake, references, voices, speech, leases, limits)
metadata = Base.metadata
