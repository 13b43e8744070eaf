"""Everything that Dagster serves, for the home that the environment names."""

import dagster as dg

from dagster_project.config import House, silence_telemetry

silence_telemetry()

from dagster_project.assembly import build_definitions  # noqa: E402  (the tools read their switches at import)

defs: dg.Definitions = build_definitions(House.from_environment())
