"""Where telemetry is read from: one file for each scheme, none of which writes."""
