"""Meter plug-ins: where the figures of a training run go. The file name is the config name."""
