"""The hand-over of items from one producer to one reader: bounded, and without a lock."""

from __future__ import annotations

from .channel import ChannelStatistics

__all__ = ["ChannelStatistics"]
