"""Files and pipes of records, opened without a doubt: what the feeds of text share."""
