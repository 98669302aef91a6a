"""What a pack is made of, as pure functions of its lines."""

from pipeline.packs.rules import lists, manifest
from pipeline.packs.rules.layouts import Asked, Layout, PackFormat, PackPlan, planned
from pipeline.packs.rules.levels import DeliveryClass, delivery_class
from pipeline.packs.rules.names import NameTemplate, collision_key, file_name

__all__ = [
    "Asked",
    "DeliveryClass",
    "Layout",
    "NameTemplate",
    "PackFormat",
    "PackPlan",
    "collision_key",
    "delivery_class",
    "file_name",
    "lists",
    "manifest",
    "planned",
]
