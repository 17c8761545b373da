"""Models that read a sequence as it comes."""

from tcn.streaming.stream import Streaming

__all__ = ["Streaming"]
