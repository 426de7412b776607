"""The page of a proof: every question of a sceptic, with what was shown."""
