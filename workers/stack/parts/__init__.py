"""What the stack is made of, in the order it is shown."""

from workers.stack.parts.broker import Valkey
from workers.stack.parts.monitor import Flower
from workers.stack.parts.programs import Api, Migration, Sandbox, Sweeper, Worker
from workers.stack.parts.recipe import Recipe
from workers.stack.parts.storage import Storage

RECIPES: tuple[Recipe, ...] = (
    Valkey(),
    Storage(),
    Migration(),
    Sandbox(),
    Api(),
    Worker(),
    Sweeper(),
    Flower(),
)
