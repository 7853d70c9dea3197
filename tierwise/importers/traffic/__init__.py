"""Traffic logs of other tools, one class a format; `FORMATS` holds them by name. docs/traffic.md lists what each is known by."""

from tierwise.importers.traffic import helicone, langfuse, litellm, openrouter, opentelemetry, plain, portkey  # noqa: F401
from tierwise.importers.traffic.detect import detect
from tierwise.importers.traffic.form import FORMATS, Call, Format, Unusable
from tierwise.importers.traffic.log import COST_UNITS, Key, Skipped, TrafficLog, read_traffic

__all__ = ["COST_UNITS", "FORMATS", "Call", "Format", "Key", "Skipped", "TrafficLog", "Unusable", "detect", "read_traffic"]
