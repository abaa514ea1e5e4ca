"""Reports of a stream: the log line, the signals, the callbacks."""
