"""What passes and the cards of providers are imported from; registered with tenancy.imports."""

from passes.imports.passes import PASSES
from passes.imports.tokens import TOKENS

__all__ = ["PASSES", "TOKENS"]
