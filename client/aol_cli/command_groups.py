"""How is a command that lists by itself, and has commands of its own beside that, told from these?"""

from typing import Any

from typer.core import TyperGroup


class ListByDefault(TyperGroup):
    """`aol access SERVICE` is short for `aol access list SERVICE`, and `aol requests` for `aol requests list`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["list", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["list", *args]
        if not args and not self.no_args_is_help:
            args = ["list"]
        return super().parse_args(ctx, args)
