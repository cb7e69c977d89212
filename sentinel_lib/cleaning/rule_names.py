"""The names of what can be wrong with a row beside the rules of a suite, and of what becomes of it.

They stand in ``rule`` of ``quarantine.bars`` and in the columns ``outcome`` and ``change``.
"""

MALFORMED = "row.malformed"
UNREADABLE = "unreadable"
NOT_FINAL = "not_final"
NO_BAR = "no_bar"
NOT_A_SESSION = "not_a_session"
CONFLICTING_KEY = "conflicting_key"
HELD_WITH_ASSET = "held_back"
AWAITING_PROMOTION = "awaiting_promotion"

WAITING = (NOT_FINAL, AWAITING_PROMOTION)
"""Quarantined until a later run judges them again, or until their promotion is done."""
OUTSIDE_THE_LIMIT = (NOT_FINAL, NO_BAR, HELD_WITH_ASSET)
"""Rules that say nothing against the data, and so do not count towards the quarantined fraction."""

PROMOTED, QUARANTINED, DEDUPLICATED = "promoted", "quarantined", "deduplicated"
INSERT, CORRECTION = "insert", "correction"
