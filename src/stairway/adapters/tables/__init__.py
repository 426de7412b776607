"""Tables on disk, made into raw bars: what the csv and parquet sources share."""
