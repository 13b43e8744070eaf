"""The asset graph, one module a stage: ingest, transform, quality, publish, schedules."""
