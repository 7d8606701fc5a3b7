"""What a trace tells: flows, crossings, names, sentences; the job is `pipelines.trace`."""
